"""Texts of a run: its files decoded, for a model or a person. One tree speaks for all: the pinned commit's."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from domain import Refused
from domain.text import DECLARING, Charsets, TextFile, declarations, decoded, dominant, matching
from sandbox.workspace.store import Store

_SAMPLED = 2_000
"""Files that are looked at to find out what a repository is written in."""
_SAMPLE_BYTES = 256 << 10
_READ = 8 << 20
_CONTEXT = 3
"""Unchanged lines around a change, as git shows them."""
_NOT_TEXT_WORDS = """
.png .jpg .jpeg .gif .webp .ico .bmp .tiff .pdf .zip .gz .bz2 .xz .zst .7z .tar .whl .jar .class .pyc .so .dll .exe
.woff .woff2 .ttf .otf .mp3 .mp4 .wav .ogg .npy .npz .pkl .parquet .onnx .pt .bin .sqlite .db
"""
_NOT_TEXT = tuple(_NOT_TEXT_WORDS.split())


async def charsets(store: Store, run: str) -> Charsets:
    """What the repository of a run declares about its encodings at the pinned commit, and what most of it has."""
    tree = store.pinned(run).tree
    paths = await store.files(run, tree)
    declaring = [path for path in paths if path.rsplit("/", 1)[-1] in DECLARING]
    declared = Charsets(declarations(await store.read_many(run, tree, declaring, limit=_SAMPLE_BYTES)))
    some = [path for path in paths if not path.lower().endswith(_NOT_TEXT)][:_SAMPLED]
    sample = await store.read_many(run, tree, some, limit=_SAMPLE_BYTES)
    return Charsets(declared.rules, dominant(sample, declared))


@dataclass(slots=True)
class Texts:
    """Reads files of one run as text. What the repository says is looked up when a file is not plainly UTF-8."""

    store: Store
    run: str
    _said: Charsets | None = field(default=None, init=False)

    async def charsets(self) -> Charsets:
        """See ``charsets``; looked up once."""
        if self._said is None:
            self._said = await charsets(self.store, self.run)
        return self._said

    async def decoded(self, path: str, data: bytes) -> TextFile | None:
        """Decode what was read; None when it is binary."""
        file = decoded(data, path)
        if file is None or file.encoding != "utf_8" or file.other:
            return decoded(data, path, await self.charsets())
        return file

    async def read(self, tree: str, path: str) -> TextFile | None:
        """The text of one file of a tree; None when it is binary. Raises as ``Store.read``."""
        return await self.decoded(path, await self.store.read(self.run, tree, path))

    async def views(self, tree: str, paths: Sequence[str], *, limit: int = _READ) -> dict[str, str]:
        """What is to be seen of those of ``paths`` that are texts, with line feeds."""
        contents = await self.store.read_many(self.run, tree, paths, limit=limit)
        files = {path: await self.decoded(path, data) for path, data in contents.items()}
        return {path: file.view for path, file in files.items() if file is not None}

    async def diff(self, old: str, new: str, patch: str | None = None) -> str:
        """The difference of two trees for a reader: as ``Store.diff``, with every text in its own characters.

        Files that are not UTF-8 are binary in a patch: here their lines are shown, under a line ``text: …`` that
        names their encoding. Not for ``git apply``: that takes ``Store.diff``, of the same trees.

        Args:
            old: a tree.
            new: another one.
            patch: what ``Store.diff`` says of them, where somebody has it already.
        """
        patch = await self.store.diff(self.run, old, new) if patch is None else patch
        # A change may have many megabytes: nobody else waits while it is looked through.
        sections = await asyncio.to_thread(_sections, patch)
        if not any(hidden for _, hidden in sections):
            return patch
        named = {f"diff --git a/{path} b/{path}\n": path for path in await self.store.changed(self.run, old, new)}
        shown: list[str] = []
        for section, hidden in sections:
            path = named.get(section[: section.find("\n") + 1]) if hidden else None
            shown.append(section if path is None else await self._section(section, path, old, new))
        return "".join(shown)

    async def _section(self, section: str, path: str, old: str, new: str) -> str:
        """One file of a diff, readable where it is text before and after."""
        sides: list[TextFile | None] = []
        for tree in (old, new):
            try:
                sides.append(await self.read(tree, path))
            except Refused as error:
                if error.stable_code != "file_not_found":
                    return section
                sides.append(TextFile("", ""))
        before, after = sides
        if before is None or after is None:
            return section
        head = section.partition("GIT binary patch\n")[0].partition("\n--- ")[0].rstrip("\n") + "\n"
        names = list(dict.fromkeys(side.label for side in (before, after) if side.encoding))
        hunks = "".join(_hunks(_shown(before), _shown(after)))
        ends = (f"a/{path}" if before.encoding else "/dev/null"), (f"b/{path}" if after.encoding else "/dev/null")
        titles = f"--- {ends[0]}\n+++ {ends[1]}\n" if hunks else ""
        return f"{head}text: {' → '.join(names)}\n{titles}{hunks}"


def _sections(patch: str) -> list[tuple[str, bool]]:
    """The files of a patch, and whether a reader sees less than there is of each."""
    # No other line starts like that.
    starts = [0, *(header.start() + 1 for header in re.finditer("\ndiff --git ", patch)), len(patch)]
    sections = [patch[start:end] for start, end in pairwise(starts) if start < end]
    return [(section, _unreadable(section)) for section in sections]


def _unreadable(section: str) -> bool:
    return "\nGIT binary patch\n" in section or "\r" in section.replace("\r\n", "\n") or "\n+\ufeff" in section


def _shown(file: TextFile) -> list[str]:
    """Lines as a diff has them: without their line feed, and a carriage return stays to be seen."""
    return [
        row.text + row.end.replace("\n", "") + ("" if row.end else "\n\\ No newline at end of file")
        for row in file.rows()
    ]


def _hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """The hunks of a unified diff."""
    pairs = [(-1, -1), *matching(old, new), (len(old), len(new))]
    changes = [(a + 1, c, b + 1, d) for (a, b), (c, d) in pairwise(pairs) if c - a > 1 or d - b > 1]
    groups: list[list[tuple[int, int, int, int]]] = []
    for change in changes:
        if groups and change[0] - groups[-1][-1][1] <= 2 * _CONTEXT:
            groups[-1].append(change)
        else:
            groups.append([change])
    for group in groups:
        low, start = group[0][0], group[0][2]
        before = min(_CONTEXT, low)
        after = min(_CONTEXT, len(old) - group[-1][1])
        low, start = low - before, start - before
        high, stop = group[-1][1] + after, group[-1][3] + after
        yield f"@@ -{_range(low, high)} +{_range(start, stop)} @@\n"
        at = low
        for first, last, begin, end in group:
            yield from (f" {line}\n" for line in old[at:first])
            yield from (f"-{line}\n" for line in old[first:last])
            yield from (f"+{line}\n" for line in new[begin:end])
            at = last
        yield from (f" {line}\n" for line in old[at:high])


def _range(first: int, last: int) -> str:
    length = last - first
    if length == 1:
        return f"{first + 1}"
    return f"{first + 1 if length else first},{length}"
