"""Span files: the local exporter, one JSON line a fact, so that a trace survives its process; and its reader.

``{"at": "start", …}`` when a span begins, ``{"at": "end", …}`` when it has ended. A process that is killed
leaves the starts behind, and the reader shows what was under way.
"""

import asyncio
import json
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any, cast

import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from domain import Refused
from domain.text import json_value
from telemetry.span_tree import SpanNode, build_tree, spans_of

# No dot in front: ``..`` would lead out of the folder.
_PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,100}")
MOST_OPEN = 64
"""Files that are held open; opening one for each line costs more than writing it."""


def path_of(folder: Path, run: str) -> Path:
    """Return the file of a run; ids that are no plain file names are hashed."""
    name = run if _PLAIN.fullmatch(run) else sha256(run.encode()).hexdigest()[:32]
    return folder / f"{name}.jsonl"


def started(span: ReadableSpan) -> dict[str, Any]:
    """Return the fact that a span began."""
    return {"at": "start", **_ids(span), "name": span.name, "start_ns": span.start_time or 0}


def ended(span: ReadableSpan, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fact that a span ended; ``attributes`` are written as they are given."""
    record: dict[str, Any] = {
        "at": "end",
        **_ids(span),
        "name": span.name,
        "kind": span.kind.name.lower(),
        "start_ns": span.start_time or 0,
        "end_ns": span.end_time or 0,
        "attributes": dict(attributes),
    }
    if span.status.status_code is not StatusCode.UNSET:
        record["status"] = span.status.status_code.name.lower()
    if span.status.description:
        record["message"] = span.status.description
    if span.events:
        record["events"] = [
            {"name": e.name, "at_ns": e.timestamp, "attributes": dict(e.attributes or {})} for e in span.events
        ]
    if span.links:
        record["links"] = [f"{link.context.trace_id:032x}-{link.context.span_id:016x}" for link in span.links]
    return record


@dataclass(slots=True)
class Tail:
    """The end of an open file."""

    handle: int
    size: int = 0
    """Where our last line ended. Where the file is longer, somebody else wrote since."""

    def append(self, line: bytes) -> bool:
        """Write one line; False when the file was deleted meanwhile. Raises OSError."""
        now = os.fstat(self.handle)
        if now.st_nlink == 0:
            return False
        # A line that a crash or a full disk cut short must not swallow this one.
        torn = now.st_size not in {0, self.size} and os.pread(self.handle, 1, now.st_size - 1) != b"\n"
        whole = (b"\n" if torn else b"") + line + b"\n"
        written = os.write(self.handle, whole)
        self.size = now.st_size + written if written == len(whole) else -1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFiles:
    """Appends facts to the files of their runs.

    Each line goes out in one write, so processes that share a run do not mix their lines, and what was
    written survives a kill. A disk that is full or read-only costs the trace, never the run.
    """

    folder: Path
    _tails: OrderedDict[str, Tail] = field(default_factory=OrderedDict[str, Tail], repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, run: str, record: Mapping[str, Any]) -> bool:
        """Append one line; False when it could not be written."""
        line = json.dumps(record, ensure_ascii=False, separators=(",", ":"), default=str).encode(errors="replace")
        try:
            with self._lock:
                while not self._tail(run).append(line):  # the file was taken away: another one is begun
                    self._drop(run)
        except OSError as error:
            path = path_of(self.folder, run)
            structlog.get_logger("signoff.telemetry").warning("span not written", path=str(path), reason=str(error))
            return False
        return True

    def close(self) -> None:
        """Let go of the files that are held open; whoever adds again opens them anew."""
        with self._lock:
            for run in list(self._tails):
                self._drop(run)

    def _tail(self, run: str) -> Tail:
        """The end of a run's file; that of the runs that were heard of last is kept open."""
        if run not in self._tails:
            if len(self._tails) >= MOST_OPEN:
                # The first one is the one that was written to longest ago.
                self._drop(next(iter(self._tails)))
            self._tails[run] = Tail(_opened(path_of(self.folder, run)))
        self._tails.move_to_end(run)
        return self._tails[run]

    def _drop(self, run: str) -> None:
        os.close(self._tails.pop(run).handle)


def _opened(path: Path) -> int:
    how = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        return os.open(path, how, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(path, how, 0o600)


def _ids(span: ReadableSpan) -> dict[str, str | None]:
    context, parent = span.context, span.parent
    return {
        "trace": f"{context.trace_id:032x}" if context else "",
        "span": f"{context.span_id:016x}" if context else "",
        "parent": f"{parent.span_id:016x}" if parent else None,
    }


def runs_of(folder: Path) -> Sequence[str]:
    """Return the runs that have a file here, newest first."""
    files = sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.stem for path in files]


def traces_before(folder: Path, moment: datetime) -> Sequence[str]:
    """Return the runs whose local spans were last written before ``moment``."""
    return [path.stem for path in folder.glob("*.jsonl") if path.stat().st_mtime < moment.timestamp()]


async def read_trace(folder: Path, run: str) -> SpanNode:
    """Return the tree of ``run``'s spans, as far as it has got.

    Raises:
        Refused: ``trace_not_found``.
    """

    def read() -> SpanNode:
        try:
            lines = path_of(folder, run).read_bytes().split(b"\n")
        except FileNotFoundError:
            raise Refused(
                f"There is no trace of run {run} on this machine.",
                code="trace_not_found",
                hint="List the runs with: signoff list. A run is traced on the machine that worked on it.",
            ) from None
        records: list[Mapping[str, Any]] = []
        for line in lines:
            try:
                record = json_value(line)
            except ValueError:  # blank, or cut short when a process was killed
                continue
            if isinstance(record, dict):
                records.append(cast("dict[str, Any]", record))
        return build_tree(run, spans_of(records))

    return await asyncio.to_thread(read)


async def rewrite_trace(folder: Path, run: str, change: Callable[[str], str], *, write: bool = True) -> bool:
    """Put each line of a run's spans through ``change``; whether any is another one now.

    Without ``write`` the file stays as it is.
    """

    def rewrite() -> bool:
        path = path_of(folder, run)
        try:
            before = path.read_bytes()
        except FileNotFoundError:
            return False
        # Only this ends a line: a text has other line ends in it, and a killed process leaves half a character.
        lines = [line.decode(errors="surrogateescape") for line in before.split(b"\n")]
        after = "\n".join(change(line) for line in lines).encode(errors="surrogateescape")
        if after == before or not write:
            return after != before
        new = path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(after)
        new.replace(path)  # who holds the old one open notices that it is gone, and begins this one
        return True

    return await asyncio.to_thread(rewrite)


async def forget_trace(folder: Path, run: str) -> bool:
    """Delete the local spans of a run; False when there were none."""

    def delete() -> bool:
        path = path_of(folder, run)
        there = path.exists()
        path.unlink(missing_ok=True)
        return there

    return await asyncio.to_thread(delete)
