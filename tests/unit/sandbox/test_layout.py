import re

from hypothesis import given
from hypothesis import strategies as st

from sandbox.workspace.layout import plain

NAMES = st.text(st.sampled_from("ab.-_/ ~\u00e4"), max_size=12)


@given(NAMES, NAMES)
def test_a_name_is_safe_and_nobody_elses(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", plain(one))
    assert ".." not in plain(one)
    assert (plain(one) == plain(other)) == (one == other)
    # Whoever may choose an id may choose what another one was turned into.
    assert plain(plain(one)) == plain(one) if plain(one) == one else plain(plain(one)) != plain(one)


def test_names_that_are_safe_stay_as_they_are() -> None:
    for name in ("0dd04e5ef2dd", "1f0f0f0f-0000-6000-8000-000000000000", "a_b"):
        assert plain(name) == name
