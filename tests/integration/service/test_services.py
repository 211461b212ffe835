"""PostgreSQL and Redis beside the tests of a repository: unpacked without root, started before each command."""

import ssl
from pathlib import Path

import pytest

from sandbox import Docker, Workspaces
from service.settings import Settings
from service.wiring.environments import default_hosts
from service.wiring.sandboxes import spec_of
from tests.worlds.house import application, repository

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

WORKFLOW = """
jobs:
  test:
    services:
      db:
        image: postgres:15
        env: {POSTGRES_USER: shop, POSTGRES_PASSWORD: hush, POSTGRES_DB: shop_test}
      cache: {image: redis}
"""
FILES = {
    "requirements.txt": "psycopg2-binary\n",
    ".github/workflows/ci.yml": WORKFLOW,
    "tests/test_shop.py": "import os, psycopg2\n\n\ndef test_it():\n"
    "    with psycopg2.connect(os.environ['DATABASE_URL']) as db:\n"
    "        cursor = db.cursor()\n        cursor.execute('select current_user, current_database()')\n"
    "        assert cursor.fetchone() == ('shop', 'shop_test')\n",
}


def trusted() -> str:
    """This machine's certificates: there may be a proxy of its network's on the way."""
    paths = ssl.get_default_verify_paths()
    bundle = Path(paths.cafile or paths.openssl_cafile)
    return bundle.read_text() if bundle.exists() else ""


async def test_tests_find_their_database_and_their_cache_without_a_network(tmp_path):
    (tmp_path / "ca.pem").write_text(trusted())
    sealed = Docker()
    hosts = ",".join(await default_hosts(sealed, spec_of(Settings())))
    await sealed.close()
    given = {
        "sandbox": "docker",
        "setup_network": "registries",
        "egress_private": hosts,
        "egress_ca": tmp_path / "ca.pem",
    }
    async with application(tmp_path, **given) as opened:
        environments, store = opened.environments, opened.store
        assert environments is not None
        pinned = await store.pin("run", str(repository(tmp_path / "shop", FILES)))
        recipe = await environments.recipe("run", pinned, await store.files("run", pinned.tree))
        made = await environments.prepare("run", pinned, recipe)
        assert (made.code, made.collected) == ("", True), made
        assert [step.title for step in made.steps if not step.ok] == []
        workspaces = Workspaces(opened.backend, store, opened.spec)
        try:
            workspace = await workspaces.open("run", pinned)
            tests = await workspace.shell("python3 -m pytest -q", timeout_s=100)
            assert tests.ok, tests
            kept = "psql -c 'create table kept (x int)' && redis-cli -u $REDIS_URL ping"
            first = await workspace.shell(kept, timeout_s=60)
            assert (first.ok, first.stdout.text()) == (True, "CREATE TABLE\nPONG\n"), first
            # What a command started is ended with it; what it wrote into the database is there for the next one.
            again = await workspace.shell("psql -h ::1 -tAc 'select count(*) from kept'", timeout_s=60)
            assert (again.ok, again.stdout.text()) == (True, "0\n"), again
            # A clean checkout has a clean database.
            proof = await workspaces.verify(
                "run", pinned.tree, "psql -c 'select * from kept' || ! pgrep -f other", timeout_s=60
            )
            assert "does not exist" in proof.stderr.text()
            # Our own programs have none of it.
            assert (await workspace.snapshot("base")).tree
        finally:
            await workspaces.close()
            await opened.pool.close()
            await environments._layers.remove([made.key])
