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


def cleared_up(frame: FrameType | None) -> bool:
    """Whether it is the maintenance of the process that calls: it comes round now and then, whatever is asked."""
    while frame is not None and frame.f_code.co_filename != f"{SERVICE}maintenance.py":
        frame = frame.f_back
    return frame is not None


async def opened(folder: Path) -> list[str]:
    files: set[str] = set()
    first_event = False

    def enter(frame: FrameType, event: str, _: object) -> None:
        nonlocal first_event
        if event != "call" or first_event or not frame.f_code.co_filename.startswith(SERVICE):
            return
        if not cleared_up(frame):
            files.add(frame.f_code.co_filename.removeprefix(SERVICE))
            # Each event passes here on its way out; what the run does while the client reads it is another story.
            first_event = frame.f_code.co_name == "_wanted"

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
