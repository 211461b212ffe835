"""Replica of runs' folders: new files go to a bucket before anything refers to them, and come from there elsewhere.

The folder of a run on one machine is a cache of its segments. ``push`` is called before a checkpoint is written, so a
checkpoint never names what the bucket does not have; ``pull`` before a run is worked on or read.
"""

import asyncio
import json
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary

from sandbox.content.contract import ContentBucket, ContentSegment, ContentUnavailable, SegmentList, damaged
from sandbox.content.segments import content_of, digest_of, read_segment, write_segment
from sandbox.contract import Check
from sandbox.git import create
from sandbox.workspace.layout import plain, write_text

STATE = "replica.json"
"""In a run's folder: which segments it has, and the marks of the files that the bucket has."""
AT_ONCE = 8
TRIES = 5


@dataclass(slots=True)
class _Known:
    """What a folder has of the segments of its run."""

    number: int = 0
    digest: str = ""
    marks: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class Replica:
    """Keeps folders of runs and a bucket alike."""

    bucket: ContentBucket
    segments: SegmentList
    _turns: "WeakValueDictionary[str, asyncio.Lock]" = field(default_factory=WeakValueDictionary[str, asyncio.Lock])

    async def push(self, run: str, folder: Path) -> None:
        """Put what is new in a run's folder into the bucket and on the list; nothing where nothing is.

        Whoever lost the run to another machine adds at most files that nothing refers to.

        Raises:
            ContentUnavailable: nothing is on the list then, and it may be tried again.
        """
        if not (folder / "HEAD").exists():
            return
        async with self._turn(run):
            for _ in range(TRIES):
                known = await asyncio.to_thread(_read, folder)
                fresh = await asyncio.to_thread(_fresh, folder, known)
                if not fresh:
                    return
                with tempfile.TemporaryDirectory(dir=folder, prefix="segment-") as place:
                    archive = Path(place) / "tar"
                    digest, size_bytes = await asyncio.to_thread(write_segment, folder, fresh, archive)
                    await self.bucket.put(_name(run, digest), archive)
                segment = ContentSegment(known.number + 1, digest, size_bytes)
                if await self.segments.add(run, segment):
                    known = _Known(segment.number, digest, {**known.marks, **fresh})
                    await asyncio.to_thread(_write, folder, known)
                    return
                # Another machine was faster: its files first, as everybody else sees them.
                await self._pull(run, folder)
        raise ContentUnavailable(
            f"Other machines write the content of run {run} all the time.", hint="See that one worker has it."
        )

    async def pull(self, run: str, folder: Path) -> None:
        """Bring a run's folder up to what the list has; makes it where it is not there.

        Raises:
            ContentUnavailable: what was there before is still there.
        """
        async with self._turn(run):
            await self._pull(run, folder)

    async def _pull(self, run: str, folder: Path) -> None:
        known = await asyncio.to_thread(_read, folder)
        listed = await self.segments.of(run, max(known.number, 1))
        if known.number and (not listed or (listed[0].number, listed[0].digest) != (known.number, known.digest)):
            # The list is another one than that which this folder knows, as after a restore: all of it again, both ways.
            known = _Known()
            await asyncio.to_thread(_write, folder, known)
            listed = await self.segments.of(run)
        missing = [each for each in listed if each.number > known.number]
        if missing:
            await asyncio.to_thread(create, folder)
        for start in range(0, len(missing), AT_ONCE):
            batch = missing[start : start + AT_ONCE]
            with tempfile.TemporaryDirectory(dir=folder, prefix="segment-") as place:
                archives = [Path(place) / str(each.number) for each in batch]
                fetched = await asyncio.gather(
                    *(
                        self.bucket.get(_name(run, each.digest), archive, each.size_bytes)
                        for each, archive in zip(batch, archives, strict=True)
                    ),
                    return_exceptions=True,  # all come to their end before their folder goes
                )
                for failed in (each for each in fetched if each is not None):
                    raise failed
                for each, archive in zip(batch, archives, strict=True):
                    marks = await asyncio.to_thread(_unpacked, archive, folder, run, each)
                    known = _Known(each.number, each.digest, {**known.marks, **marks})
                    await asyncio.to_thread(_write, folder, known)

    async def drop(self, run: str) -> None:
        """Remove all that the bucket has of a run, and forget it."""
        await self.bucket.drop(f"{plain(run)}/")
        await self.segments.drop(run)

    async def tidy(self, root: Path, before: datetime) -> None:
        """Remove folders that were last sent or fetched before then: the bucket has what is in them."""

        def remove() -> None:
            for state in root.glob(f"*.git/{STATE}"):
                if state.stat().st_mtime < before.timestamp():
                    shutil.rmtree(state.parent, ignore_errors=True)

        await asyncio.to_thread(remove)

    async def check(self) -> Check:
        """Try the bucket out, for ``signoff doctor``. Never raises."""
        try:
            place = await self.bucket.try_out()
        except ContentUnavailable as error:
            return Check(name="content", ok=False, detail=f"{error.stable_code}: {error.message}", hint=error.hint)
        return Check(name="content", ok=True, detail=f"{place}: written, read and removed")

    def _turn(self, run: str) -> asyncio.Lock:
        return self._turns.setdefault(run, asyncio.Lock())


def is_replica(folder: Path) -> bool:
    """Whether a bucket was sent what a run's folder has, or the folder was fetched from there."""
    return (folder / STATE).exists()


def _name(run: str, digest: str) -> str:
    return f"{plain(run)}/{digest}.tar"


def _read(folder: Path) -> _Known:
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        known = _Known(int(state["number"]), str(state["digest"]), dict(state["marks"]))
        os.utime(folder / STATE)  # looked at now: ``tidy`` leaves it alone
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return _Known()
    return known


def _write(folder: Path, known: _Known) -> None:
    write_text(folder / STATE, json.dumps({"number": known.number, "digest": known.digest, "marks": known.marks}))


def _fresh(folder: Path, known: _Known) -> dict[str, str]:
    return {name: mark for name, mark in content_of(folder).items() if known.marks.get(name) != mark}


def _unpacked(archive: Path, folder: Path, run: str, segment: ContentSegment) -> dict[str, str]:
    name = _name(run, segment.digest)
    if digest_of(archive) != segment.digest:
        raise damaged(name, "its bytes are not those that were put there")
    try:
        return read_segment(archive, folder)
    except ValueError as error:
        raise damaged(name, str(error)) from error
