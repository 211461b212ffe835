"""A person is forgotten, corrected and handed out wherever the product keeps their name."""

import csv
import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, insert, select, update

from database import now, reading, writing
from domain import Refused, Task
from service.people.cli import personal_data
from service.people.records import LEFT, PersonalData
from service.runs.runs import RUNS
from service.storage.schema import EVERY_ROOM
from tests.worlds import organisations as world
from tests.worlds.cli import Cli
from tests.worlds.house import FIX, OK, application, repository, start, task
from tests.worlds.served import Served

NAME = re.compile(rb"(?<![A-Za-z0-9])ann(?![A-Za-z0-9])")


def people(service: Served) -> PersonalData:
    return personal_data(service.context.application)


async def places(service: Served) -> list[str]:
    """Every column, file and page that holds the name, one line each."""
    found: set[str] = set()
    async with reading(service.context.database) as conn:
        there = MetaData()
        await conn.run_sync(there.reflect)
        for table in there.sorted_tables:
            for row in (await conn.execute(select(table))).mappings():
                found |= {f"{table.name}.{key}" for key, cell in row.items() if NAME.search(_bytes(cell))}
    home = service.context.settings.home
    if (home / "checkpoints.db").exists():
        with closing(sqlite3.connect(home / "checkpoints.db")) as db:
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in db.execute(f"SELECT * FROM {name}"):  # noqa: S608
                    found |= {f"{name}.{number}" for number, cell in enumerate(row) if NAME.search(_bytes(cell))}
    found |= {
        str(path.relative_to(home)) for path in home.rglob("*") if path.is_file() and NAME.search(path.read_bytes())
    }
    return sorted(found)


def _bytes(cell: Any) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode("utf-8", "surrogatepass")


async def test_nothing_of_a_person_is_left_and_the_record_holds(service: Served) -> None:
    await world.settled(service)
    assert len(await places(service)) > 10
    forgotten = await people(service).erase("local", "ann")
    assert await places(service) == []
    assert forgotten.name.startswith("p_")
    assert (await service.context.application.audit.verify("local")).holds
    async with service.http(service.session) as http:
        assert (await http.get("/v1/approvals")).status_code == 401
    with pytest.raises(Refused) as refused:
        await people(service).erase("local", "ann")
    assert refused.value.stable_code == "subject_unknown"


async def test_the_namesake_of_another_organisation_stays(service: Served) -> None:
    _, key = await service.context.keys.make("other", "ann", name="ann's key", roles=("viewer",), personal=True)
    await world.settled(service)
    await people(service).erase("local", "ann")
    left = {place.partition(".")[0] for place in await places(service)}
    assert "api_keys" in left
    assert left <= {"api_keys", "members", "signoff", "service_accounts"}, "what the other one has, and its file"
    async with service.http(key) as http:
        assert (await http.get("/v1/approvals")).status_code == 200


async def test_a_table_that_nobody_thought_of_is_gone_through(service: Served) -> None:
    """A row in every table that has an organisation, with the name in every column of text."""
    every = [table for room in EVERY_ROOM for table in room.sorted_tables]
    ours = [table for table in every if "org" in table.c and table.name not in LEFT and not table.foreign_keys]
    assert len(ours) > 12
    async with writing(service.context.database) as conn:
        for table in ours:
            await conn.execute(insert(table).values(named(table)))
    await people(service).erase("local", "ann")
    assert [place for place in await places(service) if not place.startswith("signoff.db")] == []


def named(table: Any) -> dict[str, Any]:
    """A row in which every text is the name, and every JSON a list of it."""
    row: dict[str, Any] = {}
    for column in table.c:
        kind = type(column.type).__name__
        if kind == "String" and column.type.length < 40:  # no room for a name
            row[column.key] = "-"
            continue
        row[column.key] = {
            "JSON": ["ann"],
            "Json": ["ann"],
            "LargeBinary": b'{"by":"ann"}',
            "UtcDateTime": now(),
            "DateTime": now(),
            "Instant": now(),
            "Boolean": False,
            "Integer": 7,
            "BigInteger": 7,
            "Float": 7.0,
            "FloatVector": [0.5],
        }.get(kind, "ann")
    checked = {"outbox": {"state": "sent", "kind": "approval"}, "notices": {"whose": "own"}}
    return row | {"org": "local"} | checked.get(table.name, {})


async def test_a_name_is_corrected_everywhere_and_two_people_never_become_one(service: Served) -> None:
    await world.settled(service)
    with pytest.raises(Refused) as refused:
        await people(service).rename("local", "ann", "ann")
    assert refused.value.stable_code == "subject_collides"
    with pytest.raises(Refused) as refused:
        await people(service).rename("local", "ann", 'a"b')
    assert refused.value.stable_code == "request_invalid"
    with pytest.raises(Refused) as refused:
        await people(service).rename("local", "nobody", "somebody")
    assert refused.value.stable_code == "subject_unknown"
    renamed = await people(service).rename("local", "ann", "anna.lopez")
    assert renamed.ballots > 0
    assert await places(service) == []
    audit = service.context.application.audit
    assert (await audit.verify("local")).holds
    assert {line["actor"] async for line in audit.export("local", subject="anna.lopez")} == {"anna.lopez"}
    async with service.http(service.session) as http:  # the same person, logged in as before
        assert (await http.get("/v1/approvals")).status_code == 200


async def test_who_is_at_work_is_not_forgotten_in_the_middle(service: Served) -> None:
    await world.settled(service)
    engine = service.context.application.engine
    run = await engine.create(Task(**world.TASK, requester="ann"))
    async with writing(service.context.database) as conn:
        await conn.execute(update(RUNS).where(RUNS.c.id == run.id).values(lease_until=now() + timedelta(minutes=5)))
    before = await places(service)
    with pytest.raises(Refused) as refused:
        await people(service).erase("local", "ann")
    assert refused.value.stable_code == "person_at_work"
    assert run.id in refused.value.message
    assert await places(service) == before


@pytest.mark.parametrize(
    ("name", "code"),
    [
        *[(name, "subject_unknown") for name in ("", " ")],
        *[(name, "subject_ambiguous") for name in ("local", "Local", "admin", "runs", "viewer", "paused", "success")],
    ],
)
async def test_what_is_not_a_persons_alone_is_not_replaced(service: Served, name: str, code: str) -> None:
    await world.settled(service)
    before = await contents(service)
    for change in (people(service).erase("local", name), people(service).rename("local", name, "somebody")):
        with pytest.raises(Refused) as refused:
            await change
        assert refused.value.stable_code == code
    assert await contents(service) == before


async def contents(service: Served) -> dict[str, list[Any]]:
    async with reading(service.context.database) as conn:
        tables = [table for room in EVERY_ROOM for table in room.sorted_tables if table.name != "rates"]
        return {table.name: [*map(tuple, await conn.execute(select(table)))] for table in tables}


async def test_what_is_kept_is_handed_out(service: Served) -> None:
    ids = await world.settled(service)
    rows = await people(service).export("local", "ann")
    assert {"runs", "audit", "api_keys", "crons"} <= set(rows)
    assert ids["run of the command line"] not in {row["id"] for row in rows["runs"]}, "SECRET asked for that one"
    assert "mac" not in rows["api_keys"][0], "what proves a key is nobody's data"
    with pytest.raises(Refused) as refused:
        await people(service).export("local", "nobody")
    assert refused.value.stable_code == "subject_unknown"


async def test_the_command_line_hands_out_corrects_and_forgets(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo))
        assert standing.ballot
    cli = Cli(tmp_path, {"SIGNOFF_HOME": str(tmp_path / "home"), "SIGNOFF_SANDBOX": "unsafe-local"})
    exported = await cli.run("people", "export", "ann")
    assert set(json.loads(exported.out)) >= {"runs", "ballots", "audit", "checkpoints"}
    assert (await cli.run("people", "export", "ann", "--format", "csv", "--to", str(tmp_path / "csv"))).code == 0
    (row,) = csv.DictReader((tmp_path / "csv" / "runs.csv").read_text(encoding="utf-8").splitlines())
    assert row["requester"] == "ann"
    renamed = await cli.run("people", "rename", "ann", "Ann-Marie", "--json")
    assert (renamed.code, renamed.json["name"]) == (0, "Ann-Marie")
    gone = await cli.run("people", "erase", "Ann-Marie", "--yes")
    assert gone.code == 0
    assert "forgotten: Ann-Marie is p_" in gone.out
    again = await cli.run("people", "erase", "Ann-Marie", "--yes", "--json")
    assert (again.code, again.json["error"]["code"]) == (2, "subject_unknown")
    assert (await cli.run("audit", "verify")).code == 0
