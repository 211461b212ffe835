"""The tree that is delivered: the base plus the edits that were asked for, and nothing that a command left behind.

It is made in the content store, from the edits, on the orchestrator's side. The workspace is where the result is
run: whatever commands change there is undone or stays there, unless the change names it as an output of its
commands.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from domain import CodeChange, Refused, SandboxLost
from domain.evidence import LeftOut
from sandbox.git import FILE, LINK, TreeEntry, write_object
from sandbox.paths import inside_repo
from sandbox.revisions import Snapshot
from sandbox.workspace.edits import outcome, paths_of
from sandbox.workspace.store import Store
from sandbox.workspace.tree_edits import (
    Difference,
    Unsound,
    differences,
    entry_of,
    folders,
    path_refused,
    rewritten,
)
from sandbox.workspace.workspace import Workspace

LISTED = 200
"""So many left-out paths are named."""
_READ = 32 << 20
_NEVER_SAVED = (b"__pycache__", b".pytest_cache")
"""Folders that a snapshot of a workspace leaves out (inside/save.sh)."""


class Deliverable:
    """What a run would deliver, beside the workspace it is tried in."""

    def __init__(self, store: Store, run: str, workspace: Workspace, at: Snapshot) -> None:
        self._store, self._run, self._workspace = store, run, workspace
        self._tree = at.tree

    @property
    def workspace(self) -> Workspace:
        """Where the change is tried."""
        return self._workspace

    @property
    def tree(self) -> str:
        """Id of the tree in the content store."""
        return self._tree

    async def apply(self, change: CodeChange) -> tuple[str, ...]:
        """Make the edits of a change, all of them or none, here and in the workspace; return the paths that differ.

        An edit counts from the file that would be delivered, not from what a command made of it.

        Raises:
            Refused: ``edit_does_not_apply``, ``path_refused``, ``file_too_large`` or ``sandbox_full``.
            SandboxLost: open the workspace again at its last snapshot.
        """
        for path in change.cmd_outputs:
            _output(path)
        folder, paths = self._store.path(self._run), paths_of(change)
        above = await folders(folder, self._tree, map(_raw, paths))
        # A folder is no file: whether one fits in its place is seen when the tree is written.
        entries = {path: entry_of(above, _raw(path)) for path in paths}
        there = {path: None if entry and entry.is_folder else entry for path, entry in entries.items()}
        before = await self._contents(there, {*map(inside_repo, change.files_to_delete)})
        after = outcome(change, before, await self._workspace.charsets(change, before))
        edited = await asyncio.to_thread(_written, folder, after, there)
        tree = await asyncio.to_thread(rewritten, folder, above, edited)
        modes = {path: 0o755 if (entry := there[path]) and entry.executable else 0o644 for path in after}
        try:
            await self._workspace.put(after, modes)
        except Refused as error:
            # A command left something in the way, a link or a folder, or filled the disk: without that, then.
            in_the_way = error.stable_code == "path_refused"
            await self._workspace.restore(self._store.whole(self._run, tree if in_the_way else self._tree))
            if not in_the_way:
                raise
        self._tree = tree
        return tuple(after)

    async def beside(self, into: Callable[[str], bool]) -> tuple[LeftOut, ...]:
        """The regular files in the workspace that differ from what is delivered; ``into``: new folders to look into.

        Raises:
            SandboxLost, Exhausted: as ``Workspace.snapshot`` does.
        """
        saved = await self._workspace.snapshot("outputs")
        try:
            found, _ = await self._compared(saved, lambda path: into(path.decode(errors="backslashreplace")))
        except Unsound:  # more than anybody asked for can be
            return ()
        return left_out([each for each in found if _is_regular(each)], most=len(found))

    def put_back(self, tree: str) -> None:
        """Deliver an earlier tree of this run again; the workspace is brought back to it by ``snapshot``."""
        self._tree = tree

    async def keep(self, outputs: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Take what the workspace has at ``outputs``; return the paths that differ now, and those that name nothing.

        Raises:
            Refused: ``path_refused``, or ``too_many_outputs``.
            SandboxLost, Exhausted: as ``Workspace.snapshot`` does.
        """
        named = {_raw(path): path for path in map(_output, outputs)}
        saved = await self._workspace.snapshot("outputs")
        try:
            differing, _ = await self._compared(
                saved, lambda p: p in named or _below(p, named) or any(name.startswith(p + b"/") for name in named)
            )
        except Unsound as error:
            raise Refused(
                f"The commands made too much of {', '.join(outputs)}: {error}.",
                code="too_many_outputs",
                hint="Name the files that belong to the change.",
            ) from error
        taken = {
            each.path: each.new
            for each in differing
            if _is_file(each) and (each.path in named or (_below(each.path, named) and not each.ignored))
        }
        folder, tree = self._store.path(self._run), self._tree
        above = await folders(folder, tree, [*taken, *named])
        if taken:
            self._tree = await asyncio.to_thread(rewritten, folder, above, taken, force=True)
        missing = tuple(
            path
            for raw, path in named.items()
            if entry_of(above, raw) is None and not any(each == raw or _below(each, (raw,)) for each in taken)
        )
        return tuple(path.decode(errors="backslashreplace") for path in taken), missing

    async def snapshot(self, label: str) -> Snapshot:
        """Save where the run stands: this tree, and the workspace with everything in it that is not delivered.

        The workspace is saved as it should be: files that are delivered are in it as they are delivered.

        Raises:
            SandboxLost, Exhausted: as ``Workspace.snapshot`` does.
        """
        saved = await self._workspace.snapshot(label)
        try:
            differing, (repo, home) = await self._compared(saved)
        except Unsound as error:
            raise SandboxLost(f"The sandbox sent a snapshot that is not sound: {error}") from error
        if not differing and saved.tree == self._tree:
            return saved
        # git cannot be asked for a path with a line break in it.
        undone = {each.path: each.old for each in differing if each.old is not None and b"\n" not in each.path}
        full = repo
        if undone:
            folder = self._store.path(self._run)
            full = await asyncio.to_thread(rewritten, folder, await folders(folder, repo, undone), undone, force=True)
        if (self._tree, full) != (saved.tree, repo):
            saved = await self._store.keep(self._run, label, (self._tree, full, home), b"")
        return replace(saved, left_out=left_out(differing))

    async def _compared(
        self, saved: Snapshot, into: Callable[[bytes], bool] = lambda _: False
    ) -> tuple[tuple[Difference, ...], tuple[str, str]]:
        """How the workspace differs from what is delivered, and the trees of both its parts."""
        if saved.full == self._store.whole(self._run, self._tree).full:
            return (), (self._tree, "-")
        repo, home = await self._store.parts(self._run, saved.full)
        if repo == self._tree:
            return (), (repo, home)
        folder = self._store.path(self._run)
        return await differences(folder, self._tree, repo, saved.tree, into), (repo, home)

    async def _contents(self, there: dict[str, TreeEntry | None], deleted: Collection[str]) -> dict[str, bytes | None]:
        """The present content of files; of a symbolic link, which can be deleted and nothing else, where it points."""
        for path, entry in there.items():
            link = entry is not None and entry.mode == LINK and path in deleted
            if entry is not None and not (entry.is_file or link):
                raise path_refused(_raw(path), "there is something that is not a regular file")
        known = [path for path, entry in there.items() if entry is not None]
        data = await self._store.read_many(self._run, self._tree, known, limit=_READ) if known else {}
        if large := [path for path in known if path not in data]:
            raise Refused(
                f"{large[0]} has more than {_READ >> 20} MiB.",
                code="file_too_large",
                hint="Change it with a command, and name it in cmd_outputs.",
            )
        return {path: data.get(path) for path in there}


def left_out(found: Sequence[Difference], most: int = LISTED) -> tuple[LeftOut, ...]:
    """Name what differs, those that git would see first; a folder that is new stands for what is in it. Pure."""
    named: list[LeftOut] = []
    for each in found:
        if any(part in _NEVER_SAVED for part in each.path.split(b"/")) or not (_is_file(each) or each.new is not None):
            continue
        how = "deleted" if each.new is None else "changed" if each.old is not None else "new"
        path = each.path + (b"/" if each.new is not None and each.new.is_folder else b"")
        named.append(LeftOut(path=path.decode(errors="backslashreplace"), how="ignored" if each.ignored else how))
    return tuple(sorted(named, key=lambda each: (each.how == "ignored", each.path)))[:most]


def _is_file(each: Difference) -> bool:
    """A file or a link on each side where there is something."""
    return all(entry.is_file or entry.mode == LINK for entry in (each.old, each.new) if entry is not None)


def _is_regular(each: Difference) -> bool:
    """A regular file on each side where there is something."""
    return all(entry.is_file for entry in (each.old, each.new) if entry is not None)


def _below(path: bytes, named: Collection[bytes]) -> bool:
    return any(path.startswith(folder + b"/") for folder in named)


def _output(path: str) -> str:
    return inside_repo(path.rstrip("/") or path)


def _raw(path: str) -> bytes:
    return path.encode(errors="surrogateescape")


def _written(
    folder: Path, after: dict[str, bytes | None], there: dict[str, TreeEntry | None]
) -> dict[bytes, TreeEntry | None]:
    """Put new contents into the store; a file keeps its mode."""
    entries: dict[bytes, TreeEntry | None] = {}
    for path, data in after.items():
        entry = there[path]
        mode = entry.mode if entry is not None else FILE
        entries[_raw(path)] = None if data is None else TreeEntry(mode, write_object(folder, "blob", data))
    return entries
