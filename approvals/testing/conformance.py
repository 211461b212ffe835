"""Conformance suite of ballot stores: the twin, SQLite and PostgreSQL keep the same promises."""

from collections.abc import Awaitable, Callable, Mapping

from approvals.testing.promises_of_life import LIFE
from approvals.testing.promises_of_votes import VOTES
from approvals.testing.rehearsal import Stage

PROMISES: Mapping[str, Callable[[Stage], Awaitable[None]]] = {promise.__name__: promise for promise in (*VOTES, *LIFE)}
