"""An installation is copied while it works, and made again elsewhere: whole, or not at all."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from database import now
from database.migrations import HEAD
from domain import Refused, SignoffError
from sandbox.content.replica import STATE
from service.backup.backup import back_up
from service.backup.manifest import MANIFEST, BackupManifest, digest_of, read_manifest
from service.backup.restore import RestoredHome, restore
from service.backup.sqlite import copy_databases
from service.settings import Settings
from tests.worlds.house import FIX, OK, advance, application, decide, git, repository, settings, start, task

PASSPHRASE = "a dozen words or so"  # noqa: S105  of tests


def quiet(_line: str) -> None:
    """Progress that nobody reads."""


def names(folder: Path) -> list[str]:
    """What a folder has; nothing, too, when it is not there."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def saved(folder: Path, to: Path, passphrase: str | None = PASSPHRASE) -> BackupManifest:
    return await back_up(settings(folder), to, passphrase=passphrase, clock=now, progress=quiet)


async def restored(folder: Path, source: Path, passphrase: str | None = PASSPHRASE, **given: Any) -> RestoredHome:
    without = given.pop("without_keys", False)
    return await restore(settings(folder, **given), source, passphrase=passphrase, without_keys=without, progress=quiet)


async def code_of(work: Awaitable[object]) -> str:
    with pytest.raises(SignoffError) as caught:
        await work
    assert caught.value.hint, caught.value
    return caught.value.stable_code


async def waiting_run(folder: Path) -> str:
    """The id of a run that waits for its signature, in a home of its own."""
    async with application(folder, {"coder": [FIX], "reviewer": [OK]}) as opened:
        state, _ = await start(opened, task(repository(folder / "repo")))
        assert state.run.status == "interrupted"
        return state.run.id


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with a home and its backup, and the run that waits there."""
    folder = tmp_path_factory.mktemp("installation")

    async def make() -> str:
        run = await waiting_run(folder / "first")
        await saved(folder / "first", folder / "backup")
        return run

    return folder, asyncio.run(make())


@pytest.fixture
def backed_up(tmp_path: Path, installation: tuple[Path, str]) -> tuple[Path, str]:
    """A backup with keys, and the run in it that waits. Tests may damage it."""
    folder, run = installation
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return tmp_path / "backup", run


async def test_a_run_that_waited_is_signed_and_delivered_on_another_machine(tmp_path: Path) -> None:
    run = await waiting_run(tmp_path / "first")
    manifest = await saved(tmp_path / "first", tmp_path / "backup")
    assert (manifest.database, manifest.revision, manifest.keys, manifest.runs) == ("sqlite", HEAD, "sealed", 1)
    shutil.rmtree(tmp_path / "first" / "home")
    done = await restored(tmp_path / "second", tmp_path / "backup")
    assert (done.keys, done.revision) == (True, HEAD)
    assert names(tmp_path / "second") == ["home"]
    async with application(tmp_path / "second", {}) as opened:
        assert (await opened.audit.verify("local")).flaws == ()
        waiting = await opened.engine.standing(run)
        assert waiting.run.status == "interrupted"
        await decide(opened, waiting, "approve")
        delivered, _ = await advance(opened, run)
        assert delivered.run.status == "delivered", delivered.run.ending
        assert (await opened.audit.verify("local")).flaws == ()
        assert (await opened.spans(run)).children
    assert "signoff/" in git(tmp_path / "first" / "repo", "branch", "--list", "signoff/*")


async def test_what_a_bucket_does_not_have_yet_is_in_the_backup(tmp_path: Path) -> None:
    run = await waiting_run(tmp_path / "first")
    store = tmp_path / "first" / "home" / "store"
    sent = shutil.copytree(store / f"{run}.git", store / "sent.git")
    (sent / STATE).write_text("{}")
    with_bucket = settings(tmp_path / "first", bucket="runs")
    manifest = await back_up(with_bucket, tmp_path / "backup", passphrase=None, clock=now, progress=quiet)
    assert manifest.runs == 1
    assert names(tmp_path / "backup" / "store") == [f"{run}.git"]
    await restored(tmp_path / "second", tmp_path / "backup", bucket="runs")
    async with application(tmp_path / "second", {}) as opened:
        state = await opened.engine.standing(run)
        assert await opened.store.files(run, state.values["snapshot"].tree)


async def test_nothing_in_a_backup_is_a_key_in_clear_or_for_others_to_read(tmp_path: Path) -> None:
    await waiting_run(tmp_path / "first")
    keys = [path.read_bytes() for path in (tmp_path / "first" / "home" / "keys").glob("*.key")]
    assert keys
    await saved(tmp_path / "first", tmp_path / "with")
    manifest = await saved(tmp_path / "first", tmp_path / "without", passphrase=None)
    assert manifest.keys == "none"
    for backup in (tmp_path / "with", tmp_path / "without"):
        for path in (each for each in backup.rglob("*") if each.is_file()):
            data = path.read_bytes()
            for key in keys:
                assert key not in data, path
                assert key.hex().encode() not in data, path
            assert path.stat().st_mode & 0o077 == 0 or path.name == MANIFEST
        assert backup.stat().st_mode & 0o077 == 0
    await restored(tmp_path / "second", tmp_path / "with")
    assert sorted(path.read_bytes() for path in (tmp_path / "second" / "home" / "keys").iterdir()) == sorted(keys)
    assert not (await restored(tmp_path / "third", tmp_path / "without")).keys
    assert not (tmp_path / "third" / "home" / "keys").exists()


async def test_a_passphrase_that_is_missing_or_wrong_restores_nothing(
    tmp_path: Path, backed_up: tuple[Path, str]
) -> None:
    source, _ = backed_up
    second = tmp_path / "second"
    assert await code_of(restored(second, source, passphrase=None)) == "passphrase_needed"
    assert await code_of(restored(second, source, passphrase=PASSPHRASE.upper())) == "passphrase_wrong"
    assert names(second) == []
    assert not (await restored(second, source, passphrase=None, without_keys=True)).keys


async def test_a_home_or_a_folder_that_has_something_in_it_is_left_alone(
    tmp_path: Path, backed_up: tuple[Path, str]
) -> None:
    source, _ = backed_up
    assert await code_of(saved(tmp_path / "first", source)) == "backup_exists"
    home = tmp_path / "second" / "home"
    home.mkdir(parents=True)
    (home / "notes.txt").write_text("mine")
    assert await code_of(restored(tmp_path / "second", source)) == "home_not_empty"
    assert [path.name for path in home.iterdir()] == ["notes.txt"]
    (home / "notes.txt").unlink()
    await restored(tmp_path / "second", source)
    assert (home / "signoff.db").exists()


async def test_there_is_nothing_to_back_up_in_a_home_that_was_never_used(tmp_path: Path) -> None:
    assert await code_of(saved(tmp_path / "none", tmp_path / "backup")) == "database_not_migrated"
    assert names(tmp_path) == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def changed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, changed, Path.unlink])
@pytest.mark.parametrize("what", ["signoff.db", "checkpoints.db", "keys.sealed", MANIFEST, "store/*/objects/*/*"])
async def test_a_damaged_or_half_backup_restores_nothing(
    tmp_path: Path, backed_up: tuple[Path, str], damage: Callable[[Path], None], what: str
) -> None:
    source, _ = backed_up
    path = max(each for each in source.glob(what) if each.is_file())
    path.chmod(0o600)
    damage(path)
    expected = "backup_incomplete" if what == MANIFEST and damage is Path.unlink else "backup_damaged"
    assert await code_of(restored(tmp_path / "second", source)) == expected
    assert names(tmp_path / "second") == []


@pytest.mark.parametrize(
    ("field", "says", "code"),
    [
        ("revision", "9999", "backup_newer"),
        ("format", 2, "backup_newer"),
        ("database", "postgresql", "backup_does_not_fit"),
        ("bucket", "elsewhere", "backup_does_not_fit"),
        ("folders", ["../../outside"], "backup_damaged"),
        ("folders", ["/outside"], "backup_damaged"),
    ],
)
async def test_a_backup_of_something_else_restores_nothing(
    tmp_path: Path, backed_up: tuple[Path, str], field: str, says: object, code: str
) -> None:
    source, _ = backed_up
    body = json.loads((source / MANIFEST).read_text())["manifest"]
    body[field] = says
    (source / MANIFEST).write_text(json.dumps({"manifest": body, "sha256": digest_of(body)}))
    assert await code_of(restored(tmp_path / "second", source)) == code
    assert names(tmp_path / "second") == []


async def test_what_rows_name_is_in_a_backup_that_is_made_while_runs_go_on(tmp_path: Path) -> None:
    """Many runs are worked on, and copies are made of them at any moment: each is consistent."""
    first = tmp_path / "first"
    repo = repository(tmp_path / "repo")
    times = 6
    models = {"coder": [FIX] * times, "reviewer": [OK] * times}
    copies = 0
    async with application(first, models) as opened:

        async def work() -> None:
            for _ in range(times):
                state, _ = await start(opened, task(repo))
                await decide(opened, state, "approve")
                await advance(opened, state.run.id)

        working = asyncio.create_task(work())
        while not working.done():
            await saved(first, tmp_path / f"backup-{copies}")
            copies += 1
        await working
    assert copies > 2
    seen: set[str] = set()
    # Some of them, from the first to the last: how many there are is the machine's to say.
    for number in sorted({round(place * (copies - 1) / 5) for place in range(6)}):
        there = tmp_path / f"there-{number}"
        await restored(there, tmp_path / f"backup-{number}")
        async with application(there, {"reviewer": [OK]}) as opened:
            assert (await opened.audit.verify("local")).flaws == (), number
            for run in await opened.engine.runs.list(org="local"):
                state = await opened.engine.standing(run.id)
                seen.add(run.status)
                if (tree := getattr(state.values.get("snapshot"), "tree", None)) is not None:
                    assert await opened.store.files(run.id, tree)
                if run.status == "interrupted":
                    await decide(opened, state, "approve")
                    delivered, _ = await advance(opened, run.id)
                    assert delivered.run.status == "delivered", (number, delivered.run.ending)
        for name in ("signoff.db", "checkpoints.db"):
            with closing(sqlite3.connect(there / "home" / name)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert seen


async def test_a_checkpoint_and_the_row_of_its_run_are_of_one_moment(tmp_path: Path) -> None:
    """A writer changes both files, one behind the other; no copy has the second without the first."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("signoff.db", "checkpoints.db"):
        with closing(sqlite3.connect(home / name, isolation_level=None)) as made:
            made.execute("PRAGMA journal_mode=WAL")
            made.execute("CREATE TABLE steps (n INTEGER)")
            made.execute("CREATE TABLE alembic_version (version_num TEXT)")
    stop = asyncio.Event()

    def write() -> None:
        with (
            closing(sqlite3.connect(home / "signoff.db", isolation_level=None, timeout=60)) as rows,
            closing(sqlite3.connect(home / "checkpoints.db", isolation_level=None, timeout=60)) as checkpoints,
        ):
            step = 0
            while not stop.is_set():
                step += 1
                checkpoints.execute("INSERT INTO steps VALUES (?)", (step,))
                rows.execute("INSERT INTO steps VALUES (?)", (step,))

    writing = asyncio.create_task(asyncio.to_thread(write))
    for number in range(20):
        target = tmp_path / str(number)
        target.mkdir()
        await asyncio.to_thread(copy_databases, home, target, quiet)
        latest: list[int] = []
        for name in ("signoff.db", "checkpoints.db"):
            with closing(sqlite3.connect(target / name)) as copy:
                latest.append(copy.execute("SELECT coalesce(max(n), 0) FROM steps").fetchone()[0])
        assert 0 <= latest[1] - latest[0] <= 1, latest
    stop.set()
    await writing


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() or mount is None or umount is None:
        pytest.skip("only root mounts a small disk")
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run([umount, str(folder)], check=True)


async def test_a_full_disk_in_the_middle_leaves_nothing_behind(
    tmp_path: Path, backed_up: tuple[Path, str], small_disk: Path
) -> None:
    source, _ = backed_up
    assert await code_of(saved(tmp_path / "first", small_disk / "backup")) == "backup_disk_full"
    assert names(small_disk) == []
    assert await code_of(restored(small_disk / "there", source)) == "backup_disk_full"
    assert names(small_disk / "there") == []


async def test_a_home_that_is_a_file_system_of_its_own_is_restored_into(
    tmp_path: Path, backed_up: tuple[Path, str], small_disk: Path
) -> None:
    source, run = backed_up
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)  # noqa: ASYNC221  a moment
    await restore(
        Settings(home=small_disk, sandbox="unsafe-local"),
        source,
        passphrase=PASSPHRASE,
        without_keys=False,
        progress=quiet,
    )
    assert {"signoff.db", "checkpoints.db", "store", "keys", "audit"} <= {*names(small_disk)}
    assert not [name for name in names(small_disk) if name.endswith(".restoring")]
    with closing(sqlite3.connect(small_disk / "signoff.db")) as connection:
        assert connection.execute("SELECT id FROM runs").fetchall() == [(run,)]


async def test_a_witness_elsewhere_is_not_made_to_forget(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    first = tmp_path / "first"
    async with application(first, {"coder": [FIX], "reviewer": [OK]}, audit_witness=witness) as opened:
        await start(opened, task(repository(first / "repo")))
    given = settings(first, audit_witness=witness)
    await back_up(given, tmp_path / "backup", passphrase=PASSPHRASE, clock=now, progress=quiet)
    known = {path.name: path.read_bytes() for path in witness.iterdir()}
    assert known
    (witness / "local.jsonl").write_bytes(known["local.jsonl"] + known["local.jsonl"])
    await restored(tmp_path / "second", tmp_path / "backup", audit_witness=witness)
    assert (witness / "local.jsonl").read_bytes() == known["local.jsonl"] * 2
    await restored(tmp_path / "third", tmp_path / "backup", audit_witness=tmp_path / "new witness")
    assert {path.name: path.read_bytes() for path in (tmp_path / "new witness").iterdir()} == known
    assert not (tmp_path / "third" / "home" / "audit").exists()


async def test_the_settings_password_is_in_no_error(tmp_path: Path, backed_up: tuple[Path, str]) -> None:
    source, _ = backed_up
    with pytest.raises(Refused) as caught:
        await restored(tmp_path / "second", source, database_url=SecretStr("postgresql://a:secret@127.0.0.1:1/b"))
    assert caught.value.stable_code == "backup_does_not_fit"
    assert "secret" not in caught.value.message
    assert read_manifest(source).database == "sqlite"
