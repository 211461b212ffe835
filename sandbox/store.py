"""The content store: what runs start from and where they stood, safe on this side of the wall.

One bare repository a run, never shared with a sandbox: objects go in as packs and out as packs.
Rules for what comes from a sandbox: checked objects only, no configuration, no checkout, ever.
"""

import asyncio
import hashlib
import json
import os
import re
import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from domain import Broken, Refused, SandboxLost
from sandbox import origin
from sandbox.git import GitFailed, create, git
from sandbox.objects import object_id, tree_of, write_object
from sandbox.packs import Pack, Packs
from sandbox.revisions import Changed, Pinned, Snapshot

WHO = "Signoff <signoff@localhost>"
MAX_PACK = 2 << 30
_PINNED = TypeAdapter(Pinned)
_NO_ONE = datetime(1970, 1, 1, tzinfo=UTC)


class Store:
    """Files of runs under one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._packs = Packs()

    def path(self, run: str) -> Path:
        """Return the git folder of a run."""
        return self._root / f"{_plain(run)}.git"

    async def pin(self, run: str, repo: str, rev: str = "HEAD") -> Pinned:
        """Copy one revision of a repository in; nothing there is touched. Repeating it is fine.

        Args:
            run: whose copy it is.
            repo: a path (a folder inside a repository will do) or a URL.
            rev: any revision that names a commit.

        Raises:
            Refused: ``not_a_repository``, ``unknown_revision``, ``repository_unreachable``, ``empty_repository``.
        """
        folder = self.path(run)
        await asyncio.to_thread(create, folder)
        if origin.is_url(repo):
            pinned = await origin.fetch(repo, rev, folder, _ref(run, "pinned"))
        else:
            place = await origin.locate(repo)
            pinned = await place.look(rev)
            if not await self._has(folder, pinned.commit):
                await place.objects(pinned.commit, folder)
            _write(folder / "shallow", f"{pinned.commit}\n")
            self._point(run, "pinned", pinned.commit)
        _write(folder / "pinned.json", json.dumps(asdict(pinned)))
        return pinned

    def pinned(self, run: str) -> Pinned:
        """Return what the run was pinned to."""
        try:
            return _PINNED.validate_json((self.path(run) / "pinned.json").read_bytes())
        except FileNotFoundError as error:
            raise _unknown(run) from error

    async def files(self, run: str, tree: str) -> tuple[str, ...]:
        """Paths of all files of a tree, sorted. Names that are not UTF-8 are left out: nobody could name them."""
        out = await self._git(run, "ls-tree", "-r", "-z", "--full-tree", object_id(tree))
        entries = (line.split(b"\t", 1) for line in out.split(b"\0") if line)
        return tuple(name for meta, raw in entries if meta.split()[1] == b"blob" and (name := _text(raw)) is not None)

    async def read(self, run: str, tree: str, path: str, limit: int = 8 << 20) -> bytes:
        """Bytes of one file of a tree; of a symbolic link, where it points.

        Raises:
            Refused: ``file_not_found`` or ``file_too_large``.
        """
        missing = Refused(f"There is no file {path!r}.", code="file_not_found", hint="Look at the list of files first.")
        if "\n" in path or "\0" in path:
            raise missing
        name = f"{object_id(tree)}:{path}\n".encode(errors="surrogateescape")
        kind, size = (
            await self._git(run, "cat-file", "--batch-check=%(objecttype) %(objectsize)", stdin=name)
        ).split()[-2:]
        if kind != b"blob":
            raise missing
        if int(size) > limit:
            raise Refused(f"{path} has {int(size)} bytes, more than {limit}.", code="file_too_large",
                          hint="Read a part of it with a command in the sandbox.")  # fmt: skip
        out = await self._git(run, "cat-file", "--batch", stdin=name)
        return out[out.index(b"\n") + 1 : -1]

    async def changed(self, run: str, old: str, new: str) -> tuple[str, ...]:
        """Paths that differ between two trees."""
        return tuple(change.path for change in await self.numstat(run, old, new))

    async def numstat(self, run: str, old: str, new: str) -> tuple[Changed, ...]:
        """Count the lines that were added to and removed from each file; a rename is a deletion and an addition."""
        out = await self._git(run, "diff-tree", "-r", "-z", "--numstat", "--no-renames", object_id(old), object_id(new))
        found: list[Changed] = []
        for line in out.split(b"\0"):
            if line and (path := _text(line.split(b"\t", 2)[2])) is not None:
                added, removed = (None if n == b"-" else int(n) for n in line.split(b"\t")[:2])
                found.append(Changed(path=path, added=added, removed=removed))
        return tuple(found)

    async def diff(self, run: str, old: str, new: str) -> str:
        """Return a patch that ``git apply`` takes; files that are not UTF-8 are in it as binary."""
        command = ("diff-tree", "-r", "-p", "--no-renames", "--binary", "--full-index", "--no-ext-diff",
                   "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/")  # fmt: skip
        out = await self._git(run, *command, object_id(old), object_id(new))
        if (text := _text(out)) is not None:
            return text
        odd = [c.path for c in await self.numstat(run, old, new) if not await self._is_text(run, old, new, c.path)]
        attributes = self.path(run) / f"binary-{hashlib.sha256(f'{old}{new}'.encode()).hexdigest()[:16]}"
        _write(attributes, "".join(f'"{_quoted(path)}" -diff\n' for path in odd))
        config = [("core.attributesFile", str(attributes))]
        out = await git(self.path(run), *command, object_id(old), object_id(new), config=config)
        return out.decode(errors="replace")

    def commit(self, run: str, tree: str, parent: str, message: str, at: datetime) -> str:
        """Make a commit. The same arguments give the same id."""
        stamp = f"{WHO} {int(at.timestamp())} +0000"
        text = f"tree {object_id(tree)}\nparent {object_id(parent)}\nauthor {stamp}\ncommitter {stamp}\n\n{message}"
        if "\0" in message:
            raise ValueError("a commit message has no NUL")
        return write_object(self.path(run), "commit", text.encode(errors="replace"))

    async def pack(self, run: str, wants: tuple[str, ...], haves: tuple[str, ...] = ()) -> Pack:
        """Everything that ``wants`` need and ``haves`` lack, with its index, ready to be put into a sandbox."""
        return await self._packs.make(self.path(run), tuple(map(object_id, wants)), tuple(map(object_id, haves)))

    async def keep(self, run: str, label: str, snapshot_trees: tuple[str, str], pack: bytes) -> Snapshot:
        """Take in what a sandbox sent: a pack with what is new, and the ids of the two trees.

        Raises:
            SandboxLost: the objects are not sound or not complete; the sandbox cannot be trusted any more.
        """
        tree, full = snapshot_trees
        folder = self.path(run)
        try:
            if pack:
                await git(folder, "index-pack", "--strict", "--fix-thin", "--stdin", f"--max-input-size={MAX_PACK}",
                          stdin=pack)  # fmt: skip
            asked = f"{object_id(tree)}\n{object_id(full)}\n".encode()
            kinds = await git(folder, "cat-file", "--batch-check=%(objecttype)", stdin=asked)
            if kinds.split() != [b"tree", b"tree"]:
                raise SandboxLost("The sandbox sent a snapshot that is not complete.")
        except (GitFailed, ValueError) as error:
            raise SandboxLost(f"The sandbox sent a snapshot that is not sound: {error}") from error
        # One commit keeps both trees: git has no other way to say that they belong together.
        both = write_object(folder, "tree", tree_of({"full": full, "tree": tree}))
        commit = self.commit(run, both, self.pinned(run).commit, f"{label}\n", _NO_ONE)
        self._point(run, label, commit)
        return Snapshot(tree=tree, full=full, commit=commit)

    def whole(self, run: str, tree: str) -> Snapshot:
        """Return the snapshot of a tree alone: no ignored files, an empty home folder."""
        full = write_object(self.path(run), "tree", tree_of({"repo": object_id(tree)}))
        return Snapshot(tree=tree, full=full, commit=self.pinned(run).commit)

    async def parts(self, run: str, full: str) -> tuple[str, str]:
        """Return the trees of the checkout and of the home folder (``-``: empty) in a ``Snapshot.full``."""
        out = (await self._git(run, "ls-tree", object_id(full))).decode()
        trees = {line.split("\t")[1]: line.split()[2] for line in out.splitlines()}
        return trees["repo"], trees.get("home", "-")

    async def drop(self, run: str) -> None:
        """Forget a run. Does nothing where there is none."""
        await asyncio.to_thread(shutil.rmtree, self.path(run), ignore_errors=True)

    async def fork(self, run: str, new_run: str) -> None:
        """Give another run everything that this one has; objects are shared as hard links."""
        source, target = self.path(run), self.path(new_run)
        if not source.exists():
            raise _unknown(run)
        await asyncio.to_thread(_copy, source, target, _plain(run), _plain(new_run))

    async def _git(self, run: str, *args: str, stdin: bytes = b"") -> bytes:
        folder = self.path(run)
        if not folder.exists():
            raise _unknown(run)
        try:
            return await git(folder, *args, stdin=stdin)
        except GitFailed as error:
            raise Broken(f"The content store of run {run} does not have what was asked for: {error}",
                         hint="Was its folder cleaned up? Start the run again.") from error  # fmt: skip

    async def _has(self, folder: Path, commit: str) -> bool:
        return (await git(folder, "cat-file", "--batch-check", stdin=f"{commit}\n".encode())).split()[1] == b"commit"

    async def _is_text(self, run: str, old: str, new: str, path: str) -> bool:
        for tree in (old, new):
            try:
                (await self.read(run, tree, path, limit=MAX_PACK)).decode()
            except Refused:
                continue
            except UnicodeDecodeError:
                return False
        return True

    def _point(self, run: str, label: str, commit: str) -> None:
        _write(self.path(run) / _ref(run, label), f"{commit}\n")


def _plain(name: str) -> str:
    """Return a name that is safe as a file name and as part of a ref, different for different names."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:80]
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"


def _ref(run: str, label: str) -> str:
    return f"refs/signoff/{_plain(run)}/{_plain(label)}"


def _write(path: Path, text: str) -> None:
    """Replace a file at once: a crash leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", errors="surrogateescape")
    part.replace(path)


def _copy(source: Path, target: Path, old: str, new: str) -> None:
    shutil.copytree(source / "objects", target / "objects", copy_function=os.link, dirs_exist_ok=True)
    for name in ("config", "HEAD", "shallow", "pinned.json"):
        if (source / name).exists():
            shutil.copy2(source / name, target / name)
    shutil.copytree(source / "refs" / "signoff" / old, target / "refs" / "signoff" / new, dirs_exist_ok=True)


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _quoted(path: str) -> str:
    """Quote a path for an attributes file: nothing in it is a pattern."""
    return re.sub(r'([\\"*?\[\]])', r"\\\\\1", path).replace("\n", "\\n")


def _unknown(run: str) -> Refused:
    return Refused(f"There are no files of run {run!r} in the content store.", code="run_not_found",
                   hint="Start the run again; its folder was removed.")  # fmt: skip
