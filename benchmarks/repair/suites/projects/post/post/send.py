import asyncio

from post.address import Unreadable, read


class Courier:
    """Sends letters, a few at a time, each as often as it takes."""

    def __init__(self, transport, limit=2, tries=3):
        self.transport = transport
        self.gate = asyncio.Semaphore(limit)
        self.tries = tries
        self.log = []

    async def send(self, to, text):
        address = read(to)
        for attempt in range(1, self.tries + 1):
            try:
                async with self.gate:
                    await self.transport(address, text)
            except ConnectionError as error:
                self.log.append(f"{address}: try {attempt} failed ({error})")
                continue
            self.log.append(f"{address}: sent")
            return True
        return False

    async def send_all(self, letters):
        """Results by receiver; None for addresses that cannot be read."""
        results = {}
        for to, text in letters:
            try:
                results[to] = await self.send(to, text)
            except Unreadable:
                results[to] = None
        return results

    def failures(self):
        return [line for line in self.log if "failed" in line]
