import asyncio
import hashlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval import CodeIndex, Finder, IndexFolder
from retrieval.file_reader import LoadedTexts
from retrieval.index import Coverage, IndexLost
from retrieval.terms import query_terms

NAMES = st.from_regex(r"[a-z]{1,4}\.py", fullmatch=True)
TEXTS = st.dictionaries(NAMES, st.binary(max_size=60), max_size=10)
TERMS = st.dictionaries(st.text(max_size=6), st.floats(0.1, 3), max_size=6)
WORDS = st.lists(
    st.sampled_from(["stock", "lot", "money", "issue", "report", "total", "rate", "parse"]), min_size=1, max_size=8
)
TREE = {
    "src/pool.py": b"def reclaim(connection):\n    return connection\n",
    "src/shop.py": b"def sell(lot):\n    return reclaim(lot)\n",
    "README.md": b"# Shop\n\nSells lots.\n",
}


@dataclass
class Tree:
    """A tree that knows its hashes, and which of its files are of the moment."""

    texts: Mapping[str, bytes]
    own: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    async def files(self) -> Sequence[str]:
        return tuple(self.texts)

    async def versions(self) -> Mapping[str, str]:
        return versions_of(self.texts)

    async def private(self) -> frozenset[str]:
        return self.own

    async def read(self, path: str) -> bytes:
        self.asked.append(path)
        return self.texts[path]


def versions_of(texts: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha1(data, usedforsecurity=False).hexdigest() for path, data in texts.items()}


def written_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def update(index: CodeIndex, texts: Mapping[str, bytes], **more: float) -> Coverage:
    ends = more.get("until", 1e9)
    return await index.update(LoadedTexts(texts), versions_of(texts), tuple(texts), until=ends, clock=time.monotonic)


def best(index: CodeIndex, texts: Mapping[str, bytes], words: str, keep: int = 9) -> list[str]:
    return list(index.best(query_terms(words), versions_of(texts), keep=keep).files)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[CodeIndex]:
    with CodeIndex(tmp_path / "index" / "words.db") as index:
        yield index


@settings(deadline=None)
@given(TEXTS, TERMS, st.integers(0, 12))
def test_no_more_than_wanted_are_named_each_once_and_any_text_is_counted(
    texts: dict[str, bytes], terms: dict[str, float], keep: int
) -> None:
    with CodeIndex() as index:
        coverage = asyncio.run(update(index, texts))
        named = index.best(terms, versions_of(texts), keep=keep).files
        assert coverage.files + sum(coverage.skipped.values()) == len(texts) == coverage.added
        assert len(named) <= keep
        assert set(named) <= set(texts)
        assert all(score > 0 for score in named.values())


@settings(deadline=None)
@given(st.lists(st.dictionaries(NAMES, WORDS, max_size=5), min_size=1, max_size=5), WORDS)
def test_an_index_of_many_trees_answers_for_each_as_one_of_its_own_does(
    trees: list[dict[str, list[str]]], words: list[str]
) -> None:
    with CodeIndex() as shared:
        for tree in trees:
            asyncio.run(update(shared, {path: " ".join(said).encode() for path, said in tree.items()}))
        for tree in trees:
            texts = {path: " ".join(said).encode() for path, said in tree.items()}
            with CodeIndex() as alone:
                asyncio.run(update(alone, texts))
                terms = query_terms(" ".join(words))
                both = [each.best(terms, versions_of(texts), keep=9) for each in (shared, alone)]
            assert both[0].files == pytest.approx(both[1].files)
            assert both[0].rarity == pytest.approx(both[1].rarity)


async def test_files_that_say_it_come_before_files_that_do_not(index: CodeIndex) -> None:
    texts = {"a.py": b"nothing", "b.py": b"Connections close", "pool_connect.py": b"close", "c.py": b"connect"}
    await update(index, texts)
    assert set(best(index, texts, "connect close", keep=2)) == {"b.py", "pool_connect.py"}


async def test_a_rare_word_says_more_than_one_that_is_everywhere(index: CodeIndex) -> None:
    texts = {**{f"{n}.py": b"return return" for n in range(9)}, "x.py": b"reclaim"}
    await update(index, texts)
    assert best(index, texts, "return reclaim", keep=1) == ["x.py"]


async def test_who_defines_a_name_comes_before_who_uses_it(index: CodeIndex) -> None:
    texts = {"a.py": b"reclaim(x)\nreclaim(y)\n", "b.py": b"def reclaim(z):\n    pass\n"}
    await update(index, texts)
    assert best(index, texts, "reclaim") == ["b.py", "a.py"]


async def test_what_was_counted_once_is_not_read_again_by_any_process(tmp_path: Path) -> None:
    file = tmp_path / "words.db"
    first, again = Tree(TREE), Tree(TREE)
    answers = [
        await Finder(tree, index=CodeIndex(file)).ranked("who sells the lot", within=None) for tree in (first, again)
    ]
    assert answers[0].chunks == answers[1].chunks
    assert [each.coverage.added for each in answers] == [3, 0]
    assert set(again.asked) == {chunk.path for chunk, _, _ in answers[1].chunks}, "only what is shown"


async def test_two_that_share_a_file_learn_what_the_other_counted(tmp_path: Path) -> None:
    one, other = CodeIndex(tmp_path / "words.db"), CodeIndex(tmp_path / "words.db")
    assert (await update(one, TREE)).added == 3
    assert (await update(other, {**TREE, "new.py": b"lot"})).added == 1
    assert (await update(one, {**TREE, "new.py": b"lot"})).added == 0
    assert best(one, {**TREE, "new.py": b"lot"}, "lot")[0] in {"new.py", "src/shop.py"}


async def test_what_a_run_changed_is_found_and_leaves_no_word_behind(tmp_path: Path) -> None:
    file, word = tmp_path / "words.db", b"heliotrope"
    tree = Tree({**TREE, "src/own.py": b"def heliotrope():\n    return 1\n"}, own=frozenset({"src/own.py"}))
    ranked = await Finder(tree, index=CodeIndex(file)).ranked("heliotrope")
    assert [chunk.path for chunk, _, _ in ranked.chunks] == ["src/own.py"]
    assert written_in(tmp_path)
    assert word not in written_in(tmp_path)
    # Another one finds it, too, and has to read it for that.
    later = await Finder(tree, index=CodeIndex(file)).ranked("heliotrope")
    assert (later.coverage.added, [chunk.path for chunk, _, _ in later.chunks]) == (1, ["src/own.py"])


async def test_what_is_not_searched_is_said_with_its_reason(index: CodeIndex) -> None:
    texts = {
        "a.py": b"x = 1\n",
        "b.py": b"\0\1",
        "c.js": b"var a=1;" * 9_000,
        "huge.py": b"y = 2\n" * 200_000,
    }
    coverage = await update(index, texts)
    assert coverage.files == 1
    assert coverage.skipped == {"binary, over 512 KB, or unreadable": 2, "minified or data on one line": 1}
    assert (await update(index, texts)).added == 0, "nor is it read again"


async def test_when_time_is_up_the_next_question_goes_on(index: CodeIndex) -> None:
    texts = {f"m{n}.py": b"lot" for n in range(600)}
    ticks = iter(range(10_000))
    shown: list[tuple[int, int]] = []
    coverage = await index.update(
        LoadedTexts(texts),
        versions_of(texts),
        tuple(texts),
        until=1.5,
        clock=lambda: float(next(ticks)),
        progress=lambda done, of: shown.append((done, of)),
    )
    assert not coverage.complete
    assert 0 < coverage.files < 600
    assert shown[-1] == (coverage.files, 600)
    rest = await update(index, texts)
    assert (rest.complete, rest.files, rest.added) == (True, 600, 600 - coverage.files)


async def test_a_damaged_file_is_made_anew_and_nobody_notices(tmp_path: Path) -> None:
    file = tmp_path / "words.db"
    await update(CodeIndex(file), TREE)
    file.write_bytes(b"SQLite format 3\0" + b"\xff" * 40_000)
    for rest in ("words.db-wal", "words.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    index = CodeIndex(file)
    with pytest.raises(IndexLost):
        await update(index, TREE)
    found = await Finder(Tree(TREE), index=index).ranked("who sells the lot")
    assert found.chunks
    again = CodeIndex(file)
    assert (await update(again, TREE)).added == 3
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM files").fetchone() == (3,)
    db.close()


async def test_where_nothing_can_be_written_the_search_works_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    found = await Finder(Tree(TREE), index=CodeIndex(tmp_path / "file" / "words.db")).ranked("who sells the lot")
    assert found.chunks


async def test_many_small_additions_become_one(index: CodeIndex) -> None:
    texts: dict[str, bytes] = {}
    for n in range(40):
        texts[f"m{n}.py"] = f"shared name_{n}".encode()
        await update(index, texts)
    assert index.file is not None
    db = sqlite3.connect(index.file)
    segments = db.execute("SELECT count(DISTINCT segment) FROM postings").fetchone()[0]
    db.close()
    assert segments <= 18
    assert best(index, texts, "name_7", keep=1) == ["m7.py"]
    assert len(best(index, texts, "shared", keep=99)) == 40


async def test_an_index_that_nobody_asked_for_goes(tmp_path: Path) -> None:
    folder = IndexFolder(tmp_path)
    await update(folder.of("/a"), TREE)
    assert folder.of("/a") is folder.of("/a")
    assert folder.of("/a") is not folder.of("/b")
    now = datetime.now(UTC)
    assert folder.drop_before(now - timedelta(days=1)) == 0
    assert folder.drop_before(now + timedelta(days=1)) == 1
    assert written_in(tmp_path) == b""
    assert (await update(folder.of("/a"), TREE)).added == 3
    assert IndexFolder(tmp_path / "nowhere").drop_before(now) == 0


async def test_a_private_file_that_is_forgotten_is_not_taken_for_the_next_one(index: CodeIndex) -> None:
    first = {"notes.py": b"def lots():\n    return stock\n", "data.js": b"x" * 10_000}
    await Finder(Tree(first, frozenset(first)), index=index).find("the stock of lots", budget_tokens=500)
    index._forget_own()
    second = {"shop.py": b"def sell():\n    return stock\n", "pool.py": b"def money():\n    return stock\n"}
    found = await Finder(Tree(second, frozenset(second)), index=index).find("the stock", budget_tokens=500)
    assert {passage.path for passage in found} == {"shop.py", "pool.py"}
    assert index._kept_bytes == sum(size for _, size in index._kept.values())
