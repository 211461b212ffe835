from hypothesis import given
from hypothesis import strategies as st

from retrieval.bm25 import prefilter
from retrieval.finder import chosen
from retrieval.mentions import mentions

TEXTS = st.lists(st.tuples(st.from_regex(r"[a-z]{1,4}\.py", fullmatch=True), st.binary(max_size=60)), max_size=10)
TERMS = st.dictionaries(st.text(max_size=6), st.floats(0.1, 3), max_size=6)


@given(TEXTS, TERMS, st.integers(0, 12))
def test_as_many_as_wanted_are_kept_each_once(texts: list, terms: dict[str, float], keep: int) -> None:
    kept = prefilter(texts, terms, keep=keep)
    assert len(kept) == min(keep, len(texts)) == len(set(kept))


def test_files_that_say_it_come_before_files_that_do_not() -> None:
    texts = [("a.py", b"nothing"), ("b.py", b"Connections close"), ("pool_connect.py", b"close"), ("c.py", b"connect")]
    assert set(prefilter(texts, {"connect": 1.0, "clos": 1.0}, keep=2)) == {1, 2}


def test_a_rare_word_says_more_than_one_that_is_everywhere() -> None:
    texts = [*((f"{n}.py", b"return return") for n in range(9)), ("x.py", b"reclaim")]
    assert prefilter(texts, {"return": 1.0, "reclaim": 1.0}, keep=1) == [9]


def test_named_files_and_what_the_failing_lines_use_are_kept() -> None:
    texts = [(f"m{n}.py", b"def f(): pass") for n in range(20)]
    texts += [("test_x.py", b"\n\n\nassert reclaim(1)"), ("pool.py", b"def reclaim(n): ...")]
    told = mentions("it is wrong\ntest_x.py:4: AssertionError", (), [path for path, _ in texts])
    assert [path for path, _ in chosen(texts, {"wrong": 1.0}, told, most=2)] == ["test_x.py", "pool.py"]
    assert chosen(texts[:2], {}, told, most=2) == texts[:2]
