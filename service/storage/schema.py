"""Schema: every table of the service, for whoever makes or compares a whole database."""

from service.auth.api_keys import KEYS, MODES
from service.auth.directory import MEMBERS
from service.auth.rate_limits import RATES
from service.runs.event_log import EVENTS
from service.runs.runs import RUNS
from service.runs.threads import THREADS
from service.runs.turns import TURNS
from service.storage.items import ITEMS
from service.tables import METADATA

ALL = (RUNS, THREADS, TURNS, KEYS, MODES, MEMBERS, ITEMS, EVENTS, RATES)

__all__ = ["ALL", "METADATA"]
