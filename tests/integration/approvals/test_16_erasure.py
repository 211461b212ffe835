"""16. Erase a subject: export empty, chain verifies."""

import json
from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.storage import forget
from approvals.testing.rehearsal import question, yes
from tests.worlds.approvals import World, filled


async def test_16_erasing_a_person_leaves_a_chain_that_verifies(world: World) -> None:
    await filled(world)
    shaped = await world.ballots.open(replace(question(step="shaped"), contributors=("vera", "xena")))
    await world.audit.checkpoint("acme")
    mine = [line async for line in world.audit.export("acme", subject="vera")]
    assert [(line["actor"], line["note"]) for line in mine] == [("vera", "as vera said")] * 4
    async with world.engine.begin() as conn:
        ref = await world.audit.erase(conn, "acme", "vera")
        assert ref
        assert await forget(conn, "acme", "vera", ref) == 5
    assert (await world.ballots.get(shaped.id, "acme")).contributors == (ref, "xena")
    assert [line async for line in world.audit.export("acme", subject="vera")] == []
    everything = json.dumps(await world.log()) + await dump(world.engine)
    assert "vera" not in everything
    assert "wanda" in everything
    assert (await world.audit.verify("acme")).holds
    # Coming back, the same name is somebody new.
    ballot = await world.stage.ask(step="later")
    await world.ballots.vote(ballot.id, yes(ballot), world.stage.human("vera"))
    again = [line async for line in world.audit.export("acme", subject="vera")]
    assert [line["actor_ref"] == ref for line in again] == [False]


async def test_16_to_whom_a_question_was_left_is_forgotten(world: World) -> None:
    ballot, wanda = await world.stage.ask(), world.stage.human("wanda")
    world.stage.human("vera")
    await world.ballots.remind(ballot.id, wanda, to="vera")
    async with world.engine.begin() as conn:
        assert await forget(conn, "acme", "vera", "somebody-1") == 1
    assert (await world.ballots.get(ballot.id, "acme")).handed_to == "somebody-1"


async def dump(engine: AsyncEngine) -> str:
    """Every cell of every table."""
    cells: list[str] = []
    async with engine.connect() as conn:
        for table in ("ballots", "votes", "grants", "kills", "audit_log", "audit_subjects", "audit_notes"):
            cells += [str(row) for row in (await conn.execute(text(f"SELECT * FROM {table}")))]  # noqa: S608
    return "\n".join(cells)


async def test_16_names_and_words_lie_encrypted(world: World) -> None:
    await filled(world)
    async with world.engine.connect() as conn:
        for table in ("audit_log", "audit_subjects", "audit_notes"):
            rows = [str(tuple(row)) for row in await conn.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608
            assert rows
            assert not [row for row in rows if "vera" in row]
