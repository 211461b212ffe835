"""SQLite files of a home, copied at one moment by SQLite's online backup while others write."""

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

ROWS, CHECKPOINTS = "signoff.db", "checkpoints.db"
PATIENCE_S = 30.0
"""How long the moment is waited for in which no other process writes."""
PAGES = 2_000
"""Copied at a time: some eight megabytes."""


def copy_databases(home: Path, target: Path, progress: Callable[[str], None]) -> str:
    """Copy the rows and the checkpoints of a home; return the revision of the tables.

    Both are read as of one moment: a checkpoint and the row of its run are two transactions, and a copy must not have
    the later one alone. Writers wait for that moment, a few milliseconds, and not for the copy.

    Raises:
        sqlite3.Error: no moment without another writer came, a file is damaged, or the disk is full.
    """
    with ExitStack() as stack:
        names = [name for name in (ROWS, CHECKPOINTS) if (home / name).exists()]
        readers = {name: stack.enter_context(closing(_opened(home / name))) for name in names}
        with closing(_opened(home / names[-1])) as gate:
            # In the order in which the saver of checkpoints takes both files, so that nobody waits in a circle.
            if len(names) > 1:
                gate.execute("ATTACH DATABASE ? AS leases", (str(home / ROWS),))
            gate.execute("BEGIN IMMEDIATE")
            for reader in readers.values():
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            gate.execute("ROLLBACK")
        for name, reader in readers.items():
            with closing(sqlite3.connect(target / name)) as copy:

                def told(_status: int, remaining: int, total: int, name: str = name) -> None:
                    progress(f"{name} {total - remaining}/{total} pages")

                reader.backup(copy, pages=PAGES, progress=told)
            (target / name).chmod(0o600)
        return str(readers[ROWS].execute("SELECT max(version_num) FROM alembic_version").fetchone()[0])


def _opened(path: Path) -> sqlite3.Connection:
    # ``rw`` makes no file. No implicit transactions: the ones above are begun and ended by name.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=PATIENCE_S, isolation_level=None)
