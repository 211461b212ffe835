import asyncio

from post.send import Courier


class Line:
    """Fails so often before it works."""

    def __init__(self, failures):
        self.failures = failures
        self.sent = []

    async def __call__(self, address, text):
        await asyncio.sleep(0)
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("busy")
        self.sent.append((str(address), text))


def test_sent():
    line = Line(0)
    courier = Courier(line)
    assert asyncio.run(courier.send("a@b", "hi")) is True
    assert line.sent == [("a@b", "hi")]
    assert courier.log == ["a@b: sent"]


def test_tried_again():
    courier = Courier(Line(2))
    assert asyncio.run(courier.send("a@b", "hi"))
    assert courier.failures() == ["a@b: try 1 failed (busy)", "a@b: try 2 failed (busy)"]


def test_given_up():
    courier = Courier(Line(3))
    assert asyncio.run(courier.send("a@b", "hi")) is False
    assert len(courier.failures()) == 3


def test_all():
    courier = Courier(Line(3))
    results = asyncio.run(courier.send_all([("a@b", "1"), ("nobody", "2"), ("c@d", "3")]))
    assert results == {"a@b": False, "nobody": None, "c@d": True}
