"""What a repository holds and what its tests print stops neither the server nor any other run on it."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.adversarial.test_outside_text import BOMBS
from tests.worlds.house import BUGGY, FIX, OK, QUICK, application, repository, start, task

CHATTY = f"python3 -c 'print(chr(10) * 600_000)'; {QUICK}"


async def longest_gap(stop: asyncio.Event) -> float:
    """How long, at most, others had to wait for the event loop."""
    longest, before = 0.0, time.monotonic()
    while not stop.is_set():
        await asyncio.sleep(0.01)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()
    return longest


async def test_a_server_answers_while_600_kb_of_blank_lines_are_read(tmp_path: Path) -> None:
    stop = asyncio.Event()
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        watch = asyncio.create_task(longest_gap(stop))
        standing, _ = await start(opened, task(repository(tmp_path / "repo"), accept=CHATTY))
        stop.set()
        assert standing.ballot is not None, standing.run.ending
        assert await watch < 2


@pytest.mark.parametrize("bomb", ["sequences", "merged", "many", "itself"])
async def test_a_run_whose_policy_cannot_be_read_is_refused_and_the_next_one_runs(tmp_path: Path, bomb: str) -> None:
    bad = repository(tmp_path / "bad", {**BUGGY, ".signoff/risk.yaml": BOMBS[bomb]})
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(bad))
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("failed", "policy_invalid")
        assert "line " in standing.run.ending.message
        standing, _ = await start(opened, task(repository(tmp_path / "good")))
        assert standing.ballot is not None


async def test_a_run_whose_model_policy_cannot_be_read_is_refused_too(tmp_path: Path) -> None:
    bad = repository(tmp_path / "bad", {**BUGGY, ".signoff/policy.yaml": BOMBS["sequences"]})
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(bad))
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("failed", "workspace_policy_invalid")


async def test_a_package_json_nested_200_000_deep_names_no_command(tmp_path: Path) -> None:
    deep = repository(tmp_path / "deep", {"package.json": '{"scripts":' * 200_000})
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(deep, accept=None))
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("failed", "acceptance_not_found")
