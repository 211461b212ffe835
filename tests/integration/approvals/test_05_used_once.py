"""5. Two workers consume at once: exactly one runs. Crash after consume: not run twice."""

import asyncio
import sys
import textwrap
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Ballot
from approvals.testing.rehearsal import refuses, yes
from domain import Refused
from tests.worlds.approvals import World, world


async def race(world: World) -> None:
    for turn in range(5):
        ballot = await world.stage.ask(step=f"s{turn}")
        await world.ballots.vote(ballot.id, yes(ballot), world.stage.human("vera"))
        attempts = [world.ballots.consume(ballot.id, "acme", ballot.action_digest) for _ in range(8)]
        results = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(isinstance(result, Ballot) for result in results) == 1
        assert {r.stable_code for r in results if isinstance(r, Refused)} == {"already_consumed"}


async def test_05_on_sqlite(world: World) -> None:
    await race(world)


@pytest.mark.postgres
async def test_05_on_postgres(postgres_engine: AsyncEngine, tmp_path: Path) -> None:
    await race(world(postgres_engine, tmp_path))


WORKER = textwrap.dedent("""
    import asyncio, os, sys
    from pathlib import Path
    from database.engine import open_engine, sqlite_url
    from domain import Refused
    from tests.worlds.approvals import world

    async def work(database, ballot, digest, crash):
        engine = open_engine(sqlite_url(Path(database)))
        here = world(engine, Path(database).parent / "witness")
        here.stage.human("vera")
        try:
            await here.ballots.consume(ballot, "acme", digest)
            print("ran", flush=True)
            if crash == "crash":
                os._exit(9)
            await here.ballots.executed(ballot, "acme")
        except Refused as no:
            print(no.stable_code, flush=True)
        await engine.dispose()

    asyncio.run(work(*sys.argv[1:]))
""")


async def worker(folder: Path, ballot: Ballot, crash: str = "") -> str:
    argv = [sys.executable, "-c", WORKER, str(folder / "signoff.db"), ballot.id, ballot.action_digest, crash]
    started = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3])
    return (await started.communicate())[0].decode().strip()


@pytest.mark.slow
async def test_05_two_processes_and_a_crash(world: World, tmp_path: Path) -> None:
    ballot = await world.stage.ask()
    await world.ballots.vote(ballot.id, yes(ballot), world.stage.human("vera"))
    said = await asyncio.gather(worker(tmp_path, ballot, "crash"), worker(tmp_path, ballot, "crash"))
    assert sorted(said) == ["already_consumed", "ran"]
    assert await worker(tmp_path, ballot) == "already_consumed"
    await refuses("already_consumed", world.ballots.consume(ballot.id, "acme", ballot.action_digest))
    assert (await world.ballots.get(ballot.id, "acme")).state == "consumed"
