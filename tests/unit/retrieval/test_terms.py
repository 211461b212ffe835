import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.terms import STOP, bag, query_terms, size, stem, telling, terms_of, weighted

NAME = st.from_regex(r"[a-z]{3,8}", fullmatch=True)


@pytest.mark.parametrize(
    ("word", "terms"),
    [
        ("reserveStock", {"reserv", "stock", "reservestock"}),
        ("HTTPServer2", {"http", "serv", "2", "httpserver2"}),
        ("_max_retries", {"max", "retry", "_max_retries"}),
        ("parse", {"pars"}),
        ("Über", {"ü", "ber", "über"}),
        ("数量", {"数量"}),
    ],
)
def test_identifiers_count_whole_and_in_parts(word: str, terms: set[str]) -> None:
    assert set(terms_of(word)) == terms


@pytest.mark.parametrize(
    "family",
    [["parse", "parses", "parsing", "parsed", "parser"], ["entry", "entries"], ["stop", "stopped", "stopping"]],
)
def test_forms_of_a_word_meet(family: list[str]) -> None:
    assert len({stem(word) for word in family}) == 1


@given(NAME, NAME)
def test_all_spellings_of_a_compound_share_their_parts(one: str, two: str) -> None:
    snake, camel, pascal = f"{one}_{two}", one + two.title(), one.title() + two.title()
    parts = {stem(one), stem(two)}
    assert all(parts <= set(terms_of(name)) for name in (snake, camel, pascal))


@given(st.text())
def test_any_text_is_counted_and_terms_are_lower_case(text: str) -> None:
    counted = bag(text)
    assert all(times > 0 for times in counted.values())
    assert all(term == term.lower() for term in counted if term.isascii())
    assert not query_terms(text).keys() & STOP


@given(st.text(), st.text())
def test_counts_add_up(one: str, two: str) -> None:
    together = weighted((one, 1.0), (two, 2.0))
    assert size(together) == pytest.approx(size(bag(one)) + 2 * size(bag(two)))


def test_the_first_sentence_of_a_question_counts_most_and_repetition_counts_slowly() -> None:
    asked = query_terms("Stock is wrong\n\nstock stock debit debit debit the")
    assert asked["stock"] > asked["debit"] > 1
    assert asked["wrong"] == 3
    assert query_terms("Stock is wrong. Debit it.")["wrong"] > query_terms("Stock is wrong. Debit it.")["debit"]
    assert "the" not in asked


def test_letters_and_small_numbers_say_nothing_beside_words() -> None:
    assert set(telling(query_terms("x raised 404 in version 3 of 数 rows"))) == {"rais", "404", "vers", "数", "row"}
    assert set(telling(query_terms("x 3"))) == {"x", "3"}


@given(st.text())
def test_a_question_never_loses_all_its_terms(text: str) -> None:
    terms = query_terms(text)
    assert bool(telling(terms)) == bool(terms)
    assert telling(terms).items() <= terms.items()
