"""Finding passages in a tree of the real store, as the planner does."""

import subprocess
import time
from pathlib import Path

import pytest

from domain.masking import Masker
from nodes.coder.context import TreeFiles, gather, news
from retrieval import Finder, IndexFolder, ReadsMany
from sandbox import Pinned, Store

LIMIT = 1_000


def commit(repo: Path, files: dict[str, bytes]) -> None:
    for path, data in files.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_bytes(data)
    git = ("git", "-C", str(repo), "-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "all"], check=True)


async def pin(tmp_path: Path, files: dict[str, bytes]) -> tuple[Store, Pinned]:
    commit(tmp_path / "repo", files)
    store = Store(tmp_path / "store")
    return store, await store.pin("r1", str(tmp_path / "repo"))


async def test_many_files_are_read_in_one_go_and_what_does_not_fit_is_left_out(tmp_path: Path) -> None:
    files = {
        "a.py": b"x = 1\n",
        "empty": b"",
        "no newline": b"end",
        "two words.py": b"\n\nblob 3\n",
        "big.bin": b"x" * 2_000,
        "d\u00e9j\u00e0/vu.py": "ü\n".encode(),
        "odd\rname.py": b"odd\n",
    }
    store, pinned = await pin(tmp_path, files)
    asked = [*files, "gone.py", "not here blob", "a.py/b", "new\nline", "d\u00e9j\u00e0"]
    read = await store.read_many("r1", pinned.tree, asked, limit=LIMIT)
    assert read == {path: data for path, data in files.items() if len(data) <= LIMIT}
    assert await store.read_many("r1", pinned.tree, [], limit=LIMIT) == {}
    assert isinstance(TreeFiles(store, "r1", pinned.tree, Masker()), ReadsMany)


@pytest.mark.parametrize("number", [3, 900])
async def test_the_function_is_found_among_few_files_and_among_many(tmp_path: Path, number: int) -> None:
    files = {f"pkg/m{n:03}.py": f"def noise_{n}(value):\n    return value + {n}\n".encode() for n in range(number)}
    files["pkg/pool.py"] = b"def reclaim(connection):\n    '''Return a closed connection to the pool.'''\n"
    files["tests/test_pool.py"] = b"from pkg.pool import reclaim\n\ndef test_it():\n    assert reclaim(1) == 1\n"
    store, pinned = await pin(tmp_path, files)
    began = time.perf_counter()
    found = await Finder(TreeFiles(store, "r1", pinned.tree, Masker())).find(
        "a connection is lost after closing\ntests/test_pool.py:4: AssertionError", budget_tokens=800
    )
    assert time.perf_counter() - began < 15
    assert {p.path for p in found[:3]} >= {"pkg/pool.py", "tests/test_pool.py"}


async def test_the_planner_cites_what_it_was_shown(tmp_path: Path) -> None:
    store, pinned = await pin(tmp_path, {"a.py": b"def total(prices):\n    return sum(prices)\n", "b.md": b"# B\n"})
    context, cited = await gather(
        store, "r1", pinned.tree, "total of prices is wrong", "", masker=Masker(), indexes=IndexFolder()
    )
    assert "a.py:1-2" in cited
    assert "return sum(prices)" in context


async def test_what_changed_since_is_shown_beside_a_context_that_stands_still(tmp_path: Path) -> None:
    store, old = await pin(tmp_path, {"a.py": b"def total(prices):\n    return sum(prices)\n", "b.py": b"RATE = 2\n"})
    known, _ = await gather(
        store, "r1", old.tree, "total of prices at the RATE of b.py", "", masker=Masker(), indexes=IndexFolder()
    )
    commit(tmp_path / "repo", {"a.py": b"def total(prices):\n    return sum(prices) * 3\n"})
    new = await store.pin("r1", str(tmp_path / "repo"))
    said = await news(
        store,
        "r1",
        (old.tree, new.tree),
        "total of prices at the RATE of b.py",
        known,
        masker=Masker(),
        indexes=IndexFolder(),
    )
    assert said.startswith("a.py\n\n<file path='a.py:")
    assert "sum(prices) * 3" in said
    assert "RATE" not in said, "it was shown before"
    assert (
        await news(
            store,
            "r1",
            (old.tree, old.tree),
            "total of prices at the RATE of b.py",
            known,
            masker=Masker(),
            indexes=IndexFolder(),
        )
        == ""
    )
