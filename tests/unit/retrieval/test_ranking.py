from retrieval.index import Hits, index_file
from retrieval.mentions import QueryMentions
from retrieval.ranking import Corpus, rank
from retrieval.terms import query_terms

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


def first_for(question: str, files: dict[str, str]) -> tuple[str, str]:
    corpus = Corpus.of([index_file(path, text) for path, text in files.items()])
    c, _, _ = next(rank(corpus, query_terms(question), QueryMentions()))
    return c.path, c.name


def test_a_function_comes_before_the_head_of_a_class_that_says_the_same() -> None:
    methods = "".join(f"\n    def step_{n}(self):\n        return {n}\n" for n in range(20))
    head = f"class Invoice:\n    total = wrong = None\n{methods}"
    function = "def invoice():\n    total = wrong = None\n"
    assert first_for("invoice total wrong", {"a.py": head, "b.py": function}) == ("b.py", "invoice")


def test_what_a_function_takes_counts_more_than_what_it_says() -> None:
    says = "def settle(order):\n    return ledger.book(order.currency, order.deadline)\n"
    takes = "def settle(currency, deadline):\n    return ledger.book(first, order, second)\n"
    assert first_for("settle by currency and deadline", {"a.py": says, "b.py": takes})[0] == "b.py"


def test_a_small_class_declares_what_its_methods_do() -> None:
    shop = "class Shop:\n    def total(self, tax):\n        return tax\n"
    assert first_for("total of the tax", {"web/app.js": "const total = (x) => x;\n", "shop.py": shop})[0] == "shop.py"


def test_a_word_of_every_file_that_few_functions_have_still_tells_them_apart() -> None:
    """In a small repository each file has each word, so that none would be rare among files alone."""
    hits = Hits({}, {"reclaim": 0.1, "connection": 0.1})
    others = "".join(f"\n\ndef use_{n}(connection):\n    return connection.read({n})\n" for n in range(8))
    corpus = Corpus.of([index_file("a.py", f"def drop(thing):\n    return reclaim(thing)\n{others}")], hits)
    c, _, _ = next(rank(corpus, {"reclaim": 1.0, "connection": 1.0}, QueryMentions()))
    assert c.name == "drop"
