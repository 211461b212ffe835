"""``make chaos``: at least 200 kills at random moments, on every engine there is; writes ``docs/reliability.md``.

``python -m tests.chaos.nightly [--kills 200] [--cluster 300 [--within SECONDS]] [--seed 7]``; ends with 1 when anything
was lost or done twice. What ``--cluster`` came to stands in ``benchmarks/results/chaos.json``, too.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker

from benchmarks.report import machine
from sandbox.docker.reaper import owner, sweep
from tests.architecture.tree import ROOT
from tests.chaos.asking import real_task
from tests.chaos.life import Life
from tests.chaos.nursery import Nursery, nursery
from tests.chaos.report import cluster_figures, cluster_section, section_of, with_section, written
from tests.chaos.storm import Tally, storm
from tests.chaos.test_sandboxes import SCRIPT, left_of
from tests.wire.openai_server import OpenAIServer
from tests.worlds import postgres
from tests.worlds.house import QUICK, git, repository

REPORT = ROOT / "docs" / "reliability.md"
FIGURES = ROOT / "benchmarks" / "results" / "chaos.json"
GRACE_S = 61.0
REAL_SHARE = 10
"""One kill in so many hits a server whose runs change real repositories in real containers."""


async def main(kills: int, seed: int) -> int:
    """Run the storms one after the other and write the report."""
    real = max(1, kills // REAL_SHARE)
    found: dict[str, Tally] = {}
    async with nursery() as born:
        with tempfile.TemporaryDirectory(prefix="signoff-chaos-") as folder:
            life = Life(born, Path(folder))
            await life.start()
            half = (kills - real) // 2
            found["embedded, SQLite"] = _said("embedded", await storm(life, kills=kills - real - half, seed=seed))
        with tempfile.TemporaryDirectory(prefix="signoff-chaos-") as folder, postgres.cluster() as socket:
            given = {"server": await postgres.emptied(socket, "storm"), "lease_s": 1.0, "workers": 0}
            life = Life(born, Path(folder), given, helping={"workers": 4})
            await life.start()
            found["a server and a worker, PostgreSQL"] = _said("postgres", await storm(life, kills=half, seed=seed))
            for child in (life.child, life.helper):
                await child.kill()
        with tempfile.TemporaryDirectory(prefix="signoff-chaos-") as folder:
            tally, left = await _in_containers(born, Path(folder), kills=real, seed=seed)
            found["embedded, SQLite, real repositories in Docker"] = _said("docker", tally)
    page = written(found, seed=seed, kills=kills, containers_left=len(left))
    section = section_of(REPORT.read_text(encoding="utf-8"))
    REPORT.write_text(with_section(page, section) if section else page, encoding="utf-8")
    return 0 if all(tally.sound for tally in found.values()) and not left else 1


async def cluster(kills: int, seed: int, within_s: float) -> int:
    """A storm over a server that also works, a worker and their database alone; its section of the report."""
    async with nursery() as born:
        with tempfile.TemporaryDirectory(prefix="signoff-chaos-") as folder, postgres.cluster() as socket:
            given = {"server": await postgres.emptied(socket, "storm"), "lease_s": 1.0, "workers": 2}
            life = Life(born, Path(folder), given, helping={"workers": 4})
            await life.start()
            tally = _said("cluster", await storm(life, kills=kills, seed=seed, database=socket, within_s=within_s))
            for child in (life.child, life.helper):
                await child.kill()
    FIGURES.write_text(json.dumps({**cluster_figures(tally, seed=seed), **machine()}, indent=2) + "\n")
    REPORT.write_text(
        with_section(REPORT.read_text(encoding="utf-8"), cluster_section(tally, seed=seed)), encoding="utf-8"
    )
    return 0 if tally.sound else 1


async def _in_containers(born: Nursery, folder: Path, *, kills: int, seed: int) -> tuple[Tally, list[str]]:
    """Every run has a repository of its own; a delivery is a branch in it with one commit."""
    async with OpenAIServer(SCRIPT) as model:
        life = Life(born, folder, {"whole": True, "model_base_url": model.base_url, "sandbox": "docker"})
        await life.start()
        repos: list[Path] = []

        def ask(_: random.Random) -> Mapping[str, Any]:
            repos.append(repository(folder / f"repo-{len(repos)}"))
            return real_task(repos[-1], QUICK)

        tally = await storm(life, kills=kills, seed=seed, ask=ask, at_once=3, longest_s=4.0)
        for thread in tally.threads:
            tally.delivered[thread] = await _commits(life, thread)
        await life.child.kill()
    return tally, await _left({child.pid for child in born.children})


async def _left(pids: set[int]) -> list[str]:
    """What is left once the next server has looked: one that was made and never started gets a minute's grace."""
    left = await asyncio.to_thread(left_of, pids)
    if left:
        await asyncio.sleep(GRACE_S)
        client = docker.from_env()
        try:
            await asyncio.to_thread(sweep, client.api, owner())
        finally:
            client.close()
        left = await asyncio.to_thread(left_of, pids)
    return left


async def _commits(life: Life, thread: str) -> int:
    """How many commits a run left in its repository."""
    async with life.child.http() as http:
        values = (await http.get(f"/threads/{thread}/state")).json()["values"]
    repo = Path(values["task"]["repo"])
    return int(git(repo, "rev-list", "--count", "--all", "--not", "main"))


def _said(name: str, tally: Tally) -> Tally:
    print(  # noqa: T201
        f"{name}: {tally.kills} kills, {len(tally.threads)} runs, {tally.lost} lost, "
        f"{tally.delivered_twice} delivered twice, {tally.took_s:.0f} s",
        flush=True,
    )
    return tally


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cluster", type=int, default=0, help="kill so often on PostgreSQL, its server included")
    parser.add_argument("--within", type=float, default=float("inf"), help="seconds after which no kill begins")
    options = parser.parse_args()
    work = (
        cluster(options.cluster, options.seed, options.within) if options.cluster else main(options.kills, options.seed)
    )
    sys.exit(asyncio.run(work))
