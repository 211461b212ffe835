"""Content store: what runs start from and where they stood, safe on this side of the wall.

One bare repository a run, never shared with a sandbox: objects go in as packs and out as packs. With a ``Replica``
its folder is one machine's copy of what a bucket has; without one it is all there is.
Rules for what comes from a sandbox: checked objects only, no configuration, no checkout, ever.
"""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter

from domain import Broken, Refused, SandboxLost
from sandbox.content import Replica
from sandbox.contract import Check
from sandbox.git import GitFailed, GitStopped, create, git, object_id, tree_of, write_object
from sandbox.packs import MOST, Pack, Packs, take_in
from sandbox.revisions import Changed, Pinned, Snapshot
from sandbox.source import Permit, SourceRepository, borrowed, is_remote, is_url, locate, object_files
from sandbox.source.push import AuthorisedRemote
from sandbox.source.refs import Refs
from sandbox.source.remote import empty, fetch, unknown_revision
from sandbox.source.repository import not_a_repository, too_slow, unsupported
from sandbox.source.work_tree import is_dirty
from sandbox.tree_merge import LARGEST, MergedTree, marks_left, merged
from sandbox.workspace import trees
from sandbox.workspace.layout import copy, plain, ref_of, write_text
from sandbox.workspace.tree_edits import entry_of, folders, rewritten

WHO = "Signoff <signoff@localhost>"
_PINNED = TypeAdapter(Pinned)
_NO_ONE = datetime(1970, 1, 1, tzinfo=UTC)


Authorise = Callable[[str], Awaitable[AuthorisedRemote | None]]
"""The address of a repository → the same with a credential; None: there is none for it."""


class Store:
    """Files of runs under one folder."""

    def __init__(self, root: Path, *, most: int = MOST, replica: Replica | None = None) -> None:
        self._root, self._most, self._replica = root, most, replica
        self._at_work: set[str] = set()
        self._permit: Permit | None = None
        self._packs = Packs()
        self._authorise: Authorise | None = None

    def restrict(self, permit: Permit) -> None:
        """Pin no repository from now on that ``permit`` refuses; it sees what is really opened."""
        self._permit = permit

    def authorise(self, authorise: Authorise) -> None:
        """Fetch from now on with the credential that ``authorise`` has for an address, where it has one."""
        self._authorise = authorise

    def beside(self, root: Path) -> "Store":
        """A store of another folder, of this machine alone, under the same permit and credentials."""
        store = Store(root, most=self._most)
        store._permit, store._authorise = self._permit, self._authorise
        return store

    def ensure_permitted(self, repo: str, source: SourceRepository) -> None:
        """Raise ``repo_refused`` when something that is opened for a repository may not be."""
        if self._permit is not None:
            self._permit(repo, (*source.folders, *object_files(source).links))

    def path(self, run: str) -> Path:
        """Return the git folder of a run."""
        return self._root / f"{plain(run)}.git"

    @contextlib.asynccontextmanager
    async def at_work(self, run: str) -> AsyncGenerator[None]:
        """Inside, the files of a run are here as it left them, and only this process changes them.

        Raises:
            ContentUnavailable: they are elsewhere, and cannot be fetched.
        """
        await self.refresh(run)
        self._at_work.add(run)
        try:
            yield
        finally:
            self._at_work.discard(run)

    async def refresh(self, run: str) -> None:
        """Fetch what other machines did to the files of a run, unless it is worked on here."""
        if self._replica is not None and run not in self._at_work:
            await self._replica.pull(run, self.path(run))

    async def push(self, run: str) -> None:
        """Let other machines have the files of a run; before anything is written that names them."""
        if self._replica is not None:
            await self._replica.push(run, self.path(run))

    async def check(self) -> tuple[Check, ...]:
        """Probe the bucket, where there is one."""
        return () if self._replica is None else (await self._replica.check(),)

    async def try_out(self) -> None:
        """Raise ``ContentUnavailable`` where there is a bucket that cannot be used."""
        if self._replica is not None:
            await self._replica.bucket.try_out()

    async def tidy(self, before: datetime) -> None:
        """Remove copies of what the bucket has that nobody looked at since then."""
        if self._replica is not None:
            await self._replica.tidy(self._root, before)

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
        if is_remote(repo):
            pinned = await self._fetched(run, repo, rev)
        else:
            source = await locate(repo)
            await asyncio.to_thread(self.ensure_permitted, repo, source)
            refs, named = Refs(source), repo if is_url(repo) else str(source.top)
            try:
                async with borrowed(source, near=folder) as theirs:
                    named_commit = await theirs.commit(rev)
                    if named_commit is None:
                        any_commit = await asyncio.to_thread(lambda: bool(refs.get("HEAD")) or refs.any())
                        raise unknown_revision(rev, named) if any_commit else empty(named)
                    commit, tree = named_commit
                    head = await asyncio.to_thread(refs.head)
                    # What is not committed is of interest to who works there, not to who fetches from there.
                    looked_at = not source.bare and not is_url(repo)

                    async def differs() -> bool:
                        checked_out = await theirs.commit(head.commit) if head.commit else None
                        return checked_out is None or await is_dirty(theirs, checked_out[1])

                    async def copied_here() -> None:
                        kind = (await git(folder, "cat-file", "--batch-check", stdin=f"{commit}\n".encode())).split()[1]
                        if kind != b"commit":
                            await theirs.copy(commit, folder)

                    # Both come to their end: a copy that goes on would write where nothing is any more.
                    dirty, copied = await asyncio.gather(
                        differs() if looked_at else asyncio.sleep(0, result=False),
                        copied_here(),
                        return_exceptions=True,
                    )
                    if isinstance(copied, BaseException):
                        raise copied
                    if isinstance(dirty, BaseException):
                        raise dirty
            except OSError as error:
                raise not_a_repository(repo, f" that can be read ({error})") from error
            except GitStopped as error:
                raise too_slow(repo) from error
            at = head.branch if not is_url(repo) or rev in {"HEAD", head.branch} else None
            pinned = Pinned(repo=named, commit=commit, tree=tree, dirty=dirty, head=at, folder=source.folder)
            write_text(folder / "shallow", f"{pinned.commit}\n")  # its parents were not copied: git would miss them
            self._point(run, "pinned", pinned.commit)
        write_text(folder / "pinned.json", json.dumps(asdict(pinned)))
        return pinned

    async def _fetched(self, run: str, repo: str, rev: str) -> Pinned:
        permit: Permit = self._permit or (lambda _repo, _folders: None)
        permit(repo, ())  # before a credential is even looked for
        authorised = await self._authorise(repo) if self._authorise else None
        return await fetch(repo, rev, self.path(run), ref_of(run, "pinned"), permit, authorised=authorised)

    def pinned(self, run: str) -> Pinned:
        """Return what the run was pinned to."""
        try:
            return _PINNED.validate_json((self.path(run) / "pinned.json").read_bytes())
        except FileNotFoundError as error:
            raise _unknown(run) from error

    def focus(self, run: str, folder: str) -> Pinned:
        """Remember which folder of its repository a run is about, as if that had been named with it."""
        pinned = replace(self.pinned(run), folder=folder)
        write_text(self.path(run) / "pinned.json", json.dumps(asdict(pinned)))
        return pinned

    def furnish(self, run: str, image: str) -> None:
        """Remember which image the run's commands need: the one with its environment."""
        write_text(self.path(run) / "environment", image)

    def environment(self, run: str) -> str:
        """The image with the run's environment; empty when it has none of its own."""
        try:
            return (self.path(run) / "environment").read_text(encoding="utf-8")
        except FileNotFoundError:
            return ""

    async def files(self, run: str, tree: str) -> tuple[str, ...]:
        """Paths of all files of a tree, sorted. Names that are not UTF-8 are left out: nobody could name them."""
        async with self._reading(run) as folder:
            return await trees.files(folder, tree)

    async def versions(self, run: str, tree: str) -> dict[str, str]:
        """The hash of the content of every file of a tree, by its path; see ``files``."""
        async with self._reading(run) as folder:
            return await trees.versions(folder, tree)

    async def read(self, run: str, tree: str, path: str, limit: int = 8 << 20) -> bytes:
        """Bytes of one file of a tree; of a symbolic link, where it points.

        Raises:
            Refused: ``file_not_found`` or ``file_too_large``.
        """
        async with self._reading(run) as folder:
            return await trees.read(folder, tree, path, limit)

    async def read_many(self, run: str, tree: str, paths: Sequence[str], *, limit: int) -> dict[str, bytes]:
        """Bytes of those of ``paths`` that are files of at most ``limit`` bytes, all in one go; others are left out."""
        async with self._reading(run) as folder:
            return await trees.read_many(folder, tree, paths, limit)

    async def changed(self, run: str, old: str, new: str) -> tuple[str, ...]:
        """Paths that differ between two trees."""
        return tuple(change.path for change in await self.numstat(run, old, new))

    async def numstat(self, run: str, old: str, new: str) -> tuple[Changed, ...]:
        """Count the lines that were added to and removed from each file; a rename is a deletion and an addition."""
        async with self._reading(run) as folder:
            return await trees.numstat(folder, old, new)

    async def diff(self, run: str, old: str, new: str) -> str:
        """Return a patch that ``git apply`` takes; files that are not UTF-8 are in it as binary."""
        async with self._reading(run) as folder:
            return await trees.diff(folder, old, new)

    async def with_files(self, run: str, base: str, tree: str, paths: Sequence[str]) -> str:
        """Return the tree ``base`` with what another tree has at ``paths``; what that one lacks is taken out."""
        folder, names = self.path(run), [path.encode(errors="surrogateescape") for path in paths]
        async with self._reading(run):
            theirs, ours = await folders(folder, tree, names), await folders(folder, base, names)
            return await asyncio.to_thread(
                rewritten, folder, ours, {name: entry_of(theirs, name) for name in names}, force=True
            )

    async def merged(self, run: str, base: str, ours: str, theirs: str) -> MergedTree:
        """Put what ``theirs`` changed since ``base`` on top of ``ours``; what cannot be merged is named."""
        async with self._reading(run) as folder:
            return await merged(folder, base, ours, theirs)

    async def marked(self, run: str, tree: str, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of ``paths`` in which the marks of a conflict were left."""
        texts = await self.read_many(run, tree, paths, limit=LARGEST)
        return tuple(path for path, data in texts.items() if marks_left(data))

    async def commit(self, run: str, tree: str, parent: str, message: str, at: datetime) -> str:
        """Make a commit. The same arguments give the same id."""
        return _commit(self.path(run), tree, parent, message, at)

    async def pack(self, run: str, wants: tuple[str, ...], haves: tuple[str, ...] = ()) -> Pack:
        """Everything that ``wants`` need and ``haves`` lack, with its index, ready to be put into a sandbox."""
        return await self._packs.make(self.path(run), tuple(map(object_id, wants)), tuple(map(object_id, haves)))

    async def keep(self, run: str, label: str, trees_sent: tuple[str, str, str], pack: bytes) -> Snapshot:
        """Take in what a sandbox sent: a pack with what is new, and which trees it is about.

        Args:
            run: whose they are.
            label: what to call the snapshot; a later one of the same name takes its place.
            trees_sent: what would be delivered, all files, and the home folder (``-``: empty).
            pack: may lack what the store has already.

        Raises:
            SandboxLost: the objects are not sound or not complete; the sandbox cannot be trusted any more.
            Exhausted: ``store_full``.
        """
        folder, (tree, repo, home) = self.path(run), trees_sent
        try:
            parts = {"repo": repo} if home == "-" else {"home": home, "repo": repo}
            full = write_object(folder, "tree", tree_of(parts))
            if pack:
                await take_in(folder, pack, self._most)
            questions = "".join(f"{object_id(name)}\n" for name in (tree, *parts.values()))
            kinds = await git(folder, "cat-file", "--batch-check=%(objecttype)", stdin=questions.encode())
            if set(kinds.split()) != {b"tree"}:
                raise SandboxLost("The sandbox sent a snapshot that is not complete.")
        except (GitFailed, ValueError, TimeoutError) as error:
            raise SandboxLost(f"The sandbox sent a snapshot that is not sound: {error}") from error
        # One commit keeps both trees: git has no other way to say that they belong together.
        both = write_object(folder, "tree", tree_of({"full": full, "tree": tree}))
        commit = _commit(folder, both, self.pinned(run).commit, f"{label}\n", _NO_ONE)
        self._point(run, label, commit)
        return Snapshot(tree=tree, full=full, commit=commit)

    def whole(self, run: str, tree: str) -> Snapshot:
        """Return the snapshot of a tree alone: no ignored files, an empty home folder."""
        full = write_object(self.path(run), "tree", tree_of({"repo": object_id(tree)}))
        return Snapshot(tree=tree, full=full, commit=self.pinned(run).commit)

    async def parts(self, run: str, full: str) -> tuple[str, str]:
        """Return the trees of the checkout and of the home folder (``-``: empty) in a ``Snapshot.full``."""
        async with self._reading(run) as folder:
            out = (await git(folder, "ls-tree", object_id(full))).decode()
        named = {line.split("\t")[1]: line.split()[2] for line in out.splitlines()}
        return named["repo"], named.get("home", "-")

    async def drop(self, run: str) -> None:
        """Forget a run. Does nothing where there is none."""
        if self._replica is not None:
            await self._replica.drop(run)
        await asyncio.to_thread(shutil.rmtree, self.path(run), ignore_errors=True)

    async def fork(self, run: str, new_run: str) -> None:
        """Give another run everything that this one has; objects are shared as hard links."""
        await self.refresh(run)
        source, target = self.path(run), self.path(new_run)
        if not source.exists():
            raise _unknown(run)
        await asyncio.to_thread(copy, source, target, plain(run), plain(new_run))

    @contextlib.asynccontextmanager
    async def _reading(self, run: str) -> AsyncGenerator[Path]:
        await self.refresh(run)
        folder = self.path(run)
        if not folder.exists():
            raise _unknown(run)
        try:
            yield folder
        except GitStopped as error:
            raise unsupported("has more files, or larger ones, than can be read", "Name a smaller one.") from error
        except GitFailed as error:
            raise Broken(
                f"The content store of run {run} does not have what was asked for: {error}",
                hint="Was its folder cleaned up? Start the run again.",
            ) from error

    def _point(self, run: str, label: str, commit: str) -> None:
        write_text(self.path(run) / ref_of(run, label), f"{commit}\n")


def _unknown(run: str) -> Refused:
    return Refused(
        f"There are no files of run {run!r} in the content store.",
        code="run_not_found",
        hint="Start the run again; its folder was removed.",
    )


def _commit(folder: Path, tree: str, parent: str, message: str, at: datetime) -> str:
    # Nothing of the moment is in it: after a crash the same delivery makes the same commit.
    stamp = f"{WHO} {int(at.timestamp())} +0000"
    text = f"tree {object_id(tree)}\nparent {object_id(parent)}\nauthor {stamp}\ncommitter {stamp}\n\n{message}"
    if "\0" in message:
        raise ValueError("a commit message has no NUL")
    return write_object(folder, "commit", text.encode(errors="replace"))
