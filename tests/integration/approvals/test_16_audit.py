"""16. Audit row changed, deleted, tail cut: verify fails."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.testing.rehearsal import START
from telemetry.audit import Line
from telemetry.audit.chain import flaws_in, genesis, sealed
from telemetry.audit.tables import heads, log
from tests.worlds.approvals import World, filled, world


async def tamper(engine: AsyncEngine, statement: str) -> None:
    """What somebody with the database's password does: drop the guards, then change things."""
    drops = {
        "sqlite": ["DROP TRIGGER IF EXISTS audit_log_no_update", "DROP TRIGGER IF EXISTS audit_log_no_delete"],
        "postgresql": ["DROP TRIGGER IF EXISTS audit_log_no_change ON audit_log"],
    }
    async with engine.begin() as conn:
        for drop in (*drops[engine.dialect.name], statement):
            await conn.execute(text(drop))


CHANGES = {
    "a verb": ("UPDATE audit_log SET verb = 'approval.vote.approve' WHERE verb = 'approval.vote.reject'", "changed"),
    "an actor": ("UPDATE audit_log SET actor_ref = 'p_somebody' WHERE seq = 2", "changed"),
    "a time": ("UPDATE audit_log SET at = at + 1 WHERE seq = 3", "changed"),
    "a hash": ("UPDATE audit_log SET hash = prev_hash WHERE seq = 3", "changed"),
    "a deleted line": ("DELETE FROM audit_log WHERE seq = 4", "missing"),
    "the first line": ("DELETE FROM audit_log WHERE seq = 1", "missing"),
    "the last line": ("DELETE FROM audit_log WHERE seq = 10", "head"),
    "everything": ("DELETE FROM audit_log", "head"),
}


async def found(world: World) -> list[str]:
    verified = await world.audit.verify("acme")
    return [flaw.kind for flaw in verified.flaws]


@pytest.mark.parametrize("what", CHANGES)
async def test_16_a_change_is_found(world: World, what: str) -> None:
    await filled(world)
    assert (await world.audit.verify("acme")).holds
    statement, kind = CHANGES[what]
    await tamper(world.engine, statement)
    assert kind in await found(world)


async def test_16_the_log_refuses_to_be_changed(world: World) -> None:
    await filled(world)
    for statement in ("UPDATE audit_log SET verb = 'x'", "DELETE FROM audit_log"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with world.engine.begin() as conn:
                await conn.execute(text(statement))


@pytest.mark.postgres
async def test_16_on_postgres(postgres_engine: AsyncEngine, tmp_path: Path) -> None:
    there = world(postgres_engine, tmp_path)
    await asyncio.gather(*(filled(there, org) for org in ("acme", "other", "third")))
    for org in ("acme", "other", "third"):
        verified = await there.audit.verify(org)
        assert (verified.holds, verified.lines) == (True, 10)
    for statement in ("UPDATE audit_log SET verb = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with postgres_engine.begin() as conn:
                await conn.execute(text(statement))
    await tamper(postgres_engine, CHANGES["a verb"][0])
    assert "changed" in await found(there)


CUT = (
    "DELETE FROM audit_log WHERE seq > 5",
    "UPDATE audit_heads SET seq = 5, hash = (SELECT hash FROM audit_log WHERE seq = 5)",
)


async def test_16_a_tail_cut_with_care_is_noticed_by_the_witness(world: World) -> None:
    await filled(world)
    await world.audit.checkpoint("acme")
    for statement in CUT:
        await tamper(world.engine, statement)
    assert await found(world) == ["cut"]


async def test_16_a_rewritten_chain_is_noticed_by_the_witness(world: World, tmp_path: Path) -> None:
    """The attacker has the code, too: the new chain is sound in itself."""
    await filled(world)
    await world.audit.checkpoint("acme")
    for statement in (
        "DELETE FROM audit_log",
        "DELETE FROM audit_heads",
        "DELETE FROM audit_notes",
        "DELETE FROM votes",
        "DELETE FROM ballots",
    ):
        await tamper(world.engine, statement)
    world.stage.clock.pass_(minutes=1)
    await filled(world)
    assert set(await found(world)) == {"changed"}


async def test_16_a_forged_checkpoint_is_noticed(world: World) -> None:
    await filled(world)
    await world.audit.checkpoint("acme")
    file = world.witness.path / "acme.jsonl"
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "hash": "sha256:" + "0" * 64}) + "\n")
    assert "forged_checkpoint" in await found(world)


async def test_16_organisations_have_chains_of_their_own(world: World) -> None:
    await filled(world)
    await filled(world, "other")
    await tamper(world.engine, "UPDATE audit_log SET verb = 'x' WHERE org = 'other' AND seq = 1")
    assert (await world.audit.verify("acme")).holds
    assert not (await world.audit.verify("other")).holds
    assert await world.audit.organisations() == ("acme", "other")
    assert await world.audit.checkpoint("nobody") is None


@given(data=st.data())
def test_16_any_change_of_any_line_is_a_flaw(data: st.DataObject) -> None:
    lines: list[Line] = []
    prev = genesis("acme")
    for seq in range(1, data.draw(st.integers(2, 8)) + 1):
        lines.append(
            sealed(
                Line(
                    seq=seq, at=START, org="acme", actor_ref="p", verb="v", object=str(seq), digests=(), prev_hash=prev
                )
            )
        )
        prev = lines[-1].hash
    assert flaws_in(lines, after=(0, genesis("acme")))[0] == []
    where = data.draw(st.integers(0, len(lines) - 1))
    change = data.draw(st.sampled_from(["verb", "object", "actor_ref", "prev_hash", "hash", "org"]))
    odd = [*lines]
    odd[where] = replace(odd[where], **{change: "other"})
    assert flaws_in(odd, after=(0, genesis("acme")))[0]
    if where < len(lines) - 1:
        assert flaws_in([*lines[:where], *lines[where + 1 :]], after=(0, genesis("acme")))[0]


async def test_16_a_rewritten_end_is_noticed_although_it_was_witnessed_since(world: World) -> None:
    """The maintenance loop signs whatever head there is: what it signed before counts all the same."""
    await filled(world)
    await world.audit.witnessed()
    async with world.engine.connect() as conn:
        last = (await conn.execute(select(log).order_by(log.c.seq.desc()).limit(1))).mappings().one()
    forged = sealed(Line(**{**last, "verb": "approval.vote.reject", "hash": ""}))
    await tamper(world.engine, "UPDATE audit_heads SET seq = seq")  # without its guards
    async with world.engine.begin() as conn:
        await conn.execute(update(log).where(log.c.seq == forged.seq).values(verb=forged.verb, hash=forged.hash))
        await conn.execute(update(heads).values(hash=forged.hash))
    assert len(await world.audit.witnessed()) == 1
    assert await found(world) == ["changed"]
