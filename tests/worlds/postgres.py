"""A private PostgreSQL cluster on a Unix socket, started for the tests and stopped after them."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from service.cli.operations.migration import bring_up_to_date
from service.settings import Settings

HASTY = "-c fsync=off"
"""The disk may lag behind; a commit still outlives the server's process, which is what tests kill."""
WHERE = ("/usr/lib/postgresql/17/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/15/bin")


def _program(name: str) -> str:
    found = shutil.which(name) or next((f"{d}/{name}" for d in WHERE if Path(d, name).exists()), None)
    if found is None:
        pytest.fail(f"{name} is missing: install a PostgreSQL server (apt-get install postgresql)")
    return found


def _owner() -> str | None:
    """PostgreSQL refuses to run as root: the account that runs it instead."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def cluster(*, durable: bool = False) -> Generator[Path]:
    """The socket folder of a running server; user ``postgres``, no password, no TCP.

    A server that is not ``durable`` may lose what it committed when the machine (not just the server) stops.
    """
    folder = Path(tempfile.mkdtemp(prefix="signoff-pg-"))
    data = folder / "data"
    if owner := _owner():
        shutil.chown(folder, owner)
    try:
        _run(folder, "initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        _start(folder, "" if durable else HASTY)
        try:
            yield folder
        finally:
            _run(folder, "pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def crash(folder: Path) -> None:
    """``kill -9`` of the server, and its next start, which recovers what was committed."""
    os.kill(int((folder / "data" / "postmaster.pid").read_text(encoding="ascii").split()[0]), signal.SIGKILL)
    until = time.monotonic() + 30
    while True:
        try:
            return _start(folder)
        except subprocess.CalledProcessError:  # its orphans still hold the shared memory
            if time.monotonic() > until:
                raise


def _start(folder: Path, given: str = HASTY) -> None:
    options = f"-k {folder} -c listen_addresses='' -c max_connections=200 {given}"
    _run(folder, "pg_ctl", "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"), "-w", "start")


def _run(folder: Path, program: str, *argv: str) -> None:
    subprocess.run([_program(program), *argv], check=True, capture_output=True, user=_owner(), cwd=folder, timeout=60)


def url(socket: Path, database: str) -> str:
    return f"postgresql+psycopg://postgres@/{database}?host={socket}"


def libpq(socket: Path, database: str) -> str:
    """The same for libpq and for SIGNOFF_DATABASE_URL."""
    return f"postgresql://postgres@/{database}?host={socket}"


async def emptied(socket: Path, name: str) -> str:
    """A migrated database without a row in it; its libpq URL. Made once, emptied for every test."""
    if name not in sql(socket, "SELECT datname FROM pg_database").split():
        sql(socket, f'CREATE DATABASE "{name}"')
        await bring_up_to_date(Settings(database_url=SecretStr(libpq(socket, name))))
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '%migrations'"
    kept = {"alembic_version", "procrastinate_workers"}  # who works goes on working
    tables = ",".join(set(sql(socket, query, name).split()) - kept)
    sql(socket, f"SET session_replication_role = replica; TRUNCATE {tables} CASCADE", name)
    return libpq(socket, name)


def sql(socket: Path, statement: str, database: str = "postgres") -> str:
    argv = [_program("psql"), "-h", str(socket), "-U", "postgres", "-d", database, "-qtAc", statement]
    return subprocess.run(argv, check=True, capture_output=True, timeout=30, text=True).stdout
