"""``kill -9`` of every process between the hook of a forge and the start of its run: it starts, and once.

The places are gates in PostgreSQL (a trigger that waits) and a question of the worker to the forge.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from tests.chaos.life import Life
from tests.chaos.nursery import Nursery
from tests.worlds import forge_hooks as sent
from tests.worlds import postgres
from tests.worlds.forge_hooks import REPO, SECRET
from tests.worlds.forge_server import ForgeServer, forge_server
from tests.worlds.forge_wire import Request, Response
from tests.worlds.github_shapes import ANN

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(600)]
GATES = {
    "plan": "BEFORE UPDATE ON forge_events FOR EACH ROW WHEN (OLD.asked IS NULL AND NEW.asked IS NOT NULL)",
    "turn": "BEFORE INSERT ON turns FOR EACH ROW WHEN (true)",
    "begun": "BEFORE UPDATE ON forge_events FOR EACH ROW WHEN (OLD.turn IS NULL AND NEW.turn IS NOT NULL)",
}
"""Before it is written down what is asked; before the turn is there; before the event knows its turn."""


@asynccontextmanager
async def gate(url: str, name: str) -> AsyncGenerator[asyncio.Task[None]]:
    """Inside, whoever comes to the gate waits there; the task ends when somebody does. Behind it nobody waits."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
        await conn.execute(
            "CREATE OR REPLACE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN NEW; END $$"
        )
        await conn.execute("SELECT pg_advisory_lock(7)")
        await conn.execute(f"CREATE TRIGGER gate {GATES[name]} EXECUTE FUNCTION wait_at_the_gate()".encode())

        async def somebody_waits() -> None:
            waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while await (await conn.execute(waiting)).fetchone() is None:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.01)

        waits = asyncio.create_task(somebody_waits())
        try:
            yield waits
        finally:
            waits.cancel()
            # Those who wait are connections of dead processes: with them ends what they had begun.
            await conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            )
            await conn.execute("SELECT pg_advisory_unlock(7)")
            await conn.execute("DROP TRIGGER gate ON " + GATES[name].split()[3])


async def hooked(life: Life, number: int) -> None:
    """A comment on an issue; the forge was told that it was taken."""
    delivery = sent.issue_comment("@signoff do it", int(ANN.id), number=number, id_=number)
    for writer in (delivery["payload"]["sender"], delivery["payload"]["comment"]["user"]):
        writer["login"] = ANN.login  # who the forge knows
    body, headers = sent.github_signed(delivery, id_=f"d-{number}")
    async with life.child.http() as http:
        assert (await http.post("/v1/hooks/forges/acme", content=body, headers=headers)).status_code == 202


async def reborn(life: Life) -> None:
    """All processes die at once, and others come."""
    await asyncio.gather(life.child.kill(), life.helper.kill())
    await life.help()
    await life.start()


async def lives(born: Nursery, folder: Path, url: str, forge: ForgeServer) -> Life:
    hook = {"name": "acme", "forge": "forge", "org": "local", "secrets": [SECRET], "members": {int(ANN.id): "ann"}}
    hook["repositories"] = [{"name": REPO, "url": "/nowhere", "accept": "true", "deliver": "patch"}]
    file = folder / "forges.yaml"
    file.write_text(json.dumps({"forges": [forge.entry()], "hooks": [hook]}))
    forge.twin.add_repository(REPO)
    for number in range(1, 13):
        forge.twin.add_issue(REPO, ANN, f"Issue {number}")
    forge.twin.rights[REPO, ANN.id] = "write"
    life = Life(
        born, folder, {"server": url, "lease_s": 1.0, "workers": 2, "forges": str(file)}, helping={"workers": 2}
    )
    await life.start()
    return life


async def test_a_hook_starts_its_run_once_wherever_everything_dies(
    born: Nursery, tmp_path: Path, cluster: Path
) -> None:
    url = await postgres.emptied(cluster, "hooks")
    async with forge_server("github", tmp_path / "forge") as forge:
        life = await lives(born, tmp_path, url, forge)
        for number, name in enumerate(GATES, start=1):
            async with gate(url, name) as waits:
                await hooked(life, number)
                await asyncio.wait_for(waits, 60)
                await asyncio.gather(life.child.kill(), life.helper.kill())
            await reborn(life)
        dies = asyncio.Event()

        def fault(request: Request) -> Response | None:
            if not dies.is_set() and "permission" in request.path:
                dies.set()
                for child in (life.child, life.helper):
                    child.end()
            return None

        forge.fault = fault
        await hooked(life, 4)
        await asyncio.wait_for(dies.wait(), 60)
        await reborn(life)
        await hooked(life, 5)  # nobody dies
        threads = await begun(url, 5)
        assert await life.settled(list(threads)) == {"success": 5}
        assert threads == dict.fromkeys(threads, 1)
        assert life.deliveries == Counter(threads)
        async with asyncio.timeout(60):
            while len(answers(forge)) < 5 or not all(text.startswith("Done.") for text in answers(forge)):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert len(answers(forge)) == 5, "each hook has one answer"


def answers(forge: ForgeServer) -> list[str]:
    return [note.body for (path, _, _), notes in forge.twin.notes.items() if path == REPO for note in notes]


async def begun(url: str, number: int) -> Counter[str]:
    """How many turns each thread has that a hook began, once so many events are begun."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn, asyncio.timeout(60):
        while True:
            (found,) = await (await conn.execute("SELECT count(turn) FROM forge_events")).fetchone() or (0,)
            if found == number:
                rows = await (await conn.execute("SELECT thread FROM turns")).fetchall()
                return Counter(str(row[0]) for row in rows)
            await asyncio.sleep(0.05)
