import pytest

from gates.desk import Journal, Refused, book, give_back, move
from gates.hall import Hall


def opened():
    return Hall(2, 3), Journal()


def test_a_seat_is_booked_once():
    hall, journal = opened()
    assert book(hall, "ann", (0, 1), journal) == (0, 1)
    assert book(hall, "bob", (0, 1), journal) is None
    assert hall.taken == {(0, 1): "ann"}
    assert journal.lines == [("book", "ann")]


def test_only_the_one_who_has_it_gives_it_back():
    hall, journal = opened()
    book(hall, "ann", (0, 1), journal)
    assert not give_back(hall, "bob", (0, 1), journal)
    assert give_back(hall, "ann", (0, 1), journal)
    assert hall.taken == {}
    assert journal.lines[1:] == [("give back", "ann")]


def test_one_moves_to_a_free_seat():
    hall, journal = opened()
    book(hall, "ann", (0, 1), journal)
    book(hall, "bob", (0, 2), journal)
    assert move(hall, "ann", (0, 1), (0, 2), journal) is None
    assert move(hall, "ann", (1, 1), (0, 0), journal) is None
    assert move(hall, "ann", (0, 1), (0, 0), journal) == (0, 0)
    assert hall.taken == {(0, 0): "ann", (0, 2): "bob"}
    assert journal.lines[-1] == ("move", "ann")


@pytest.mark.parametrize("act", [
    lambda hall, journal: book(hall, "ann", (0, 0), journal),
    lambda hall, journal: give_back(hall, "ann", (0, 0), journal),
    lambda hall, journal: move(hall, "ann", (0, 0), (0, 1), journal),
])
def test_nothing_happens_in_a_closed_hall(act):
    hall, journal = opened()
    hall.taken[0, 0] = "ann"
    hall.closed = True
    with pytest.raises(Refused):
        act(hall, journal)
    assert hall.taken == {(0, 0): "ann"}


def test_free_seats():
    hall, _ = opened()
    hall.taken[0, 1] = "ann"
    assert hall.free() == [(0, 0), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert hall.together(2) == [(1, 0), (1, 1)]
    assert hall.together(4) == []


def test_closing_gives_all_seats_free():
    hall, _ = opened()
    hall.taken[0, 1] = "ann"
    hall.close()
    assert hall.closed
    assert not hall.taken
