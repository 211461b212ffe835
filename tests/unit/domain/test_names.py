"""Who is the same person as whom, for any names at all."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity import alike, people, person

HIDDEN = "\u00ad\u200b\u200d\u202e\u2066\ufeff\ufe0f\U000e0061"
ODD = HIDDEN + "\u0660\u043e\u041e\u0430\u0406\u0456\u04c0\u04cf\u03bf\uff4f\u0442\u0422"
NAMES = st.text(st.sampled_from("rotanOTIl10| mn" + ODD) | st.characters(codec="utf-8"), max_size=12)
PLAIN = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=12)


@pytest.mark.parametrize(
    "other",
    [
        "ro\u00adot",
        "ro\u200bot",
        "ro\U00013430ot",
        "ro\u070fot",
        "ro\ufffcot",
        "ro\U0001d159ot",
        "\u202eroot",
        "root\u2066",
        "ro\ufeffot",
        "ROOT",
        " root ",
        "r\u043e\u043et",
        "R\u041e\u041e\u0422",
        "r\u03bfot",
        "\uff52oot",
        "ro\U000e006fot",
        "r\u200doot",
        "roo\u0442",
        "\U0001d42boot",
        "ro\u0585t",
        "root\u3164",
        "root\ufe0f",
        "ro\u034fot",
    ],
)
def test_one_name_by_any_spelling(other: str) -> None:
    assert person(other) == person("root")
    assert alike(other, "root")
    assert people(["root", other]) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("user1", "userl"),
        ("userI", "user1"),
        ("user0", "usero"),
        ("ann", "anne"),
        ("marn", "mam"),
        ("jo", "j\u00f6"),
        ("\u0438\u0432\u0430\u043d", "\u0430\u043d\u043d\u0430"),
        ("a_b", "a-b"),
        ("key:ci", "key-ci"),
    ],
)
def test_colleagues_stay_apart(one: str, other: str) -> None:
    assert not alike(one, other)
    assert people([one, other]) == 2


@pytest.mark.parametrize("unclear", ["user\u04c0", "user\u0406", "user\u01c0"])
def test_a_letter_that_could_be_any_passes_for_none_of_them(unclear: str) -> None:
    assert alike(unclear, "user1")
    assert alike(unclear, "userl")
    assert people(["user1", "userl"]) == people(["user1", "userl", unclear]) == 2
    assert people([unclear, "user1"]) == 1


def test_a_letter_and_its_capital_are_one_in_every_alphabet() -> None:
    for name in (
        "\u0406\u0432\u0430\u043d",
        "\u0422\u043e\u043c\u0430",
        "\u0391\u03bd\u03bd\u03b1\u03c2",
        "\u13a0\u13a1",
    ):
        assert person(name) == person(name.upper()) == person(name.lower()), name


@given(NAMES)
def test_folding_twice_is_folding_once(name: str) -> None:
    assert person(person(name)) == person(name)
    assert person(unicodedata.normalize("NFD", name)) == person(unicodedata.normalize("NFC", name))


@given(NAMES, NAMES)
def test_alike_is_at_least_the_same_and_symmetric(one: str, other: str) -> None:
    assert alike(one, one)
    assert alike(one, other) == alike(other, one)
    if person(one) == person(other):
        assert alike(one, other)


@given(PLAIN, PLAIN)
def test_plain_ascii_names_are_one_by_case_only(one: str, other: str) -> None:
    same = one.casefold() == other.casefold()
    assert (person(one) == person(other), alike(one, other), people([one, other]) == 1) == (same, same, same)


@given(st.lists(NAMES, max_size=5), NAMES)
def test_another_name_never_makes_it_fewer_people(names: list[str], more: str) -> None:
    assert people(names) <= people([*names, more]) <= people(names) + 1
    assert people([*names, *names]) == people(names)


@given(NAMES, st.integers(0, 12), st.sampled_from("\u00ad\u200b\u200e\u202a\u2060\ufeff\ufe00\U000e0020"))
def test_what_nobody_sees_makes_nobody_else(name: str, at: int, hidden: str) -> None:
    hiding = name[:at] + hidden + name[at:]
    # A character between two others can keep them from being one (a letter and its accent); seen, it is the same.
    if all(not unicodedata.combining(char) for char in unicodedata.normalize("NFD", name)):
        assert person(hiding) == person(name)
