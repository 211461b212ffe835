"""A process that takes turns with a coder, and is killed when the coder is asked for one of them."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TypeVar

from models import Question, Reply, Scripted
from service.wiring.application import open_application
from tests.worlds.house import OK, settings, task

T = TypeVar("T")
TURNS = (
    "```open\nshop/prices.py\n```",
    "```edit shop/prices.py\n<<<<<<< SEARCH\nsum(prices[1:])\n=======\nsum(prices)\n>>>>>>> REPLACE\n```",
    "```run\npython3 -c 'from shop.prices import total; print(total([1, 2]))'\n```",
    "```done\nCount the first price too\n```",
)


class Talks:
    """Answers by how far the conversation is; with ``dies_at`` it takes its process with it there."""

    name = "coder"

    def __init__(self, asked: Path, dies_at: int) -> None:
        self._asked, self._dies_at = asked, dies_at

    async def ask(self, question: Question[T]) -> Reply[T]:
        turn = sum(message.role == "assistant" for message in question.messages) + 1
        with self._asked.open("a") as file:
            file.write(f"{turn}\n")
        if turn == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return await Scripted([TURNS[turn - 1]], name="coder").ask(question)


async def main(folder: Path, dies_at: int) -> None:
    models = {"coder": Talks(folder / "asked", dies_at), "reviewer": Scripted([OK])}
    async with open_application(settings(folder, coder_dialect="text"), models=models) as opened:
        if await opened.engine.runs.exactly("r1", org=opened.org) is None:
            await opened.engine.create(task(folder / "repo", deliver="patch"), id="r1")
        standing = await opened.engine.advance("r1", None)
        ended = standing.run.ending.status if standing.run.ending else standing.run.status
        turns = [turn.outcome for turn in standing.values["turns"]]
        (folder / "ended").write_text(json.dumps({"status": ended, "turns": turns, "diff": standing.values["diff"]}))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
