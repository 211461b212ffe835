"""Who waits for a word."""

import asyncio

import pytest

from database import look_again


@pytest.mark.parametrize("rounds", range(6))
async def test_a_cancellation_that_comes_together_with_the_word_is_not_lost(rounds: int) -> None:
    event = asyncio.Event()

    async def watch() -> None:
        while True:
            await look_again(event, 30)
            event.clear()

    watching = asyncio.create_task(watch())
    for _ in range(3):
        await asyncio.sleep(0)
    event.set()
    for _ in range(rounds):
        await asyncio.sleep(0)
    watching.cancel()
    await asyncio.wait([watching], timeout=1)
    lost = not watching.done()
    watching.cancel()
    assert not lost
