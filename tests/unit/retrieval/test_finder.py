import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import Refused
from retrieval import CodeIndex, Finder, Passage

LEDGER = '''"""Lots of stock."""


def issue(lots, quantity):
    """Take the oldest lots first."""
    taken = []
    for lot in sorted(lots, key=received_on):
        taken.append(lot)
    return taken


def received_on(lot):
    return lot.date


def unrelated_report(rows):
    return "\\n".join(rows)
'''
TEST = """from ledger import issue


def test_oldest_first():
    assert issue([1], 1) == [1]
"""
SHOP = {
    "src/ledger.py": LEDGER.encode(),
    "src/money.py": b"class Money:\n    def rounded(self):\n        return self\n",
    "tests/test_ledger.py": TEST.encode(),
    "README.md": b"# Shop\n\nKeeps stock.\n",
    "logo.png": b"\x89PNG\0\0",
    "data.csv": b"a,b\0c",
}
FAILED = "tests/test_ledger.py:5: AssertionError\nE assert [] == [1]"


@dataclass
class Files:
    """A tree in memory."""

    tree: Mapping[str, bytes]
    asked: list[str] = field(default_factory=list)
    missing: frozenset[str] = frozenset()

    async def files(self) -> Sequence[str]:
        return tuple(self.tree)

    async def read(self, path: str) -> bytes:
        self.asked.append(path)
        if path in self.missing:
            raise Refused("gone", code="file_not_found")
        return self.tree[path]


def text_of(files: Files, passage: Passage) -> str:
    lines = files.tree[passage.path].decode().split("\n")
    return "\n".join(lines[passage.start_line - 1 : passage.end_line])


async def test_words_find_the_function_and_the_citation_is_exact() -> None:
    files = Files(SHOP)
    best, *_ = await Finder(files).find("the oldest lots must be issued first", budget_tokens=400)
    assert best.path == "src/ledger.py"
    assert "def issue" in best.text
    assert best.text == text_of(files, best)
    assert best.cite == f"src/ledger.py:{best.start_line}-{best.end_line}"
    assert "lot" in best.why


async def test_a_failure_brings_the_line_that_failed_and_what_it_uses() -> None:
    found = await Finder(Files(SHOP)).find(f"fix it\n{FAILED}", budget_tokens=400)
    assert (found[0].path, found[0].why) == ("tests/test_ledger.py", "named in the output")
    issue = next(p for p in found if p.path == "src/ledger.py")
    assert "def issue" in issue.text


async def test_named_files_and_what_the_failing_lines_use_are_found_among_many() -> None:
    tree = {f"m{n}.py": b"def f():\n    return wrong\n" for n in range(300)}
    tree |= {"test_x.py": b"\n\n\nassert reclaim(1)\n", "pool.py": b"def reclaim(n):\n    return n\n"}
    passages = await Finder(Files(tree)).find("it is wrong\ntest_x.py:4: AssertionError", budget_tokens=200)
    assert [p.path for p in passages][:2] == ["test_x.py", "pool.py"]


async def test_a_hint_brings_a_file_that_no_word_leads_to() -> None:
    found = await Finder(Files(SHOP)).find("zzz", hints=["money.py"], budget_tokens=300)
    assert found[0].path == "src/money.py"
    assert found[0].why == "in a file that was named"
    assert await Finder(Files(SHOP)).find("zzz", budget_tokens=300) == ()


@pytest.mark.parametrize("budget", [0, 20, 60, 100, 400, 10_000])
async def test_the_budget_holds(budget: int) -> None:
    found = await Finder(Files(SHOP)).find(f"oldest stock money report\n{FAILED}", budget_tokens=budget)
    assert sum(len(p.text) // 3 for p in found) <= budget


async def test_a_small_repository_is_given_whole_when_the_budget_allows() -> None:
    found = await Finder(Files(SHOP)).find("stock lot money issue rounded report test", budget_tokens=10_000)
    assert {p.path for p in found} == {"src/ledger.py", "src/money.py", "tests/test_ledger.py", "README.md"}


async def test_files_that_cannot_be_read_are_passed_over() -> None:
    files = Files(SHOP, missing=frozenset({"src/ledger.py"}))
    assert all(p.path != "src/ledger.py" for p in await Finder(files).find("stock lots", budget_tokens=500))
    assert "logo.png" not in files.asked


async def test_an_empty_repository_has_nothing() -> None:
    assert await Finder(Files({})).find("anything", budget_tokens=500) == ()
    assert await Finder(Files({})).map(budget_tokens=500) == ""


async def test_time_ends_the_reading_not_the_search() -> None:
    many = {f"f{n:03}.py": f"def name_{n}():\n    return 'needle'\n".encode() for n in range(200)}
    ticks = count()
    files = Files(many)
    found = await Finder(files, seconds=2.5, clock=lambda: float(next(ticks))).find("needle", budget_tokens=500)
    assert 0 < len(files.asked) < 200
    assert found


async def test_an_index_that_is_shared_saves_the_second_counting() -> None:
    index = CodeIndex()
    first = await Finder(Files(SHOP), index=index).ranked("oldest lots")
    again = await Finder(Files(SHOP), index=index).ranked("oldest lots")
    changed = await Finder(Files({**SHOP, "src/money.py": b"x = 1\n"}), index=index).ranked("oldest lots")
    assert first.chunks == again.chunks
    assert [each.coverage.added for each in (first, again, changed)] == [4, 0, 1]
    index.close()


async def test_the_map_shows_what_the_repository_leans_on() -> None:
    drawn = await Finder(Files(SHOP)).map(focus=["tests/test_ledger.py"], budget_tokens=200)
    assert drawn.index("src/ledger.py") < drawn.index("src/money.py")
    assert "  4: def issue(lots, quantity):" in drawn


TREE = st.dictionaries(
    st.from_regex(r"[a-z]{1,4}\.(py|js|go|rs|ts|md)", fullmatch=True), st.binary(max_size=120), max_size=6
)


@settings(deadline=None)
@given(TREE, st.text(max_size=80), st.integers(0, 500))
def test_no_repository_and_no_question_is_an_error(tree: dict[str, bytes], query: str, budget: int) -> None:
    found = asyncio.run(Finder(Files(tree)).find(query, budget_tokens=budget))
    assert sum(len(p.text) // 3 for p in found) <= budget
    assert all(p.path in tree and p.start_line <= p.end_line for p in found)
