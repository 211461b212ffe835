"""Each package manager's recipe, really carried out once: a small project with its lock file, and its tests in it."""

import json
import subprocess
from pathlib import Path

import pytest

from sandbox import Docker, Workspaces
from service.settings import Settings
from service.wiring.environments import default_hosts
from service.wiring.sandboxes import spec_of
from tests.integration.service.test_services import trusted
from tests.worlds.house import application, repository

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
PYTHON = {
    "src/shop/__init__.py": "VALUE = 7\n",
    "tests/test_shop.py": "from shop import VALUE\n\n\ndef test_it():\n    assert VALUE == 7\n",
}
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "shop"
version = "1.0"
requires-python = ">=3.9"
"""
UV = """
version = 1
requires-python = ">=3.9"

[[package]]
name = "shop"
version = "1.0"
source = { editable = "." }
"""
PDM = """
[metadata]
groups = ["default"]
strategy = ["inherit_metadata"]
lock_version = "4.5.0"
content_hash = "sha256:0"

[[metadata.targets]]
requires_python = ">=3.9"
"""
PIPFILE = json.dumps(
    {"_meta": {"sources": [], "requires": {}}, "default": {"six": {"version": "==1.17.0"}}, "develop": {}}
)
PACKAGE = {"name": "shop", "version": "1.0.0", "scripts": {"test": "node t.js"}, "dependencies": {"ms": "2.1.3"}}
NODE = {"package.json": json.dumps(PACKAGE), "t.js": "process.exit(require('ms')('1s') - 1000)\n"}
INTEGRITY = "sha512-6FlzubTLZG3J2a/NVCAleEhjzq5oxgHyaCU9yYXvcLsvoVaHJq/s5xXI6/XXP6tz7R9xAOtHnSO/tXtF3WRTlA=="
PNPM = f"""
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      ms: {{specifier: 2.1.3, version: 2.1.3}}
packages:
  ms@2.1.3:
    resolution: {{integrity: {INTEGRITY}}}
snapshots:
  ms@2.1.3: {{}}
"""
YARN = f'# yarn lockfile v1\n\n\nms@2.1.3:\n  version "2.1.3"\n  integrity {INTEGRITY}\n'
PROJECTS = {
    "uv": {**PYTHON, "pyproject.toml": PROJECT, "uv.lock": UV},
    "pdm": {**PYTHON, "pyproject.toml": PROJECT, "pdm.lock": PDM},
    "pipenv": {
        **PYTHON,
        "setup.py": "from setuptools import setup; setup(name='shop', package_dir={'': 'src'})",
        "Pipfile": '[packages]\nsix = "*"\n',
        "Pipfile.lock": PIPFILE,
    },
    "pnpm": {**NODE, "pnpm-lock.yaml": PNPM},
    "yarn": {**NODE, "yarn.lock": YARN},
    "yarn-4": {**NODE, "yarn.lock": "", ".yarnrc.yml": "nodeLinker: node-modules\n"},
}


@pytest.mark.parametrize("manager", [*PROJECTS])
async def test_a_project_with_its_lock_file_is_set_up_and_tested(tmp_path, manager):
    if "package.json" in PROJECTS[manager]:
        subprocess.run([ROOT / "sandbox" / "images" / "node.sh"], check=True, capture_output=True)  # noqa: ASYNC221
    (tmp_path / "ca.pem").write_text(trusted())
    sealed = Docker()
    images = ("signoff-sandbox:latest", "signoff-sandbox-node:latest")
    spec = spec_of(Settings(sandbox_image=images["package.json" in PROJECTS[manager]]))
    hosts = ",".join(await default_hosts(sealed, spec))
    await sealed.close()
    given = {
        "sandbox": "docker",
        "sandbox_image": spec.image,
        "setup_network": "registries",
        "egress_private": hosts,
        "egress_ca": tmp_path / "ca.pem",
    }
    async with application(tmp_path, **given) as opened:
        environments, store = opened.environments, opened.store
        assert environments is not None
        pinned = await store.pin("run", str(repository(tmp_path / "shop", PROJECTS[manager])))
        recipe = await environments.recipe("run", pinned, await store.files("run", pinned.tree))
        made = await environments.prepare("run", pinned, recipe)
        workspaces = Workspaces(opened.backend, store, opened.spec)
        try:
            assert (made.code, made.collected) == ("", True), made
            assert [step.title for step in made.steps if not step.ok] == []
            command = "node t.js" if "package.json" in PROJECTS[manager] else "python3 -m pytest -q"
            ran = await workspaces.verify("run", pinned.tree, command, timeout_s=120)
            assert ran.ok, ran
        finally:
            await workspaces.close()
            await opened.pool.close()
            await environments._layers.remove([made.key])
