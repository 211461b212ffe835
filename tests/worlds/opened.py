"""Files of ``service/`` that are executed from ``POST /threads/{id}/runs/stream`` to its first event.

``python -m tests.worlds.opened FOLDER`` prints them as JSON. A process of its own: who is profiled is slow, and what
other tests left behind would be counted as well.
"""

import asyncio
import json
import sys
import threading
from pathlib import Path
from types import FrameType

from tests.worlds.house import repository
from tests.worlds.served import served

SERVICE = str(Path(__file__).parents[2] / "service") + "/"


async def opened(folder: Path) -> list[str]:
    files: set[str] = set()

    def enter(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(SERVICE):
            files.add(frame.f_code.co_filename.removeprefix(SERVICE))

    repo = str(repository(folder / "repo"))
    async with served(folder) as running, running.http() as http:
        thread = (await http.post("/threads", json={})).json()["thread_id"]
        task = {"messages": [{"role": "user", "content": "Fix the total"}], "repo": repo}
        asked = {"assistant_id": "coding", "input": task, "stream_mode": ["values", "custom"]}
        threading.setprofile(enter)
        sys.setprofile(enter)
        async with http.stream("POST", f"/threads/{thread}/runs/stream", json=asked) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("event:"):
                    break
            sys.setprofile(None)
            threading.setprofile(None)
            running.gate.set()
    return sorted(files)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(opened(Path(sys.argv[1])))))  # noqa: T201
