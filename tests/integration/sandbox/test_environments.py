"""Environments on real Docker: built by a repository's own script, kept as an image, found, evicted, made anew."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import Docker, Egress, Pinned, Spec, Store, Workspaces
from sandbox.environments import SETUP_SCRIPT, DockerLayers, Environments, Recipe, Setup, SetupBounds
from tests.integration.sandbox.conftest import SPEC, Repo
from tests.integration.sandbox.test_workspace import say

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

SCRIPT = """
set -e
site=$(echo "$SIGNOFF_ENV"/venv/lib/python3*/site-packages)
echo 'VALUE = 7' >"$site/helper.py"
mkdir -p node_modules/dep node_modules/.bin pkg.egg-info
echo 'dep' >node_modules/dep/index.js
ln -s ../dep/index.js node_modules/.bin/dep
echo 'VERSION = 1' >shop/_version.py
echo 'Name: shop' >pkg.egg-info/PKG-INFO
"""


@dataclass
class House:
    environments: Environments
    layers: DockerLayers
    workspaces: Workspaces
    store: Store
    pinned: Pinned
    recipe: Recipe

    async def prepare(self, **given: object) -> Setup:
        return await self.environments.prepare("run", self.pinned, self.recipe, **given)  # type: ignore[arg-type]


@pytest.fixture
def set_up(repo: Repo, store: Store, tmp_path: Path):
    """A repository whose set-up is this script, and what sets it up."""

    @asynccontextmanager
    async def opened(script: str, **bounds: float) -> AsyncGenerator[House]:
        repo.write("shop/__init__.py", "")
        repo.write("pyproject.toml", f'[project]\nname = "{tmp_path.name}"\nversion = "1"\n')
        repo.write(".gitignore", "_version.py\n*.egg-info\n")
        repo.write(SETUP_SCRIPT, script)
        repo.commit("with a script")
        pinned = await store.pin("run", str(repo.path))
        backend = Docker(egress=Egress(hosts=("registry.example",)))
        layers = DockerLayers(backend)
        environments = Environments(
            store=store,
            backend=backend,
            sealed=backend,
            layers=layers,
            spec=SPEC,
            images=(),
            folder=tmp_path / "environments",
            bounds=SetupBounds(environment_mb=256, **bounds),  # type: ignore[arg-type]
        )
        recipe = await environments.recipe("run", pinned, await store.files("run", pinned.tree))
        workspaces = Workspaces(backend, store, SPEC, restore=environments.restore)
        house = House(environments, layers, workspaces, store, pinned, recipe)
        try:
            yield house
        finally:
            await workspaces.close()
            made = [
                each.key for each in await layers.all() if (tmp_path / "environments" / f"{each.key}.json").exists()
            ]
            await layers.remove(made)
            await backend.close()

    return opened


async def test_what_the_set_up_installed_and_left_is_there_in_every_checkout_and_in_no_delivery(set_up):
    async with set_up(SCRIPT) as house:
        made = await house.prepare()
        assert (made.built, made.collected, made.code, made.languages) == (True, True, "", ("python",))
        workspace = await house.workspaces.open("run", house.pinned)
        assert await say(workspace, "python3 -c 'import helper; print(helper.VALUE)'") == "7\n"
        assert await say(workspace, "cat node_modules/dep/index.js node_modules/.bin/dep shop/_version.py") == (
            "dep\ndep\nVERSION = 1\n"
        )
        assert await say(workspace, "touch node_modules/.cache && git status --porcelain") == ""
        base = await workspace.snapshot("base")
        assert base.tree == house.pinned.tree
        await say(workspace, "rm -rf node_modules shop/_version.py; echo 2 >a.py")
        await workspace.restore(base)
        assert (
            await say(workspace, "cat node_modules/dep/index.js shop/_version.py a.py") == "dep\nVERSION = 1\nx = 1\n"
        )
        proof = await house.workspaces.verify("run", house.pinned.tree, "cat node_modules/dep/index.js", timeout_s=20)
        assert proof.ok


async def test_a_known_key_is_found_and_what_was_evicted_is_built_again(set_up):
    async with set_up(SCRIPT) as house:
        first = await house.prepare()
        again = await house.prepare()
        assert (again.built, again.key, again.image) == (False, first.key, first.image)
        assert await house.layers.remove([first.key]) == (first.key,)
        workspace = await house.workspaces.open("run", house.pinned)
        assert await say(workspace, "python3 -c 'import helper'") == ""


async def test_the_one_used_longest_ago_goes_first_and_one_in_use_stays(set_up):
    async with set_up(SCRIPT, store_bytes=1) as house:
        made = await house.prepare()
        assert [each.key for each in await house.layers.all()].count(made.key) == 1  # just built: it stays
        await house.workspaces.open("run", house.pinned)
        assert made.key not in await house.environments.evict()
        await house.workspaces.drop("run")
        assert made.key in await house.environments.evict()


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("echo almost; exit 3", "setup_failed", "almost"),
        ("echo x >/etc/passwd", "setup_needs_root", "Read-only file system"),
        ("cat /etc/shadow", "setup_needs_root", "Permission denied"),
        ("sudo apt-get install -y libpq-dev", "setup_needs_root", "sudo"),
        ("head -c 400m /dev/zero >$SIGNOFF_ENV/x", "setup_full", "No space left"),
        (
            "python3 -c \"import urllib.request as r; r.urlopen('https://elsewhere.example/')\"",
            "setup_unreachable",
            "403",
        ),
        (
            "$SIGNOFF_ENV/venv/bin/python -m pip install -q --no-index six==999",
            "setup_unresolved",
            "No matching distribution",
        ),
        ("git clone -q https://elsewhere.example/a.git", "setup_unreachable", "elsewhere.example"),
    ],
)
async def test_a_script_that_fails_is_told_with_what_it_printed_and_not_tried_again_at_once(
    set_up, script, code, words
):
    async with set_up(script) as house:
        made = await house.prepare()
        assert (made.image, made.code, made.built) == ("", code, False)
        assert words in made.message
        assert (await house.prepare()).message == made.message
        assert house.store.environment("run") == ""


async def test_a_script_without_an_end_is_stopped(set_up):
    async with set_up("sleep 1000") as house:
        assert (await house.prepare(seconds=12.0)).code == "setup_timeout"


async def test_nothing_that_a_set_up_installed_becomes_the_first_process_or_our_own_tools(set_up):
    """PID 1 says how commands ended, and git makes the snapshots: neither comes from the environment."""
    fake = "for name in python3 python git sh tar; do rm -f $SIGNOFF_ENV/venv/bin/$name;"
    fake += " printf '#!/bin/false\\n' >$SIGNOFF_ENV/venv/bin/$name; chmod 755 $SIGNOFF_ENV/venv/bin/$name; done; :"
    async with set_up(f"{fake}\n") as house:
        made = await house.prepare()
        assert made.image
        workspace = await house.workspaces.open("run", house.pinned)
        assert (await workspace.run(["/bin/true"])).ok
        assert (await workspace.snapshot("base")).tree == house.pinned.tree


async def test_files_of_the_environment_cannot_be_changed_by_a_run(set_up):
    async with set_up(SCRIPT) as house:
        await house.prepare()
        workspace = await house.workspaces.open("run", house.pinned)
        ran = await workspace.shell(
            "touch /opt/env/venv/x || echo no; touch /opt/env/repo/node_modules/dep/x || echo no", timeout_s=20
        )
        assert ran.stdout.text() == "no\nno\n"


def test_an_environment_is_below_one_folder_only_in_set_ups():
    assert Spec().limits.layer_mb == 0
