"""Index of one repository: file versions by the hash of their content, counted once, whichever trees they are in.

What it holds are words, their counts, and where chunks lie; it answers for those file versions only that are asked
about, so a tree is searched by who has its hashes. It is a cache: what cannot be kept is searched all the same.
"""

import asyncio
import sqlite3
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Self
from uuid import uuid4

from retrieval.contract import Reads
from retrieval.file_filter import is_minified
from retrieval.file_reader import BoundedReader
from retrieval.index.analysis import Indexed, index_file, packed, unpacked, without_text
from retrieval.index.database import SCHEMA, connected, numbers, transaction
from retrieval.index.postings import Entry, Segment, best_files, counted

MOST_RECORDS = 12 << 20
"""Bytes of records (packed) that are kept in memory; unpacked they take ten times that."""
MOST_WORDS = 200_000
_BATCH = 256
_SEGMENT = 300_000
"""Postings that are collected before they are written: what a first index takes of memory."""
_SMALL, _SMALL_SEGMENTS = 20_000, 16
_OWN = 1 << 31
"""Ids of files that are in memory only begin here."""
_STALE = 20_000
"""File versions of no tree that was asked for, from which on an index that has three times as many is begun anew."""
Progress = Callable[[int, int], None]
"""Is told how many files of how many are done."""
Version = tuple[str, str]
"""The hash of a content, and the path it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What of a tree is searched."""

    files: int
    """Searched, among the files of the tree that are worth it."""
    added: int
    """Read for this, and not before."""
    skipped: Mapping[str, int]
    """How many are not searched, by the reason."""
    complete: bool
    """False: time was up before all of them were read."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The files of a tree that say most about a question, and how rare its terms are there."""

    files: Mapping[str, float]
    """Scores by path, best first."""
    rarity: Mapping[str, float]
    """Inverse document frequency, by term."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """A file version to be written."""

    version: Version
    terms: Mapping[str, float]
    length: float
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree that was asked about: the ids of its files, their paths, lengths and weights."""

    versions: Mapping[str, str]
    ids: Mapping[int, str]
    lengths: Mapping[int, float]
    weights: Mapping[int, float]


@dataclass(slots=True)
class CodeIndex:
    """Answers which files of a tree say most about a question. Share one a repository; threads may."""

    file: Path | None = None
    """Where it is kept; None: in memory."""
    weigh: Callable[[str], float] = field(default=lambda _path: 1.0, kw_only=True)
    """What a file's words count, by its path."""
    most_records: int = field(default=MOST_RECORDS, kw_only=True)
    _memory: sqlite3.Connection | None = None
    _generation: str = ""
    _ids: dict[Version, int] = field(default_factory=dict[Version, int])
    _lengths: dict[int, float] = field(default_factory=dict[int, float])
    _skipped: dict[int, str] = field(default_factory=dict[int, str])
    _tree: _Tree | None = None
    _kept: "OrderedDict[int, tuple[Indexed, int]]" = field(default_factory=OrderedDict)
    _kept_bytes: int = 0
    _words: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    _last: int = 0
    _own: set[int] = field(default_factory=set[int])
    _segment: Segment = field(default_factory=Segment)
    """Postings of private files."""
    _lock: Lock = field(default_factory=Lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget what is only in memory. A file is closed after each question anyway."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    async def update(
        self,
        reads: Reads,
        versions: Mapping[str, str],
        paths: Sequence[str],
        *,
        private: frozenset[str] = frozenset(),
        until: float,
        clock: Callable[[], float],
        progress: Progress | None = None,
    ) -> Coverage:
        """Read and count those of ``paths`` that were never seen, the first ones first, until the time is up.

        ``versions`` are the hashes of the contents by path. What was counted by then stays counted; of ``private``
        paths it is in memory only.
        """
        missing = await asyncio.to_thread(self._missing, versions, paths)
        reader, waiting = BoundedReader(reads=reads, clock=clock), list[_Counted]()
        size = done = 0
        for start in range(0, len(missing), _BATCH):
            if clock() > until:
                break
            batch = missing[start : start + _BATCH]
            texts = dict(await reader.texts(batch, until=until))
            if clock() > until and len(texts) < len(batch):
                # Which of them are no text, and which were not reached, is not known.
                batch = [path for path in batch if path in texts]
            files = await asyncio.to_thread(self._count, versions, batch, texts)
            await asyncio.to_thread(self._remember, [file for file in files if file.version[1] in private])
            waiting += [file for file in files if file.version[1] not in private]
            size += sum(len(file.terms) for file in files)
            done += len(batch)
            if size > _SEGMENT:
                await asyncio.to_thread(self._write, waiting, versions)
                waiting, size = [], 0
            if progress is not None:
                progress(len(paths) - len(missing) + done, len(paths))
        if waiting:
            await asyncio.to_thread(self._write, waiting, versions)
        skipped: dict[str, int] = {}
        for path in paths:
            if reason := self._skipped.get(self._ids.get((versions[path], path), 0)):
                skipped[reason] = skipped.get(reason, 0) + 1
        known = sum((versions[path], path) in self._ids for path in paths)
        return Coverage(files=known - sum(skipped.values()), added=done, skipped=skipped, complete=done == len(missing))

    def best(self, terms: Mapping[str, float], versions: Mapping[str, str], *, keep: int) -> Hits:
        """Return the files of a tree that say most about weighted terms."""
        with self._open() as db:
            tree = self._of_tree(versions)

            def entries(term: str) -> Iterable[Entry]:
                for files, weights in db.execute("SELECT files, weights FROM postings WHERE term = ?", (term,)):
                    yield numbers("I", files), numbers("f", weights)
                if term in self._segment.entries:
                    yield self._segment.entries[term]

            hits = best_files(terms, entries, tree.lengths, tree.weights.__getitem__, keep=keep)
            return Hits({tree.ids[file]: score for file, score in hits.files}, hits.rarity)

    async def records(self, reads: Reads, versions: Mapping[str, str], paths: Sequence[str]) -> dict[str, Indexed]:
        """Return the chunks of those of ``paths`` that are searched; of some of them also their text."""
        records, missing = await asyncio.to_thread(self._known_records, versions, paths)
        if missing:
            reader = BoundedReader(reads=reads, clock=lambda: 0.0)
            texts = await reader.texts(missing, until=1.0)
            records |= await asyncio.to_thread(self._make_records, versions, texts)
        return {path: records[path] for path in paths if path in records}

    # -- In a thread -------------------------------------------------------------------------------------------------

    def _missing(self, versions: Mapping[str, str], paths: Sequence[str]) -> list[str]:
        with self._open():
            return [path for path in paths if (versions[path], path) not in self._ids]

    def _count(self, versions: Mapping[str, str], batch: Sequence[str], texts: Mapping[str, bytes]) -> list[_Counted]:
        with self._lock:
            # Most words come again at once, so that starting over is cheaper than knowing which were used.
            if len(self._words) > MOST_WORDS:
                self._words.clear()
            files: list[_Counted] = []
            for path in batch:
                version, data = (versions[path], path), texts.get(path)
                if data is None:
                    files.append(_Counted(version, {}, 0.0, "binary, over 512 KB, or unreadable"))
                elif is_minified(data):
                    files.append(_Counted(version, {}, 0.0, "minified or data on one line"))
                else:
                    files.append(_Counted(version, *counted(path, data, self._words)))
            return files

    def _remember(self, files: Sequence[_Counted]) -> None:
        with self._lock:
            if len(self._own) > _STALE:
                self._forget_own()
            for file in files:
                if file.version not in self._ids:
                    self._own.add(id_ := _OWN + len(self._own))
                    self._ids[file.version] = id_
                    self._segment.add(id_, file.terms)
                    self._know(id_, file.length, file.skipped)

    def _forget_own(self) -> None:
        self._ids = {version: file for version, file in self._ids.items() if file not in self._own}
        # Their ids are given anew: nothing of the files that had them may be taken for those that get them.
        for file in self._own:
            self._lengths.pop(file, None)
            self._skipped.pop(file, None)
            self._kept_bytes -= self._kept.pop(file, (None, 0))[1]
        self._own.clear()
        self._segment = Segment()
        self._tree = None

    def _know(self, file: int, length: float, skipped: str) -> None:
        if skipped:
            self._skipped[file] = skipped
        else:
            self._lengths[file] = length
        self._tree = None

    def _write(self, files: Sequence[_Counted], versions: Mapping[str, str]) -> None:
        with self._open() as db, transaction(db):
            # Another process may have made the file anew since it was looked at.
            self._refresh(db)
            if len(self._ids) > 3 * len(versions) + _STALE:
                self._begin(db)
            segment = Segment()
            for file in files:
                row = (*file.version, file.length, file.skipped)
                new = db.execute(
                    "INSERT OR IGNORE INTO files (content, path, length, skipped) VALUES (?, ?, ?, ?)", row
                )
                if new.rowcount == 1 and new.lastrowid is not None:
                    segment.add(new.lastrowid, file.terms)
            self._add(db, segment)
            small = [row[0] for row in db.execute("SELECT id FROM segments WHERE size < ?", (_SMALL,))]
            if len(small) > _SMALL_SEGMENTS:
                self._merge(db, small)
            self._refresh(db)

    def _add(self, db: sqlite3.Connection, segment: Segment) -> None:
        number = db.execute("INSERT INTO segments (size) VALUES (?)", (segment.size,)).lastrowid
        rows = ((term, number, ids.tobytes(), weights.tobytes()) for term, (ids, weights) in segment.entries.items())
        db.executemany("INSERT INTO postings VALUES (?, ?, ?, ?)", rows)

    def _merge(self, db: sqlite3.Connection, segments: Sequence[int]) -> None:
        """Make one segment of small ones: each edit of a run leaves one, and each is looked into for every term."""
        marks = ",".join("?" * len(segments))
        merged = Segment()
        query = f"SELECT term, files, weights FROM postings WHERE segment IN ({marks}) ORDER BY term, segment"  # noqa: S608
        for term, files, weights in db.execute(query, segments):
            ids, counts = merged.entries.setdefault(term, (array("I"), array("f")))
            ids.frombytes(files)
            counts.frombytes(weights)
            merged.size += len(files) // ids.itemsize
        db.execute(f"DELETE FROM postings WHERE segment IN ({marks})", segments)  # noqa: S608
        db.execute(f"DELETE FROM segments WHERE id IN ({marks})", segments)  # noqa: S608
        self._add(db, merged)

    def _known_records(self, versions: Mapping[str, str], paths: Sequence[str]) -> tuple[dict[str, Indexed], list[str]]:
        records: dict[str, Indexed] = {}
        missing: list[str] = []
        with self._open() as db:
            for path in paths:
                file = self._ids.get((versions[path], path))
                if file is None or file in self._skipped:
                    continue
                if (entry := self._kept.get(file)) is not None:
                    self._kept.move_to_end(file)
                    records[path] = entry[0]
                elif (row := db.execute("SELECT record FROM records WHERE file = ?", (file,)).fetchone()) is not None:
                    records[path] = unpacked(path, row[0])
                    self._keep(file, records[path], len(row[0]))
                else:
                    missing.append(path)
        return records, missing

    def _make_records(self, versions: Mapping[str, str], texts: Iterable[tuple[str, bytes]]) -> dict[str, Indexed]:
        records: dict[str, Indexed] = {}
        rows: list[tuple[int, bytes]] = []
        with self._lock:
            for path, data in texts:
                records[path] = index_file(path, data.decode(errors="replace"), known=self._words)
        with self._open() as db, transaction(db):
            for path, record in records.items():
                if (file := self._ids.get((versions[path], path))) is None:
                    continue
                kept = packed(record)
                self._keep(file, without_text(record), len(kept))
                if file not in self._own:
                    rows.append((file, kept))
            db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?)", rows)
        return records

    def _keep(self, file: int, record: Indexed, size: int) -> None:
        self._kept_bytes += size - self._kept.pop(file, (None, 0))[1]
        self._kept[file] = record, size
        while self._kept_bytes > self.most_records and len(self._kept) > 1:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._kept_bytes -= dropped

    def _of_tree(self, versions: Mapping[str, str]) -> _Tree:
        if self._tree is None or self._tree.versions is not versions:
            ids = {
                file: path
                for path, content in versions.items()
                if (file := self._ids.get((content, path))) is not None and file not in self._skipped
            }
            self._tree = _Tree(
                versions,
                ids,
                {file: self._lengths[file] for file in ids},
                {file: self.weigh(path) for file, path in ids.items()},
            )
        return self._tree

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """The database, its ids known here, for one caller at a time.

        Raises:
            IndexLost: the file is damaged or cannot be written. From then on the index is in memory.
        """
        with self._lock:
            try:
                if self.file is not None and self._memory is None:
                    with closing(connected(self.file)) as db:
                        self._refresh(db)
                        yield db
                    return
                if self._memory is None:
                    self._memory = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
                    self._memory.executescript(SCHEMA)
                    self._begin(self._memory)
                self._refresh(self._memory)
                yield self._memory
            except (sqlite3.Error, OSError, zlib.error) as error:
                if self.file is not None and not isinstance(error, sqlite3.OperationalError | OSError):
                    self.file.unlink(missing_ok=True)
                self.file = None
                self._generation = ""
                raise IndexLost(str(error)) from error

    def _begin(self, db: sqlite3.Connection) -> None:
        """Begin anew: whoever has ids of before sees that they are of another generation."""
        for table in ("index_of", "files", "segments", "postings", "records"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608  names of ours
        db.execute("INSERT INTO index_of VALUES (?)", (uuid4().hex,))
        self._refresh(db)

    def _refresh(self, db: sqlite3.Connection) -> None:
        """Learn the ids that were given since the last look, by any process."""
        (generation,) = db.execute("SELECT generation FROM index_of").fetchone()
        if generation != self._generation:
            self._generation, self._last, self._kept_bytes = generation, 0, 0
            for known in (self._ids, self._lengths, self._skipped, self._kept):
                known.clear()
            self._forget_own()
        rows = db.execute("SELECT id, content, path, length, skipped FROM files WHERE id > ?", (self._last,))
        for file, content, path, length, skipped in rows:
            self._ids[content, path] = self._last = file
            self._know(file, length, skipped)


class IndexLost(Exception):
    """The file of an index is damaged or cannot be written; asking once more is answered from memory."""
