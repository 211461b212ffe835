"""Every table of the service, for whoever makes or compares a whole database."""

from service.auth import KEYS, MODES
from service.callbacks import LETTERS
from service.items import ITEMS
from service.members import MEMBERS
from service.rates import RATES
from service.runs import METADATA, RUNS
from service.threads import THREADS
from service.turn_events import EVENTS
from service.turns import TURNS

ALL = (RUNS, THREADS, TURNS, KEYS, MODES, MEMBERS, ITEMS, LETTERS, EVENTS, RATES)

__all__ = ["ALL", "METADATA"]
