"""What holds for every test."""

import signal
from pathlib import Path
from types import FrameType

import pytest

LONG = Path(__file__).with_name("long.txt")


def _interrupted(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


def pytest_configure() -> None:
    # asyncio.Runner replaces Python's own handler by one that holds its task, and asks for it after every run;
    # signal.getsignal() then takes the repr of that task with all it refers to, which may be seconds a time.
    signal.signal(signal.SIGINT, _interrupted)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--short", action="store_true", help=f"leave out the tests that {LONG.name} names")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("short"):
        return
    long = set(LONG.read_text(encoding="utf-8").split())
    left_out = [item for item in items if item.nodeid.partition("[")[0] in long]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item.nodeid.partition("[")[0] not in long]
