"""Bookings of seats: every door checks what comes in, and writes down what went through."""


class Refused(Exception):
    pass


class Journal:
    def __init__(self):
        self.lines = []

    def note(self, what, name):
        self.lines.append((what, name))


def book(hall, name, seat, journal):
    if hall.closed:
        raise Refused(hall)
    if seat in hall.taken:
        return None
    hall.taken[seat] = name
    journal.note("book", name)
    return seat


def give_back(hall, name, seat, journal):
    if hall.closed:
        raise Refused(hall)
    if hall.taken.get(seat) != name:
        return False
    del hall.taken[seat]
    journal.note("give back", name)
    return True


def move(hall, name, old, new, journal):
    if hall.closed:
        raise Refused(hall)
    if new in hall.taken:
        return None
    if hall.taken.get(old) != name:
        return None
    del hall.taken[old]
    hall.taken[new] = name
    journal.note("move", name)
    return new
