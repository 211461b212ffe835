"""The sandbox's container is killed while a command runs in it."""

import asyncio
from pathlib import Path
from typing import Any

import docker
import pytest

from sandbox.hardening import LABEL
from tests.chaos.asking import ending, real_task, started
from tests.chaos.life import Life
from tests.chaos.nursery import Nursery
from tests.wire.openai_server import OpenAIServer
from tests.worlds.house import FIX, OK, QUICK, git, repository

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(180)]
SCRIPT: list[dict[str, Any]] = [
    {"when": "code_change", "repeat": True, "answer": FIX},
    {"when": "review", "repeat": True, "answer": OK},
]
SLOWLY = f"sleep 2 && {QUICK}"


async def test_the_run_goes_on_in_another_one(born: Nursery, tmp_path: Path) -> None:
    async with OpenAIServer(SCRIPT) as model:
        life = Life(born, tmp_path, {"whole": True, "model_base_url": model.base_url, "sandbox": "docker"})
        await life.start()
        undisturbed = await started(life.child, real_task(repository(tmp_path / "undisturbed"), SLOWLY))
        await life.settled([undisturbed])
        repo = repository(tmp_path / "repo")
        thread = await started(life.child, real_task(repo, SLOWLY))
        assert await asyncio.to_thread(_killed, thread)
        assert await life.settled([thread]) == {"success": 1}
        assert await ending(life.child, thread) == await ending(life.child, undisturbed)
        assert len(git(repo, "branch", "--list", "signoff/*").split()) == 1
        await life.child.kill()
        assert await asyncio.to_thread(left_of, [thread, undisturbed]) == []


def _killed(run: str) -> bool:
    """Kill the run's container as soon as a command of its own runs in it."""
    client = docker.from_env()
    try:
        for _ in range(1_200):
            for container in client.containers.list(filters={"label": f"{LABEL}.run={run}"}):
                if any("sleep" in " ".join(process) for process in container.top()["Processes"]):
                    container.kill()
                    return True
        return False
    finally:
        client.close()


def left_of(runs: list[str]) -> list[str]:
    """Containers of these runs that are still there a moment after their orchestrator is gone."""
    client = docker.from_env()
    try:
        for _ in range(100):
            left = [
                c for run in runs for c in client.containers.list(all=True, filters={"label": f"{LABEL}.run={run}"})
            ]
            if not left:
                return []
        return [str(container.name) for container in left]
    finally:
        client.close()
