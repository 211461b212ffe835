"""Runs that wait for a signature, and what becomes of them."""

import asyncio
from typing import Any

from tests.worlds.served import Served

SIGN = {"task": {"text": "sign it", "repo": "/nowhere", "accept": "true"}}


async def paused(service: Served) -> tuple[str, dict[str, Any]]:
    """A thread that waits, and its approval."""
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=SIGN)
    async with service.http() as http:
        (item,) = (await http.get("/v1/approvals", params={"state": "pending", "run": thread})).json()["items"]
    return thread, item


async def ended(service: Served, thread: str) -> dict[str, Any]:
    """Wait until the thread does nothing any more."""
    client = service.sdk()
    async with asyncio.timeout(10):
        while True:
            runs = await client.runs.list(thread)
            if len(runs) > 1 and runs[0]["status"] not in {"pending", "running"}:
                return dict(runs[0])
            await asyncio.sleep(0.005)
