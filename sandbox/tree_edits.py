"""Git trees, rewritten on the orchestrator's side: entries put into a tree and taken out of it, and how two differ.

No work tree and no index is involved, so nothing that lies in a sandbox can get in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from domain import Refused
from sandbox.git import git
from sandbox.objects import object_id, write_object

FILE, EXECUTABLE, LINK, FOLDER, SUBMODULE = b"100644", b"100755", b"120000", b"40000", b"160000"


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands under one name of a tree."""

    mode: bytes
    id: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One path at which two trees differ; folders are listed, too."""

    path: bytes
    old: Entry | None
    new: Entry | None


Folders = Mapping[bytes, Mapping[bytes, Entry]]
"""Path of a folder (empty: the top) → its entries by name. A folder that is not there is left out."""


async def differences(folder: Path, old: str, new: str) -> tuple[Difference, ...]:
    """Every path at which two trees differ."""
    out = await git(folder, "diff-tree", "-r", "-t", "-z", "--raw", "--no-renames", object_id(old), object_id(new))
    words = out.split(b"\0")[:-1]
    return tuple(_difference(meta, path) for meta, path in zip(words[::2], words[1::2], strict=True))


def _difference(meta: bytes, path: bytes) -> Difference:
    old_mode, new_mode, old, new, _ = meta.removeprefix(b":").split(b" ")
    return Difference(path, _entry(old_mode, old), _entry(new_mode, new))


def _entry(mode: bytes, name: bytes) -> Entry | None:
    return Entry(mode.lstrip(b"0"), name.decode()) if mode.strip(b"0") else None


async def folders(folder: Path, tree: str, paths: Iterable[bytes]) -> Folders:
    """The folders of a tree that lie above ``paths``, in one go.

    Raises:
        Refused: ``path_refused`` for a path with a line break: git could not be asked for it.
    """
    wanted = {b"": f"{object_id(tree)}:\n".encode()}
    for path in paths:
        if b"\n" in path:
            raise path_refused(path, "a line break in its name")
        parts = path.split(b"/")
        for depth in range(1, len(parts)):
            above = b"/".join(parts[:depth])
            wanted[above] = f"{tree}:".encode() + above + b"\n"
    out, at = await git(folder, "cat-file", "--batch", stdin=b"".join(wanted.values())), 0
    found: dict[bytes, Mapping[bytes, Entry]] = {}
    for path in wanted:
        end = out.index(b"\n", at)
        head, at = out[at:end], end + 1
        if head.endswith((b" missing", b" ambiguous")):
            continue
        kind, size = head.split(b" ")[-2:]
        if kind == b"tree":
            found[path] = parsed(out[at : at + int(size)])
        at += int(size) + 1
    return found


def entry_of(found: Folders, path: bytes) -> Entry | None:
    """What stands at a path whose folders were looked up."""
    above, _, name = path.rpartition(b"/")
    return found.get(above, {}).get(name)


def parsed(data: bytes) -> dict[bytes, Entry]:
    """Read the content of a tree object. Pure."""
    entries: dict[bytes, Entry] = {}
    at = 0
    while at < len(data):
        end = data.index(b"\0", at)
        mode, _, name = data[at:end].partition(b" ")
        entries[name] = Entry(mode, data[end + 1 : end + 21].hex())
        at = end + 21
    return entries


def formatted(entries: Mapping[bytes, Entry]) -> bytes:
    """Return the content of a tree object, in git's order: a folder is sorted as if its name ended in a slash. Pure."""
    ordered = sorted(entries.items(), key=lambda item: item[0] + (b"/" if item[1].mode == FOLDER else b""))
    return b"".join(entry.mode + b" " + name + b"\0" + bytes.fromhex(object_id(entry.id)) for name, entry in ordered)


@dataclass(slots=True)
class _Branch:
    """What is wanted in one folder."""

    leaves: dict[bytes, Entry | None] = field(default_factory=dict[bytes, Entry | None])
    below: "dict[bytes, _Branch]" = field(default_factory=dict[bytes, "_Branch"])


def rewritten(folder: Path, found: Folders, wanted: Mapping[bytes, Entry | None], *, force: bool = False) -> str:
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
        if entry is None and (there := entries.get(name)) is not None and there.mode != FOLDER:
            del entries[name]
    for name, below in branch.below.items():
        path, there = (at + b"/" + name if at else name), entries.get(name)
        if (tree := _written(folder, found, path, below, force=force)) is not None:
            if there is not None and there.mode != FOLDER and not force:
                raise path_refused(path, "it is no folder")
            entries[name] = Entry(FOLDER, tree)
        elif there is not None and there.mode == FOLDER:
            del entries[name]
    for name, entry in branch.leaves.items():
        if entry is None:
            continue
        if (there := entries.get(name)) is not None and there.mode == FOLDER and not force:
            raise path_refused(at + b"/" + name if at else name, "it is a folder")
        entries[name] = entry
    return write_object(folder, "tree", formatted(entries)) if entries else None


def path_refused(path: bytes, why: str) -> Refused:
    return Refused(f"{path.decode(errors='backslashreplace')!r} may not be changed: {why}.", code="path_refused",
                   hint="Name a regular file of the repository by its path from the top, like src/app.py.")  # fmt: skip
