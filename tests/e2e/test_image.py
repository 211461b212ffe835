"""A sandbox with the packages of a project, from its files to a test that passes in it."""

import asyncio
from pathlib import Path

import pytest

from tests.worlds.cli import Cli
from tests.worlds.house import repository

pytestmark = [pytest.mark.docker, pytest.mark.slow]

NAME = "signoff-sandbox-under-test:latest"
FILES = {
    "pyproject.toml": '[project]\nname = "shop"\nversion = "1"\ndependencies = ["six==1.16.0"]\n',
    "shop.py": "import six\n\n\ndef total(prices):\n    return sum(six.ensure_str(p) and int(p) for p in prices[1:])\n",
    "test_shop.py": "from shop import total\n\n\ndef test_total():\n    assert total(['1', '2']) == 3\n",
}


async def test_what_a_project_names_is_there_when_its_tests_run(tmp_path: Path) -> None:
    repo, cli = repository(tmp_path / "shop", FILES), Cli(tmp_path)
    order = ("run", "--repo", str(repo), "--task", "total leaves out a price", "--deliver", "patch", "--json")
    refused = await cli.run(*order)
    assert "dependency_missing" in refused.out
    assert "signoff sandbox setup" in refused.out
    try:
        made = await cli.run("sandbox", "image", "--repo", str(repo), "--name", NAME, "--json")
        assert (made.code, made.json["requirements"]) == (0, ["six==1.16.0"])
        mended = await Cli(tmp_path, {"SIGNOFF_SANDBOX_IMAGE": NAME}).run(*order)
        assert mended.json["status"] == "delivered"
    finally:
        removing = await asyncio.create_subprocess_exec(
            "docker", "image", "rm", "--force", NAME, stdout=asyncio.subprocess.DEVNULL
        )
        await removing.wait()


async def test_what_cannot_be_built_is_said(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    nothing = await cli.run("sandbox", "image", "--repo", str(tmp_path), "--json")
    assert (nothing.code, nothing.json["error"]["code"]) == (2, "requirements_unknown")
    nobody = await cli.run("sandbox", "image", "--requirement", "signoff-no-such-package==0", "--name", NAME, "--json")
    assert (nobody.code, nobody.json["error"]["code"]) == (2, "image_not_built")
