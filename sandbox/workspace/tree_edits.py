"""Git trees, rewritten on the orchestrator's side: entries put into a tree and taken out of it, and how two differ.

No work tree and no index is involved, so nothing that lies in a sandbox can get in.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain import Refused
from sandbox.git import FOLDER, TreeEntry, contents, git, object_id, write_object

MOST = 50_000
"""Entries of new folders."""
_BYTES = 16 << 20
"""Of the folders of one depth."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One path at which two trees differ. A folder is listed where it is new, and not what is in it."""

    path: bytes
    old: TreeEntry | None
    new: TreeEntry | None
    ignored: bool = False
    """New, and nothing that git would add."""


Folders = Mapping[bytes, Mapping[bytes, TreeEntry]]
"""Path of a folder (empty: the top) → its entries by name. A folder that is not there is left out."""


class Unsound(Exception):
    """Trees that nobody can have meant: a few objects can name themselves a million times."""


async def differences(
    folder: Path, old: str, new: str, seen: str, into: Callable[[bytes], bool] = lambda _: False
) -> tuple[Difference, ...]:
    """Compare two trees, folder by folder.

    Args:
        folder: the repository they are in.
        old: a tree of ours.
        new: a tree that may be anything; of its new folders only those are read that ``into`` names.
        seen: what git would add of ``new``.
        into: whether a new folder is looked into.

    Raises:
        Unsound: more than ``MOST`` entries in new folders, or folders of more than ``_BYTES``.
    """
    differing: list[Difference] = []
    fresh = 0
    level: list[tuple[bytes, str | None, str | None, str | None]] = [(b"", old, new, seen)]
    while level:
        read = await _trees(folder, {name for _, *names in level for name in names if name is not None})
        below: list[tuple[bytes, str | None, str | None, str | None]] = []
        for at, *names in level:
            ours, theirs, known = (read[name] if name is not None else {} for name in names)
            # What differs elsewhere is bounded by our own tree.
            fresh += len(theirs) if names[0] is None else 0
            if fresh > MOST:
                raise Unsound(f"more than {MOST:,} new files")
            for name in sorted({*ours, *theirs}):
                path, was, now, git_has = at + name, ours.get(name), theirs.get(name), known.get(name)
                if was is not None and now is not None and was.same(now):
                    continue
                was_folder, now_folder = was is not None and was.is_folder, now is not None and now.is_folder
                under = git_has.id if git_has is not None and git_has.is_folder else None
                if was is not None and was_folder:
                    below.append((path + b"/", was.id, now.id if now is not None and now_folder else None, under))
                    was = None
                    now = None if now_folder else now
                elif now is not None and now_folder and into(path):
                    below.append((path + b"/", None, now.id, under))
                    now = None
                if now is not None and now.is_folder and was is not None:
                    differing.append(Difference(path, was, None))
                    was = None
                if was is not None or now is not None:
                    differing.append(Difference(path, was, now, ignored=was is None and git_has is None))
        level = below
    return tuple(differing)


async def _trees(folder: Path, names: set[str]) -> dict[str, dict[bytes, TreeEntry]]:
    """Read tree objects; their size is looked at first."""
    questions = "".join(f"{object_id(name)}\n" for name in sorted(names)).encode()
    told = (await git(folder, "cat-file", "--batch-check=%(objecttype) %(objectsize)", stdin=questions)).split()
    kinds, sizes = told[::2], told[1::2]
    if set(kinds) != {b"tree"}:
        raise Unsound("folders that are none")
    if sum(map(int, sizes)) > _BYTES:
        raise Unsound(f"folders of more than {_BYTES >> 20} MiB")
    printed = contents(await git(folder, "cat-file", "--batch", stdin=questions), sorted(names))
    return {name: parsed(data) for name, data in printed.items()}


async def folders(folder: Path, tree: str, paths: Iterable[bytes]) -> Folders:
    """The folders of a tree that lie above ``paths``, in one go.

    Raises:
        Refused: ``path_refused`` for a path with a line break: git could not be asked for it.
    """
    questions = {b"": f"{object_id(tree)}:\n".encode()}
    for path in paths:
        if b"\n" in path:
            raise path_refused(path, "a line break in its name")
        parts = path.split(b"/")
        for depth in range(1, len(parts)):
            above = b"/".join(parts[:depth])
            questions[above] = f"{tree}:".encode() + above + b"\n"
    out, at = await git(folder, "cat-file", "--batch", stdin=b"".join(questions.values())), 0
    read: dict[bytes, Mapping[bytes, TreeEntry]] = {}
    for path in questions:
        end = out.index(b"\n", at)
        head, at = out[at:end], end + 1
        if head.endswith((b" missing", b" ambiguous")):
            continue
        kind, size = head.split(b" ")[-2:]
        if kind == b"tree":
            read[path] = parsed(out[at : at + int(size)])
        at += int(size) + 1
    return read


def entry_of(found: Folders, path: bytes) -> TreeEntry | None:
    """What stands at a path whose folders were looked up."""
    above, _, name = path.rpartition(b"/")
    return found.get(above, {}).get(name)


def parsed(data: bytes) -> dict[bytes, TreeEntry]:
    """Read the content of a tree object. Pure."""
    entries: dict[bytes, TreeEntry] = {}
    at = 0
    while at < len(data):
        end = data.index(b"\0", at)
        mode, _, name = data[at:end].partition(b" ")
        entries[name] = TreeEntry(mode, data[end + 1 : end + 21].hex())
        at = end + 21
    return entries


def formatted(entries: Mapping[bytes, TreeEntry]) -> bytes:
    """Return the content of a tree object, in git's order: a folder is sorted as if its name ended in a slash. Pure."""
    ordered = sorted(entries.items(), key=lambda item: item[0] + (b"/" if item[1].mode == FOLDER else b""))
    return b"".join(entry.mode + b" " + name + b"\0" + bytes.fromhex(object_id(entry.id)) for name, entry in ordered)


@dataclass(slots=True)
class _Branch:
    """What is wanted in one folder."""

    leaves: dict[bytes, TreeEntry | None] = field(default_factory=dict[bytes, TreeEntry | None])
    below: "dict[bytes, _Branch]" = field(default_factory=dict[bytes, "_Branch"])


def rewritten(folder: Path, found: Folders, wanted: Mapping[bytes, TreeEntry | None], *, force: bool = False) -> str:
    """Write the tree whose folders are ``found``, with ``wanted`` at its paths (None: nothing), and return its id.

    ``force``: a file that stands where a folder is needed, or a folder where a file is, makes room.

    Raises:
        Refused: ``path_refused`` where it would have to and may not.
    """
    top = _Branch()
    for path, entry in wanted.items():
        *above, name = path.split(b"/")
        branch = top
        for part in above:
            branch = branch.below.setdefault(part, _Branch())
        branch.leaves[name] = entry
    return _written(folder, found, b"", top, force=force) or write_object(folder, "tree", b"")


def _written(folder: Path, found: Folders, at: bytes, branch: _Branch, *, force: bool) -> str | None:
    """Write one folder and those below it; None when nothing is left in it."""
    entries = dict(found.get(at, {}))
    for name, entry in branch.leaves.items():
        # What goes, goes first: a folder may come in its place.
        if entry is None and (there := entries.get(name)) is not None and not there.is_folder:
            del entries[name]
    for name, below in branch.below.items():
        path, there = (at + b"/" + name if at else name), entries.get(name)
        if (tree := _written(folder, found, path, below, force=force)) is not None:
            if there is not None and not there.is_folder and not force:
                raise path_refused(path, "it is no folder")
            entries[name] = TreeEntry(FOLDER, tree)
        elif there is not None and there.is_folder:
            del entries[name]
    for name, entry in branch.leaves.items():
        if entry is None:
            continue
        if (there := entries.get(name)) is not None and there.is_folder and not force:
            raise path_refused(at + b"/" + name if at else name, "it is a folder")
        entries[name] = entry
    return write_object(folder, "tree", formatted(entries)) if entries else None


def path_refused(path: bytes, why: str) -> Refused:
    return Refused(
        f"{path.decode(errors='backslashreplace')!r} may not be changed: {why}.",
        code="path_refused",
        hint="Name a regular file of the repository by its path from the top, like src/app.py.",
    )
