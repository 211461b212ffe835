import pytest

from gates.desk import Journal, Refused, book, give_back, move
from gates.hall import Hall


def test_a_closed_hall_says_which_it_is():
    hall = Hall(1, 1)
    hall.closed = True
    for act in (book, give_back):
        with pytest.raises(Refused) as caught:
            act(hall, "ann", (0, 0), Journal())
        assert caught.value.args == (hall,)


def test_a_refused_move_is_not_written_down():
    hall, journal = Hall(1, 3), Journal()
    book(hall, "ann", (0, 0), journal)
    book(hall, "bob", (0, 1), journal)
    assert move(hall, "ann", (0, 0), (0, 1), journal) is None
    assert move(hall, "bob", (0, 0), (0, 2), journal) is None
    assert [what for what, _ in journal.lines] == ["book", "book"]


def test_seats_together_around_one_that_is_taken():
    hall = Hall(1, 5)
    hall.taken[0, 2] = "ann"
    assert hall.together(2) == [(0, 0), (0, 1)]
    assert hall.together(3) == []
