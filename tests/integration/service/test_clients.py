"""The example clients do what they say, as they are, against a real server."""

import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tests.worlds.node import beside_the_sdk, said_by
from tests.worlds.served import Served

HERE = ROOT / "examples" / "clients"


@pytest.fixture
def asked(service: Served) -> tuple[str, str, str, str]:
    """The example's words are always the same; this repository's name makes the quick nodes ask for a signature."""
    return service.url, service.key, service.session, "/sign"


async def test_python_sdk(service: Served, asked: tuple[str, ...]) -> None:
    said = await said_by(sys.executable, str(HERE / "python_sdk.py"), *asked)
    assert "updates execute" in said
    assert "asks: branch high" in said
    assert said.endswith("Done.\n")


async def test_curl(service: Served, asked: tuple[str, ...]) -> None:
    said = await said_by(str(HERE / "curl.sh"), *asked)
    assert '"state":"approved"' in said
    assert said.endswith("Done.\n")


async def test_openai_package(service: Served, asked: tuple[str, ...]) -> None:
    said = await said_by(sys.executable, str(HERE / "openai_package.py"), *asked)
    assert said.startswith("signoff-coding")
    assert f"{service.url}/a/" in said


@pytest.mark.slow
async def test_javascript_sdk(service: Served, asked: tuple[str, ...], tmp_path: Path) -> None:
    script = await beside_the_sdk(HERE / "javascript_sdk.mjs", tmp_path)
    said = await said_by("node", script.name, *asked, cwd=tmp_path)
    assert "updates execute" in said
    assert "asks: branch high" in said
    assert said.endswith("Done.\n")
