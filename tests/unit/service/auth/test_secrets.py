"""Keys of an installation: every machine on one database has the same, or is told which it lacks."""

import ast
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from database import open_engine, sqlite_url
from domain import Refused
from service.auth.secrets import KEY_NAMES, ensure_same_keys, own_key
from service.storage.schema import make_tables

ROOT = Path(__file__).parents[4]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[AsyncEngine]:
    engine = open_engine(sqlite_url(tmp_path / "signoff.db"))
    await make_tables(engine)
    yield engine
    await engine.dispose()


def test_every_key_that_somebody_asks_for_is_compared() -> None:
    asked = {
        node.args[1].value
        for path in (ROOT / "service").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", "") == "own_key"
        and isinstance(node.args[1], ast.Constant)
    }
    assert asked == set(KEY_NAMES)


async def test_a_machine_with_the_same_keys_is_welcome(engine: AsyncEngine, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    await ensure_same_keys(engine, first)
    second.mkdir()
    for key in first.iterdir():
        (second / key.name).write_bytes(key.read_bytes())
    await ensure_same_keys(engine, second)
    await ensure_same_keys(engine, first)


@pytest.mark.parametrize("name", KEY_NAMES)
async def test_a_key_that_is_another_one_or_not_there_is_named(engine: AsyncEngine, tmp_path: Path, name: str) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    await ensure_same_keys(engine, first)
    other.mkdir()
    for key in first.iterdir():
        (other / key.name).write_bytes(key.read_bytes())
    (other / f"{name}.key").unlink()
    for _ in range(2):
        with pytest.raises(Refused, match=f"{name}.key") as refused:
            await ensure_same_keys(engine, other)
        assert refused.value.stable_code == "keys_differ"
        own_key(other, name)


async def test_a_key_that_is_configured_needs_no_file(engine: AsyncEngine, tmp_path: Path) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    await ensure_same_keys(engine, first)
    other.mkdir()
    for key in first.iterdir():
        if key.name != "pepper.key":
            (other / key.name).write_bytes(key.read_bytes())
    await ensure_same_keys(engine, other, configured=("pepper",))
    assert not (other / "pepper.key").exists()
