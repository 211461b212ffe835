"""The wheel, as whoever installs it has it: everything a room reads is inside, and the commands need no tree."""

import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from database.migrations import HEAD
from tests.architecture.tree import ROOMS, ROOT, files, name_of
from tests.worlds import postgres
from tests.worlds.cli import Cli, told
from tests.worlds.house import repository


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``signoff`` of a fresh environment. Its dependencies are this one's; Signoff itself is the wheel's."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    # A path in a .pth file is searched, but .pth files in it are not read: the tree itself is not found that way.
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--ignore-installed", str(wheel)], check=True, capture_output=True)
    return folder / "bin" / "signoff"


def test_every_file_of_every_room_is_in_the_wheel(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    # What an operator sets up beside it lies in share/signoff of the environment.
    shared, data = {"deploy", "examples"}, re.compile(r"signoff-[^/]+\.data/data/share/signoff/")
    inside = {data.sub("", name) for name in inside}
    ours = {name_of(path) for room in {*ROOMS, *shared} for path in files(ROOT / room) if path.suffix != ".pyc"}
    assert inside == ours
    kinds = {Path(name).suffix for name in inside}
    assert {".py", ".md", ".yaml", ".mako"} <= kinds
    assert any(name.startswith(f"database/migrations/versions/{HEAD}_") for name in inside)


@pytest.mark.slow
async def test_a_sqlite_file_is_migrated_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    (empty := tmp_path / "empty").mkdir()
    cli = Cli(tmp_path, program=installed)
    python, where = replace(cli, program=installed.with_name("python")), "import database; print(database.__file__)"
    assert Path((await python.run("-c", where, cwd=empty)).out).is_relative_to(installed.parents[1])
    assert "database_not_migrated" in (await cli.run("migrate", "--check", cwd=empty)).err
    assert not (tmp_path / "signoff" / "signoff.db").exists()
    assert (await cli.run("migrate", "--json", cwd=empty)).json == {"revision": HEAD, "applied": [f"signoff {HEAD}"]}
    assert (await cli.run("migrate", "--json", cwd=empty)).json == {"revision": HEAD, "applied": []}
    assert (await cli.run("migrate", "--check", cwd=empty)).code == 0
    assert (await cli.run("list", "--json", cwd=empty)).json == []
    assert list(empty.iterdir()) == []


@pytest.fixture
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.mark.slow
@pytest.mark.postgres
async def test_a_server_is_migrated_in_an_empty_folder(installed: Path, tmp_path: Path, socket: Path) -> None:
    (empty := tmp_path / "empty").mkdir()
    for name in ("migrated", "printed"):
        postgres.sql(socket, f"CREATE DATABASE {name}")
    cli = Cli(tmp_path, {"SIGNOFF_DATABASE_URL": postgres.libpq(socket, "migrated")}, program=installed)
    assert "database_not_migrated" in (await cli.run("migrate", "--check", cwd=empty)).err
    script = (await cli.run("migrate", "--sql", cwd=empty)).out
    assert (await cli.run("migrate", "--json", cwd=empty)).json["applied"] == [f"signoff {HEAD}", "procrastinate"]
    assert (await cli.run("migrate", "--json", cwd=empty)).json == {"revision": HEAD, "applied": []}
    assert (await cli.run("list", "--json", cwd=empty)).json == []
    # What is printed makes the same tables; the queue's and the checkpoints' are their own affair.
    postgres.sql(socket, script, "printed")
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    theirs = {"checkpoint_blobs", "checkpoint_migrations", "checkpoint_writes", "checkpoints", "queue_migrations"}
    migrated = {name for name in postgres.sql(socket, tables, "migrated").split() if "procrastinate" not in name}
    assert set(postgres.sql(socket, tables, "printed").split()) == migrated - theirs


@pytest.fixture
def alone(wheel: Path, tmp_path: Path) -> Path:
    """The ``signoff`` of an environment that has the locked dependencies and nothing of the developers' tools."""
    venv.create(folder := tmp_path / "alone")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q", "--no-compile"]
    wheels = ["--only-binary=:all:", "--no-deps", "--cache-dir", str(ROOT / ".cache" / "pip")]
    subprocess.run([*pip, *wheels, "--require-hashes", "-r", str(ROOT / "requirements" / "app.lock")], check=True)
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    return folder / "bin" / "signoff"


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_in_an_environment_of_its_own_it_helps_probes_migrates_begins_serves_and_mends(
    alone: Path, tmp_path: Path
) -> None:
    (empty := tmp_path / "empty").mkdir()
    cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local"}, program=alone)
    assert "Plan a change" in (await cli.run("--help", cwd=empty)).out
    checks = {each["name"]: each["ok"] for each in (await cli.run("doctor", "--json", cwd=empty)).json["checks"]}
    assert checks["python"]
    assert {"git", "home", "sandbox", "isolation"} <= {*checks}
    assert (await cli.run("migrate", "--json", cwd=empty)).json["revision"] == HEAD
    # What is left out says how it comes in, by the interpreter that lacks it.
    lacking = await replace(cli, env={"SIGNOFF_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}).run("list", cwd=empty)
    assert f"{alone.parent}" in re.sub(r"\s", "", lacking.err)
    assert "-mpipinstall'signoff[postgres]'" in re.sub(r"\s", "", lacking.err)
    # The recipes of images are scripts and files beside them.
    dry = await cli.run("sandbox", "image", "--requirement", "attrs", "--dry-run", "--json", cwd=empty)
    assert dry.json["requirements"] == ["attrs"]
    recipes = next(alone.parents[1].glob("lib/python*/site-packages/sandbox/images"))
    assert {"Dockerfile", "build.sh", "pip.sh", "tools.lock"} <= {each.name for each in recipes.iterdir()}
    # What an operator sets up, and a repository to try.
    share = alone.parents[1] / "share" / "signoff"
    assert (share / "deploy" / "grafana" / "signoff.json").is_file()
    assert (share / "deploy" / "prometheus" / "rules.yaml").is_file()
    shop = repository(tmp_path / "shop")
    assert (await cli.run("init", "--repo", str(shop), cwd=empty)).code == 0
    assert (shop / ".signoff" / "policy.yaml").is_file()
    # A repository that has only an address, mended by the built-in engine.
    words = ["--task", "Fix the total", "--accept", f"{sys.executable} -m pytest -q", "--deliver", "patch", "--json"]
    done = await cli.run("run", "--repo", shop.as_uri(), *words, cwd=empty)
    assert done.code == 0, done
    assert "return sum(prices)" in (await cli.run("diff", done.json["run"], cwd=empty)).out
    server = await cli.start("serve", "--port", "0", cwd=empty)
    try:
        address = await told(server, r"serving (http://\S+)")
        async with httpx.AsyncClient(base_url=address, follow_redirects=True) as client:
            page = await client.get("/console")
            assert (page.status_code, "Log in" in page.text) == (200, True)
            style = re.search(r'href="(/console/static/[^"]+[.]css[^"]*)"', page.text)
            assert style
            assert (await client.get(style[1])).status_code == 200
    finally:
        server.terminate()
        await server.communicate()
    assert list(empty.iterdir()) == []
