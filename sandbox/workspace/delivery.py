"""Delivery to the user's repository: exactly these bytes, at most once, nothing else touched.

Every delivery first looks whether it has happened already, so that it can be repeated after a crash. The user's git
folder is written as data (``sandbox.source.updates``): their configuration, hooks and filters are never read.
"""

import asyncio
import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime

from domain import Refused
from domain.identity import split_credential
from sandbox.git import GitFailed, git
from sandbox.revisions import Delivered, Pinned
from sandbox.source import SourceRepository, borrowed, is_url, locate
from sandbox.source.checkout import check_out, exchanges
from sandbox.source.push import AuthorisedRemote, push
from sandbox.source.refs import Refs
from sandbox.source.updates import RefMoved, index_lock, put_pack, update_ref
from sandbox.source.work_tree import status
from sandbox.workspace.store import WHO, Store

_BLOB = 1 << 30


@dataclass(frozen=True, slots=True)
class Delivery:
    """Brings what is in the store to where it belongs."""

    store: Store

    async def patch(self, run: str, pinned: Pinned, tree: str) -> Delivered:
        """Hand over nothing but the diff, which ``Store.diff`` shows; made here once to see that it can be."""
        await self.store.diff(run, pinned.tree, tree)
        return Delivered(kind="patch")

    async def branch(self, run: str, pinned: Pinned, tree: str, message: str, name: str, *, at: datetime) -> Delivered:
        """Make a new branch with one commit on top of the pinned one; work tree and index are left alone.

        Raises:
            Refused: ``branch_exists`` (with other content), ``branch_name_invalid``, ``cannot_deliver``.
        """
        source = await _place(pinned)
        ref = f"refs/heads/{name}"
        try:
            await git(self.store.path(run), "check-ref-format", ref)
        except GitFailed as error:
            raise Refused(
                f"{name!r} is not a name for a branch.",
                code="branch_name_invalid",
                hint="Use letters, digits, - and /.",
            ) from error
        commit = await self.store.commit(run, tree, pinned.commit, message, at)
        there = await asyncio.to_thread(Refs(source).get, ref)
        if there is None:
            with _writable(source):
                await self._bring(run, source, commit, pinned)
                try:
                    await asyncio.to_thread(update_ref, source, ref, old=None, new=commit, owner=run, who=WHO, at=at)
                except RefMoved as error:
                    raise _branch_exists(name) from error
        elif there != commit:
            raise _branch_exists(name)
        return Delivered(kind="branch", commit=commit, ref=name)

    async def commit(self, run: str, pinned: Pinned, tree: str, message: str, *, at: datetime) -> Delivered:
        """Commit on the branch that is checked out, files and all, when nothing there has changed since.

        Raises:
            Refused: ``dirty_tree``, ``head_moved``, ``cannot_deliver``, ``repository_locked``.
        """
        source = await _place(pinned)
        commit = await self.store.commit(run, tree, pinned.commit, message, at)
        done = Delivered(kind="commit", commit=commit, ref=pinned.head or "HEAD")
        head = await asyncio.to_thread(Refs(source).head)
        if head.branch != pinned.head:
            raise _head_moved(pinned)
        # Delivered before a crash: the same arguments make the same commit.
        if head.commit == commit:
            return done
        if head.commit != pinned.commit:
            raise _head_moved(pinned)
        ref = f"refs/heads/{head.branch}" if head.branch else "HEAD"
        with _writable(source):
            await self._bring(run, source, commit, pinned)
            if not source.bare:
                async with borrowed(source) as theirs:
                    exchanged = exchanges(await theirs.entries(pinned.tree), await theirs.entries(tree))
                    blobs = await theirs.blobs([each.new.id for each in exchanged if each.new and each.is_file], _BLOB)
                    # From the look to the write: their git waits for the lock, so nothing is staged in between.
                    with index_lock(source, run) as lock:
                        seen = await status(theirs, pinned.tree)
                        lock.replace(await asyncio.to_thread(check_out, source.top, seen, exchanged, blobs))
            try:
                await asyncio.to_thread(
                    update_ref, source, ref, old=pinned.commit, new=commit, owner=run, who=WHO, at=at
                )
            except RefMoved as error:
                raise _head_moved(pinned) from error
        return done

    async def made_commit(self, run: str, tree: str, parent: str, message: str, *, at: datetime) -> str:
        """The commit that is delivered; made again from the same arguments it is the same one."""
        return await self.store.commit(run, tree, parent, message, at)

    async def push(self, run: str, commit: str, branch: str, address: AuthorisedRemote) -> None:
        """Bring a commit of ours to a branch of a forge. Raises as ``push`` does."""
        await push(self.store.path(run), commit, branch, address)

    async def origin(self, run: str, pinned: Pinned) -> str:
        """Where the repository says that it came from: its own address, or that of a local one's ``origin``.

        Empty: it does not say. The configuration is read as data; what it includes is not.
        """
        if is_url(pinned.repo):
            return pinned.repo
        source = await locate(pinned.repo)
        file = str(source.common_dir / "config")
        try:
            address = await git(
                self.store.path(run), "config", "--no-includes", "--file", file, "--get", "remote.origin.url"
            )
        except GitFailed:
            return ""
        return split_credential(address.decode(errors="replace").strip())[0]

    async def _bring(self, run: str, source: SourceRepository, commit: str, pinned: Pinned) -> None:
        """Put the commit and its objects into the user's repository, reachable from nowhere yet."""
        async with borrowed(source) as theirs:
            # The pack leaves out what that commit has; without it the new one would be full of holes.
            if await theirs.commit(pinned.commit) is None:
                raise _head_moved(pinned)
        pack = await self.store.pack(run, (commit,), (pinned.tree,))
        await asyncio.to_thread(put_pack, source, pack)


@contextlib.contextmanager
def _writable(source: SourceRepository) -> Generator[None]:
    """Say what the system refuses: a full disk, a folder that is read only, a name that is too long."""
    try:
        yield
    except OSError as error:
        raise Refused(
            f"{source.top} cannot be written: {error.strerror or error}.",
            code="cannot_deliver",
            hint="Make room, or see whose folder it is (ls -ld .git), or deliver as a patch (--deliver patch).",
        ) from error


async def _place(pinned: Pinned) -> SourceRepository:
    if is_url(pinned.repo):
        raise Refused(
            "A repository given by URL gets a patch or a pull request.",
            code="cannot_deliver",
            hint="Use --deliver patch or pr, or clone it and run Signoff on the clone.",
        )
    return await locate(pinned.repo)


def _branch_exists(name: str) -> Refused:
    return Refused(
        f"There is a branch {name!r} with other content.",
        code="branch_exists",
        hint=f"Look at it: git log {name}; delete or rename it, then deliver again.",
    )


def _head_moved(pinned: Pinned) -> Refused:
    return Refused(
        f"The repository is not where the run started ({pinned.head or 'a detached HEAD'} at {pinned.commit[:12]}).",
        code="head_moved",
        hint="Deliver as a branch instead, or run again from the new state.",
    )
