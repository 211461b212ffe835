"""Hand the work over to the user's repository: exactly these bytes, at most once, nothing else touched.

Every delivery first looks whether it has happened already, so that it can be repeated after a crash.
"""

from dataclasses import dataclass
from datetime import datetime

from domain import Refused
from sandbox import origin
from sandbox.git import GitFailed, git
from sandbox.origin import Origin
from sandbox.revisions import Delivered, Pinned
from sandbox.store import Store

_NONE = "0" * 40


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
        place = await _place(pinned)
        commit = await self.store.commit(run, tree, pinned.commit, message, at)
        await _must_be_a_name(place, name)
        there = await _commit_of(place, f"refs/heads/{name}")
        if there is None:
            await self._bring(run, place, commit, pinned)
            try:
                await place.ask("update-ref", "-m", "signoff: deliver", f"refs/heads/{name}", commit, _NONE)
            except GitFailed as error:
                raise _branch_exists(name) from error
        elif there != commit:
            raise _branch_exists(name)
        return Delivered(kind="branch", commit=commit, ref=name)

    async def commit(self, run: str, pinned: Pinned, tree: str, message: str, *, at: datetime) -> Delivered:
        """Commit on the branch that is checked out, files and all, when nothing there has changed since.

        Raises:
            Refused: ``dirty_tree``, ``head_moved``, ``cannot_deliver``.
        """
        place = await _place(pinned)
        commit = await self.store.commit(run, tree, pinned.commit, message, at)
        done = Delivered(kind="commit", commit=commit, ref=pinned.head or "HEAD")
        if await place.head() != pinned.head:
            raise _head_moved(pinned)
        now = await _commit_of(place, "HEAD")
        if now == commit:
            return done
        if now != pinned.commit:
            raise _head_moved(pinned)
        await self._bring(run, place, commit, pinned)
        if not place.bare:
            await _advance_files(place, pinned.commit, commit, tree)
        try:
            await place.ask("update-ref", "-m", "signoff: deliver", "HEAD", commit, pinned.commit)
        except GitFailed as error:
            raise _head_moved(pinned) from error
        return done

    async def _bring(self, run: str, place: Origin, commit: str, pinned: Pinned) -> None:
        """Put the commit and its objects into the user's repository, reachable from nowhere yet."""
        pack = await self.store.pack(run, (commit,), (pinned.tree,))
        await git(place.top, "index-pack", "--stdin", "--fix-thin", own=False, stdin=pack.data)


async def _advance_files(place: Origin, base: str, commit: str, tree: str) -> None:
    """Bring index and work tree from the base to the commit; every file of the user's stays as it is."""
    guards = await place.guards()
    if await place.dirty(untracked=False):
        # A delivery that was interrupted after this very step looks like that: the index is the commit's.
        index = (await git(place.top, "write-tree", own=False)).decode().strip()
        changed = await git(place.top, "diff-files", "--name-only", own=False, config=guards)
        if index == tree and not changed:
            return
        raise _dirty()
    try:
        await git(place.top, "update-index", "-q", "--refresh", own=False, config=guards)
        await git(place.top, "read-tree", "-m", "-u", base, commit, own=False, config=guards)
    except GitFailed as error:
        raise _dirty(error.said) from error


async def _place(pinned: Pinned) -> Origin:
    if origin.is_url(pinned.repo):
        raise Refused(
            "A repository given by URL gets a patch only: pushing needs an approval of its own.",
            code="cannot_deliver",
            hint="Use --deliver patch, or clone it and run Signoff on the clone.",
        )
    return await origin.locate(pinned.repo)


async def _commit_of(place: Origin, ref: str) -> str | None:
    try:
        return await place.ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    except GitFailed:
        return None


async def _must_be_a_name(place: Origin, name: str) -> None:
    try:
        await place.ask("check-ref-format", f"refs/heads/{name}")
    except GitFailed as error:
        raise Refused(f"{name!r} is not a name for a branch.", code="branch_name_invalid",
                      hint="Use letters, digits, - and /.") from error  # fmt: skip


def _branch_exists(name: str) -> Refused:
    return Refused(f"There is a branch {name!r} with other content.", code="branch_exists",
                   hint=f"Look at it: git log {name}; delete or rename it, then deliver again.")  # fmt: skip


def _head_moved(pinned: Pinned) -> Refused:
    return Refused(
        f"The repository is not where the run started ({pinned.head or 'a detached HEAD'} at {pinned.commit[:12]}).",
        code="head_moved",
        hint="Deliver as a branch instead, or run again from the new state.",
    )


def _dirty(said: str = "") -> Refused:
    return Refused(
        "The work tree has changes that a commit would run over." + (f" git says: {said[-300:]}" if said else ""),
        code="dirty_tree",
        hint="Commit or stash them, or deliver as a branch, which does not touch the work tree.",
    )
