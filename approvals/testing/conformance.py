"""What every store of ballots promises, as runnable checks: the twin, SQLite and PostgreSQL pass the same ones."""

from collections.abc import Awaitable, Callable, Mapping

from approvals.promises_of_life import LIFE
from approvals.promises_of_votes import VOTES
from approvals.rehearsal import Stage

PROMISES: Mapping[str, Callable[[Stage], Awaitable[None]]] = {promise.__name__: promise for promise in (*VOTES, *LIFE)}
