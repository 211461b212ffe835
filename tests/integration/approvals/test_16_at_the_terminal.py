"""16. Whoever cuts the tail of the record is noticed by the next ``signoff audit verify``: checkpoints come unasked."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.integration.approvals.test_cli import at, waiting
from tests.worlds.house import FIX, OK, application, repository, start, task

CAREFUL = (
    "DELETE FROM audit_log WHERE seq = (SELECT max(seq) FROM audit_log)",
    "UPDATE audit_heads SET (seq, hash) = (SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1)",
)
"""The last line goes, and the head is put where the new end is."""


def cut(database: Path) -> None:
    with closing(sqlite3.connect(database)) as conn, conn:
        triggers = [row[0] for row in conn.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for trigger in triggers:
            conn.execute(f'DROP TRIGGER "{trigger}"')
        for statement in CAREFUL:
            conn.execute(statement)


async def test_16_a_tail_cut_with_care_is_noticed_at_the_terminal(tmp_path: Path) -> None:
    ballot, cli = await waiting(tmp_path, FIX), at(tmp_path)
    assert (await cli.run("approvals", "reject", ballot, "--as", "ann")).code == 0
    whole = await cli.run("audit", "verify", "--json")
    assert (whole.code, whole.json["checkpoints"]) == (0, 2)
    cut(tmp_path / "home" / "signoff.db")
    broken = await cli.run("audit", "verify", "--json")
    assert (broken.code, [flaw["kind"] for flaw in broken.json["flaws"]]) == (1, ["cut"])
    assert (await cli.run("audit", "verify")).code == 1  # it stays noticed, also after more was written


async def test_16_the_witness_may_live_elsewhere(tmp_path: Path) -> None:
    repo, away = repository(tmp_path / "repo"), tmp_path / "away"
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}, audit_witness=away) as opened:
        await start(opened, task(repo))
        assert not away.exists()
    assert [file.name for file in away.iterdir()] == ["local.jsonl"]
    async with application(tmp_path, audit_witness=away):
        pass
    assert len((away / "local.jsonl").read_text().splitlines()) == 1  # nothing new, nothing to witness
