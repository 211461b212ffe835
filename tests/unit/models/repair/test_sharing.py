"""Candidates share a process while that spoils nothing."""

from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.search.trials import Sharing

EVENTS = st.lists(st.one_of(st.none(), st.integers(1, 16)), max_size=60)


@given(EVENTS, st.booleans())
def test_the_size_stays_in_its_bounds_and_a_spoiled_process_never_raises_it(events, alone):
    sharing = Sharing(alone=alone)
    most = sharing.size
    for count in events:
        before = sharing.size
        sharing.spoiled() if count is None else sharing.kept(count)
        assert 1 <= sharing.size <= most
        assert sharing.size <= before if count is None else sharing.size >= before


def test_after_a_calm_while_as_many_share_as_before():
    sharing = Sharing(alone=False)
    most = sharing.size
    sharing.spoiled()
    assert sharing.size < most
    for _ in range(100):
        sharing.kept(sharing.size)
    assert sharing.size == most
