"""Homes of earlier versions: a run that waited for a signature there is signed and delivered here.

``scripts/paused_home.py`` says how they were made.
"""

import fcntl
import shutil
import sqlite3
import tarfile
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from database import now
from database.migrations import HEAD, revision
from scripts.paused_home import AT, HOMES
from service.backup.backup import back_up
from service.backup.manifest import read_manifest
from service.backup.restore import restore
from tests.worlds.house import advance, application, decide, git, settings

REVISIONS = {"24072c4": "0005"}
"""What the database of each home is migrated to."""


@pytest.fixture(params=sorted(path.name.partition(".")[0] for path in HOMES.glob("*.tar.xz")))
def commit(request: pytest.FixtureRequest) -> Generator[str]:
    """The commit whose home lies in ``AT``, where its run knows its repository. One test on a machine at a time."""
    with AT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(AT, ignore_errors=True)
        try:
            with tarfile.open(HOMES / f"{request.param}.tar.xz") as archive:
                archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Debian 12's Python has none
                archive.extractall(AT)  # noqa: S202  an archive of our own
            yield request.param
        finally:
            shutil.rmtree(AT, ignore_errors=True)


SECRET = "a dozen words or so"  # noqa: S105  of tests


def quiet(_line: str) -> None:
    """Progress that nobody reads."""


def one(query: str) -> str:
    with closing(sqlite3.connect(AT / "home" / "signoff.db")) as connection:
        return str(connection.execute(query).fetchone()[0])


@pytest.mark.parametrize("moved", [False, True], ids=["as it is", "restored from its backup"])
async def test_what_waited_for_a_signature_is_signed_and_delivered(commit: str, moved: bool, tmp_path: Path) -> None:
    assert one("SELECT version_num FROM alembic_version") == REVISIONS[commit]
    assert one("SELECT status FROM runs") == "interrupted"
    facts_before = int(one("SELECT count(*) FROM audit_log"))
    paused_at = datetime.fromisoformat(one("SELECT updated_at FROM runs")).replace(tzinfo=UTC)
    if moved:
        await back_up(settings(AT), tmp_path / "backup", passphrase=SECRET, clock=now, progress=quiet)
        assert read_manifest(tmp_path / "backup").revision == REVISIONS[commit]
        assert one("SELECT version_num FROM alembic_version") == REVISIONS[commit], "a backup changes nothing"
        shutil.rmtree(AT / "home")
        await restore(settings(AT), tmp_path / "backup", passphrase=SECRET, without_keys=False, progress=quiet)
        assert one("SELECT version_num FROM alembic_version") == HEAD
    # Nobody is asked again: what the models said is in the checkpoint.
    async with application(AT, {}, clock=lambda: paused_at + timedelta(hours=1)) as opened:
        assert await revision(opened.engine.runs.engine) == HEAD
        verified = await opened.audit.verify("local")
        assert (verified.flaws, verified.lines) == ((), facts_before)
        waiting = await opened.engine.standing(one("SELECT id FROM runs"))
        assert waiting.run.status == "interrupted"
        assert "+    return sum(prices)" in waiting.values["diff"]
        assert git(AT / "repo", "branch", "--list", "signoff/*") == ""
        await decide(opened, waiting, "approve")
        delivered, _ = await advance(opened, waiting.run.id)
        assert delivered.run.status == "delivered", delivered.run.ending
        verified = await opened.audit.verify("local")
        assert verified.flaws == ()
        assert verified.lines > facts_before
    branch = git(AT / "repo", "branch", "--list", "signoff/*", "--format=%(refname:short)")
    assert git(AT / "repo", "show", f"{branch}:shop/prices.py").endswith("return sum(prices)")
    assert git(AT / "repo", "log", "-1", "--format=%s", branch) == "Count the first price too"
