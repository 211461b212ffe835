"""Tables of a PostgreSQL database in a backup: COPY by our own driver, out of one snapshot and into one transaction.

``pg_dump`` would have to be installed, and as new as the server; COPY of named columns needs the driver only. The
schema is not copied: the migrations make it, at the revision that the manifest names.
"""

import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from database import DatabaseUnavailable
from domain import Refused
from service.backup.files import CHUNK_BYTES
from service.backup.manifest import BackedUpFile, BackupManifest, damaged, newer
from service.errors import refuse

if TYPE_CHECKING:  # an extra
    from psycopg import AsyncConnection

TABLES: Final = "tables"
RECORDS: Final = frozenset({"alembic_version", "checkpoint_migrations", "queue_migrations"})
"""What was applied to a database: of the one that is restored into, its own counts."""
_NAMES = """
SELECT c.oid, c.relname FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
ORDER BY c.relname
"""
_REFERENCES = "SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid <> confrelid"
_COLUMNS = """
SELECT quote_ident(attname) FROM pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
ORDER BY attnum
"""
_SEQUENCES = """
SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema() AND last_value IS NOT NULL
"""


async def copy_out(url: str, target: Path, progress: Callable[[str], None]) -> tuple[str, dict[str, int]]:
    """Write every table into a file, all as of one moment; return the revision and the last numbers of sequences.

    Nobody waits: a snapshot only reads. The first line of a file has the names of the columns.

    Raises:
        DatabaseUnavailable: the server went away.
    """
    from psycopg import sql  # noqa: PLC0415  an extra

    (target / TABLES).mkdir(mode=0o700)
    async with _connected(url) as conn:
        await conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if "alembic_version" not in {name for _, name in await _tables(conn, records=True)}:
            raise refuse("database_not_migrated", "The database has no tables of ours.")
        cursor = await conn.execute("SELECT max(version_num) FROM alembic_version")
        row = await cursor.fetchone()
        for oid, name in await _tables(conn):
            progress(f"table {name}")
            columns = ", ".join(str(each[0]) for each in await (await conn.execute(_COLUMNS, (oid,))).fetchall())
            statement = sql.SQL("COPY {} ({}) TO STDOUT").format(
                sql.Identifier(name),
                sql.SQL(columns),  # pyright: ignore[reportArgumentType]  quoted by the server
            )
            with (target / TABLES / name).open("wb") as file:
                file.write(f"{columns}\n".encode())
                async with conn.cursor() as reading, reading.copy(statement) as rows:
                    async for data in rows:
                        file.write(data)
        # Not as of the snapshot: a number that was given out later is only left out.
        sequences = {str(each[0]): int(each[1]) for each in await (await conn.execute(_SEQUENCES)).fetchall()}
        await conn.execute("COMMIT")
    return str(row[0] if row else None), sequences


async def ensure_unused(url: str, revision: str) -> None:
    """Raise ``database_not_empty`` unless a database has no tables, or none with a row at that revision."""
    from psycopg import sql  # noqa: PLC0415  an extra

    async with _connected(url) as conn:
        for _, name in await _tables(conn, records=True):
            found = await (
                await conn.execute(sql.SQL("SELECT t::text FROM {} AS t LIMIT 1").format(sql.Identifier(name)))
            ).fetchone()
            if found and (name not in RECORDS or (name == "alembic_version" and found[0] != f"({revision})")):
                raise Refused(
                    f"The database is in use: its table {name} has rows.",
                    code="database_not_empty",
                    hint="Name an empty one with SIGNOFF_DATABASE_URL: CREATE DATABASE signoff_restored",
                )


@asynccontextmanager
async def loading(
    url: str, source: Path, manifest: BackupManifest, progress: Callable[[str], None]
) -> AsyncGenerator[None]:
    """Load every table into an empty database of the same revision; inside the block nothing is committed yet.

    Raises:
        Refused: ``backup_damaged``, or ``backup_newer``: a table or column of it is not there.
        DatabaseUnavailable: the server went away. Nothing was loaded.
    """
    from psycopg import errors, sql  # noqa: PLC0415  an extra

    async with _connected(url) as conn, conn.transaction():
        tables = await _tables(conn)
        there = {name for _, name in tables}
        if unknown := sorted({Path(name).name for name in manifest.files if name.startswith(f"{TABLES}/")} - there):
            raise newer(f"the table {unknown[0]}")
        named = [sql.Identifier(name) for _, name in tables]
        # The queue's triggers would tell workers of jobs, and write events of them once more.
        for table in named:
            await conn.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(table))
        for table, (_, name) in zip(named, tables, strict=True):
            if (file := manifest.files.get(f"{TABLES}/{name}")) is not None:
                progress(f"table {name}")
                try:
                    await _copy_in(conn, table, source / TABLES / name, file)
                except (errors.UndefinedColumn, errors.DataError, errors.SyntaxError) as error:
                    raise newer(f"columns of {name} that are not here ({error.diag.message_primary})") from error
        for table in named:
            await conn.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(table))
        for sequence, last in manifest.sequences.items():
            known = "SELECT setval(quote_ident(%s)::regclass, %s) WHERE to_regclass(quote_ident(%s)) IS NOT NULL"
            await conn.execute(known, (sequence, last, sequence))
        yield


async def _copy_in(conn: "AsyncConnection[tuple[Any, ...]]", table: object, path: Path, file: BackedUpFile) -> None:
    from psycopg import sql  # noqa: PLC0415  an extra

    digest, size = hashlib.sha256(), 0
    with path.open("rb") as read:
        columns = read.readline()
        digest.update(columns)
        size += len(columns)
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            table,
            sql.SQL(columns.decode().strip()),  # pyright: ignore[reportArgumentType]  by quote_ident
        )
        async with conn.cursor() as cursor, cursor.copy(statement) as rows:
            while chunk := read.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                await rows.write(chunk)
    if (size, digest.hexdigest()) != (file.size_bytes, file.sha256):
        raise damaged(f"{TABLES}/{path.name}")


async def _tables(conn: "AsyncConnection[tuple[Any, ...]]", *, records: bool = False) -> list[tuple[int, str]]:
    """Tables by id and name, each behind those that its rows refer to."""
    found = await (await conn.execute(_NAMES)).fetchall()
    names = {int(oid): str(name) for oid, name in found if records or name not in RECORDS}
    order = TopologicalSorter[int]({oid: set[int]() for oid in names})
    for table, referred in await (await conn.execute(_REFERENCES)).fetchall():
        if table in names and referred in names:
            order.add(table, referred)
    return [(oid, names[oid]) for oid in order.static_order()]


@asynccontextmanager
async def _connected(url: str) -> "AsyncGenerator[AsyncConnection[tuple[Any, ...]]]":
    import psycopg  # noqa: PLC0415  an extra

    try:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
            yield conn
    except psycopg.Error as error:
        raise DatabaseUnavailable(
            f"The database did not answer: {error}", hint="Check that it runs, then try again."
        ) from error
