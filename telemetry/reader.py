"""Read a run's spans back from the local files."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from domain import Refused, json_value
from telemetry.spanfile import path_of
from telemetry.tree import Branch, grow, spans_of


async def read_trace(folder: Path, run: str) -> Branch:
    """Return the tree of ``run``'s spans, as far as it has got.

    Raises:
        Refused: ``trace_not_found``.
    """
    return await asyncio.to_thread(_read, folder, run)


async def forget_trace(folder: Path, run: str) -> bool:
    """Delete the local spans of a run; False when there were none."""

    def delete() -> bool:
        path = path_of(folder, run)
        there = path.exists()
        path.unlink(missing_ok=True)
        return there

    return await asyncio.to_thread(delete)


def traces_before(folder: Path, moment: datetime) -> Sequence[str]:
    """Return the runs whose local spans were last written before ``moment``."""
    return [path.stem for path in folder.glob("*.jsonl") if path.stat().st_mtime < moment.timestamp()]


def _read(folder: Path, run: str) -> Branch:
    try:
        lines = path_of(folder, run).read_bytes().split(b"\n")
    except FileNotFoundError:
        raise Refused(
            f"There is no trace of run {run} on this machine.",
            code="trace_not_found",
            hint="List the runs with: signoff list. A run is traced on the machine that worked on it.",
        ) from None
    return grow(run, spans_of(_records(lines)))


def _records(lines: list[bytes]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        try:
            record = json_value(line)
        except ValueError:  # blank, or cut short when a process was killed
            continue
        if isinstance(record, dict):
            yield record
