"""What holds for every test."""

import signal
from types import FrameType


def _interrupted(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def pytest_configure() -> None:
    # asyncio.Runner replaces Python's own handler by one that holds its task, and asks for it after every run;
    # signal.getsignal() then takes the repr of that task with all it refers to, which may be seconds a time.
    signal.signal(signal.SIGINT, _interrupted)
