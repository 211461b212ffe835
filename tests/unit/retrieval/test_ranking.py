from retrieval.index import index_file
from retrieval.mentions import QueryMentions
from retrieval.ranking import Corpus, rank

FILES = {
    "src/pool.py": "def reclaim(thing):\n    return thing\n\n\ndef other():\n    return None\n",
    "tests/test_pool.py": "from pool import reclaim\n\n\ndef test_it():\n    assert reclaim(1) == 2\n",
    **{f"src/talk_{n}.py": f"def invoice_{n}():\n    return 'invoice total wrong'\n" for n in range(9)},
}
TERMS = {"invoic": 2.0, "total": 2.0, "wrong": 1.0}


def ranked(told: QueryMentions, terms: dict[str, float] = TERMS) -> list[tuple[str, str, str]]:
    corpus = Corpus.of([index_file(path, text) for path, text in FILES.items()])
    return [(c.path, c.name, why) for c, _, why in rank(corpus, terms, told)]


def test_a_line_that_failed_comes_before_all_words() -> None:
    first, *rest = ranked(QueryMentions(lines=(("tests/test_pool.py", 5),), files=("tests/test_pool.py",)))
    assert first == ("tests/test_pool.py", "test_it", "named in the output")
    assert rest[0][0].startswith("src/talk_")


def test_what_the_failing_code_uses_is_found_without_a_word_in_common() -> None:
    told = ranked(QueryMentions(lines=(("tests/test_pool.py", 5),), files=("tests/test_pool.py",)))
    assert ("src/pool.py", "reclaim", "used by the code that failed") in told
    assert ("src/pool.py", "other", "used by the code that failed") not in told
    assert not any(path == "src/pool.py" for path, _, _ in ranked(QueryMentions()))


def test_what_a_named_file_uses_is_found_when_nothing_failed() -> None:
    told = ranked(QueryMentions(files=("tests/test_pool.py",)), terms={})
    assert {why for path, _, why in told if path == "tests/test_pool.py"} == {"in a file that was named"}
    assert ("src/pool.py", "reclaim", "used by a file that was named") in told


def test_source_comes_before_tests_that_say_it_louder() -> None:
    same = "def check():\n    return 'invoice total wrong'\n"
    louder = same.replace("wrong", "wrong wrong")
    corpus = Corpus.of([index_file("tests/test_a.py", louder), index_file("src/sub/folder/a.py", same)])
    assert [c.path for c, _, _ in rank(corpus, TERMS, QueryMentions())] == ["src/sub/folder/a.py", "tests/test_a.py"]
