"""The sandbox's container is killed while a command runs in it."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError
from docker.models.containers import Container

from sandbox.docker.hardening import LABEL
from sandbox.docker.reaper import OWNER
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
NAP = f"sleep 2.{os.getpid():06}"
"""Found again among everybody's processes."""
SLOWLY = f"{NAP} && {QUICK}"


async def test_the_run_goes_on_in_another_one(born: Nursery, tmp_path: Path) -> None:
    async with OpenAIServer(SCRIPT) as model:
        life = Life(born, tmp_path, {"whole": True, "model_base_url": model.base_url, "sandbox": "docker"})
        await life.start()
        undisturbed = await started(life.child, real_task(repository(tmp_path / "undisturbed"), SLOWLY))
        await life.settled([undisturbed])
        repo = repository(tmp_path / "repo")
        thread = await started(life.child, real_task(repo, SLOWLY))
        assert await asyncio.to_thread(_killed), "its command was never seen"
        assert await life.settled([thread]) == {"success": 1}
        assert await ending(life.child, thread) == await ending(life.child, undisturbed)
        assert len(git(repo, "branch", "--list", "signoff/*").split()) == 1
        await life.child.kill()
        assert await asyncio.to_thread(left_of, {life.child.pid}) == []


def _killed() -> bool:
    """Kill the container in which the command runs, as soon as it does."""
    client, until = docker.from_env(), time.monotonic() + 60
    try:
        while time.monotonic() < until:
            for container in client.containers.list(filters={"label": LABEL}, ignore_removed=True):
                if NAP in _commands(container):
                    container.kill()
                    return True
        return False
    finally:
        client.close()


def _commands(container: Container) -> str:
    try:
        return "\n".join(" ".join(process) for process in container.top()["Processes"])
    except APIError:  # it is going away
        return ""


def left_of(pids: set[int]) -> list[str]:
    """Containers of these orchestrators that are still there a while after those are gone."""
    client, until = docker.from_env(), time.monotonic() + 20
    try:
        while True:
            found = client.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
            left = [str(c.name) for c in found if c.labels.get(OWNER, "").split("/")[-2:-1] in [[str(p)] for p in pids]]
            if not left or time.monotonic() > until:
                return left
    finally:
        client.close()
