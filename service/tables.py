"""Every table of the service, for whoever makes or compares a whole database."""

from service.auth import KEYS
from service.callbacks import LETTERS
from service.items import ITEMS
from service.members import MEMBERS
from service.runs import METADATA, RUNS
from service.threads import THREADS
from service.turns import TURNS

ALL = (RUNS, THREADS, TURNS, KEYS, MEMBERS, ITEMS, LETTERS)

__all__ = ["ALL", "METADATA"]
