"""Receive: the task is checked, the commit pinned, the acceptance command found."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from domain import Refused, Task
from nodes.receive import acceptance_command, checked_task
from sandbox import Pinned
from tests.worlds.house import BUGGY, git
from tests.worlds.stations import station, visit


async def test_the_commit_is_pinned_and_the_expert_chosen(tmp_path: Path) -> None:
    async with station(tmp_path) as (opened, state):
        update = await visit(opened, state, "receive")
        assert update["pinned"].commit == git(tmp_path / "repo", "rev-parse", "HEAD")
        assert update["task"].base == update["pinned"].commit
        assert update["task"].expert == update["expert"]
        assert update["task"].received_at is not None


async def test_the_acceptance_command_is_found_in_the_repository(tmp_path: Path) -> None:
    async with station(tmp_path, wanted={"accept": None}) as (opened, state):
        assert (await visit(opened, state, "receive"))["task"].accept == "python3 -m pytest -q"


async def test_a_repository_without_one_is_refused(tmp_path: Path) -> None:
    files = {"notes.txt": "Nothing to run.\n"}
    async with station(tmp_path, files=files, wanted={"accept": None}) as (opened, state):
        with pytest.raises(Refused, match="acceptance command") as refused:
            await visit(opened, state, "receive")
        assert refused.value.stable_code == "acceptance_not_found"


async def test_a_task_of_a_client_is_checked(tmp_path: Path) -> None:
    async with station(tmp_path) as (opened, state):
        state["task"] = {"text": "x", "repo": str(tmp_path / "repo"), "deliver": "by post"}
        with pytest.raises(Refused) as refused:
            await visit(opened, state, "receive")
        assert refused.value.stable_code == "task_invalid"


async def test_a_secret_of_the_repository_is_masked_in_the_task(tmp_path: Path) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    files = {**BUGGY, ".env": f"GITHUB_TOKEN={secret}\n"}
    async with station(tmp_path, files=files, wanted={"text": f"Why is {secret} here?"}) as (opened, state):
        assert secret not in (await visit(opened, state, "receive"))["task"].text


def test_a_task_is_a_value_or_the_json_of_one() -> None:
    task = Task(text="Fix it", repo="/r")
    assert checked_task(task) is task
    assert checked_task({"text": "Fix it", "repo": "/r"}) == task
    with pytest.raises(Refused, match=r"The task is not valid: .*repo") as refused:
        checked_task({"text": "Fix it", "repo": 7})
    assert refused.value.stable_code == "task_invalid"


class Texts:
    """Texts in memory."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    async def views(self, tree: str, paths: Sequence[str]) -> dict[str, str]:
        assert tree == "t"
        return {path: self.texts[path] for path in paths}


MANIFESTS = {"Makefile": "test:\n\ttrue\n", "api/pyproject.toml": "[tool.pytest.ini_options]\n"}


@pytest.mark.parametrize(
    ("folder", "command"),
    [("", "make test"), ("api", "cd api && python3 -m pytest -q"), ("docs", "make test")],
)
async def test_the_nearest_manifest_says_how_a_change_is_proved(folder: str, command: str) -> None:
    pinned = Pinned(repo="/r", commit="c", tree="t", folder=folder)
    paths = (*MANIFESTS, "docs/index.md")
    assert command in await acceptance_command(Texts(MANIFESTS), pinned, paths)
