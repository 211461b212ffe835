"""The row of a run, as a table and as a value."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import Column, DateTime, Integer, MetaData, RowMapping, String, Table, Text

from domain import Ending, Task, split_credential, value

Status = Literal["pending", "running", "interrupted", "paused", "paused_budget", "delivered", "nothing_to_do",
                 "rejected", "failed", "cancelled"]  # fmt: skip
"""``interrupted``: a ballot is open. ``paused_budget``: a budget is spent. ``paused``: anything else to go on from."""
FINAL: frozenset[Status] = frozenset({"delivered", "nothing_to_do", "rejected", "failed", "cancelled"})

METADATA = MetaData()
RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("org", String(200), nullable=False, index=True),
    Column("requester", String(200), nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("task", Text, nullable=False),
    Column("ending", Text, nullable=True),
    Column("forked_from", String(64), nullable=True),
    Column("segment", Integer, nullable=False, default=0),
    Column("owner", String(200), nullable=True),
    Column("generation", Integer, nullable=False, default=0),
    Column("lease_until", DateTime(timezone=True), nullable=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

_TASK, _ENDING = TypeAdapter(Task), TypeAdapter(Ending)


@value
class Run:
    """One row."""

    id: str
    org: str
    requester: str
    status: Status
    task: Task
    ending: Ending | None = None
    forked_from: str | None = None
    segment: int = 0
    owner: str | None = None
    generation: int = 0
    lease_until: datetime | None = None
    created_at: datetime
    updated_at: datetime


def run_of(row: RowMapping) -> Run:
    """The run of a row."""
    fields: dict[str, Any] = {str(key): kept for key, kept in row.items()}
    for name in ("lease_until", "created_at", "updated_at"):
        # SQLite forgets the zone; everything here is written in UTC.
        if fields[name] is not None and fields[name].tzinfo is None:
            fields[name] = fields[name].replace(tzinfo=UTC)
    task = _TASK.validate_json(fields["task"])
    # Older rows may have a password in the address; it is for nobody to see, and git finds one where it fetches.
    address = split_credential(task.repo)[0]
    fields["task"] = task if address == task.repo else replace(task, repo=address)
    fields["ending"] = _ENDING.validate_json(fields["ending"]) if fields["ending"] else None
    return Run(**fields)


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """A state as it is shown: the runs of older versions may have a password in their address."""
    told = dict(values)
    for name in ("task", "pinned"):
        kept: Any = told.get(name)
        if kept is not None and (address := split_credential(kept.repo)[0]) != kept.repo:
            told[name] = replace(kept, repo=address)
    return told


def task_json(task: Task) -> str:
    """A task as its row keeps it."""
    return _TASK.dump_json(task).decode()


def ending_json(ending: Ending | None) -> str | None:
    """An ending as its row keeps it."""
    return _ENDING.dump_json(ending).decode() if ending else None
