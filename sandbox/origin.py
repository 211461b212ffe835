"""The user's repository: found, looked at, copied from. Never written to."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from domain import Refused
from sandbox.git import GitFailed, git
from sandbox.revisions import Pinned

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://|^[^/\s:]+@[^/\s:]+:|^[A-Za-z][A-Za-z0-9+.-]*::")
_SCHEMES = ("http://", "https://", "ssh://", "git://", "file://")
_ID = re.compile(r"^[0-9a-f]{40}$")


def is_url(repo: str) -> bool:
    """Tell a URL (or ``user@host:path``) from a local path."""
    return bool(_URL.match(repo)) and not Path(repo).exists()


@dataclass(frozen=True, slots=True)
class Origin:
    """A repository on this machine. ``top`` is its work tree, or its git folder when it is bare."""

    top: Path
    bare: bool
    folder: str = ""
    """Where below ``top`` one stood when it was found."""

    async def look(self, rev: str) -> Pinned:
        """Resolve ``rev`` and say how things stand.

        Raises:
            Refused: ``unknown_revision`` or ``empty_repository``.
        """
        commit = await self._commit(rev)
        tree = await self.ask("rev-parse", f"{commit}^{{tree}}")
        dirty, head = await self.dirty(), await self.head()
        return Pinned(repo=str(self.top), commit=commit, tree=tree, dirty=dirty, head=head, folder=self.folder)

    async def ask(self, *args: str) -> str:
        return (await git(self.top, *args, own=False)).decode(errors="surrogateescape").strip()

    async def head(self) -> str | None:
        try:
            return await self.ask("symbolic-ref", "--quiet", "--short", "HEAD")
        except GitFailed:
            return None

    async def dirty(self, *, untracked: bool = True) -> bool:
        """Tell whether the work tree has changes that are not committed."""
        if self.bare:
            return False
        how = "normal" if untracked else "no"
        out = await git(self.top, "status", "--porcelain", "-z", f"--untracked-files={how}", "--ignore-submodules=all",
                        own=False, config=await self.guards())  # fmt: skip
        return out != b""

    async def guards(self) -> list[tuple[str, str]]:
        """Settings that switch off the filters which this repository, and not its user, brings along."""
        try:
            names = await self.ask("config", "--local", "--includes", "--name-only", "--get-regexp", r"^filter\..*")
        except GitFailed:
            return []
        drivers = {name.rsplit(".", 1)[0] for name in names.splitlines()}
        quiet = (("clean", ""), ("smudge", ""), ("process", ""), ("required", "false"))
        return [(f"{driver}.{key}", text) for driver in sorted(drivers) for key, text in quiet]

    async def _commit(self, rev: str) -> str:
        try:
            if not rev.startswith("-"):
                return await self.ask("rev-parse", "--verify", "--quiet", f"{rev}^{{commit}}")
        except GitFailed as error:
            await self._must_have_commits(error)
        raise unknown_revision(rev, str(self.top))

    async def _must_have_commits(self, cause: GitFailed) -> None:
        try:
            await self.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        except GitFailed:
            if not await self.ask("for-each-ref", "--count=1"):
                raise empty(str(self.top)) from cause

    async def objects(self, commit: str, store: Path) -> None:
        """Copy the commit and its files, without history, into the store as one pack."""
        names = await git(self.top, "rev-list", "--objects", "--no-walk", commit, own=False)
        target = str(store / "objects" / "pack" / "pack")
        await git(self.top, "pack-objects", "-q", "--window=0", target, stdin=names, own=False)


async def locate(repo: str) -> Origin:
    """Find the repository that a path lies in.

    Raises:
        Refused: ``not_a_repository``.
    """
    path = await asyncio.to_thread(lambda: Path(repo).expanduser().resolve())
    hint = "Name a folder with a git repository in it, or make one: git init && git add -A && git commit"
    if not await asyncio.to_thread(path.is_dir):
        raise Refused(f"There is no folder {repo!r}.", code="not_a_repository", hint=hint)
    place = Origin(path, bare=False)
    try:
        if await place.ask("rev-parse", "--is-bare-repository") == "true":
            return Origin(Path(await place.ask("rev-parse", "--absolute-git-dir")), bare=True)
        folder = (await place.ask("rev-parse", "--show-prefix")).rstrip("/")
        return Origin(Path(await place.ask("rev-parse", "--show-toplevel")), bare=False, folder=folder)
    except GitFailed as error:
        raise Refused(f"{repo!r} is not in a git repository.", code="not_a_repository", hint=hint) from error


async def fetch(url: str, rev: str, store: Path, ref: str) -> Pinned:
    """Fetch one commit of a remote repository, without history where the server allows it.

    Raises:
        Refused: ``repository_unreachable``, ``unknown_revision`` or ``empty_repository``.
    """
    if rev.startswith("-"):
        raise unknown_revision(rev, url)
    if "::" in url.split("/", 1)[0] or ("://" in url and not url.startswith(_SCHEMES)):
        raise Refused(f"{url!r} is no address a repository can be fetched from.", code="repository_unreachable",
                      hint="Use https://, ssh:// or git://, or a local path.")  # fmt: skip
    head = await _remote_head(url, store)
    try:
        await _fetch(store, url, f"+{rev}:{ref}", "--depth=1")
    except GitFailed:
        # Not a name the server knows (main~3, a short id): get everything and look here.
        shallow = ("--unshallow",) if (store / "shallow").exists() else ()
        await _fetch(store, url, "+refs/*:refs/origin/*", *shallow)
        await _fetch(store, url, "+HEAD:refs/origin/HEAD")
        await git(store, "update-ref", ref, await _resolve(store, rev, url))
    commit = (await git(store, "rev-parse", f"{ref}^{{commit}}")).decode().strip()
    tree = (await git(store, "rev-parse", f"{commit}^{{tree}}")).decode().strip()
    return Pinned(repo=url, commit=commit, tree=tree, head=head if rev in {"HEAD", head} else None)


async def _fetch(store: Path, url: str, refspec: str, *options: str) -> None:
    """Fetch with the user's own configuration: credentials, proxies and certificates are in there."""
    await git(store.parent, f"--git-dir={store}", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", *options,
              "--end-of-options", url, refspec, own=False)  # fmt: skip


async def _remote_head(url: str, store: Path) -> str | None:
    """Ask the server for its default branch; that it answers at all is the point."""
    try:
        listed = await git(
            store.parent, f"--git-dir={store}", "ls-remote", "--symref", "--end-of-options", url, own=False
        )
    except GitFailed as error:
        raise Refused(
            f"{url} cannot be reached: {error.said.splitlines()[-1] if error.said else 'no answer'}",
            code="repository_unreachable",
            hint="Check the address and your access to it: git ls-remote URL",
        ) from error
    if not listed.strip():
        raise empty(url)
    found = re.search(rb"^ref: refs/heads/(\S+)\tHEAD$", listed, re.MULTILINE)
    return found[1].decode(errors="replace") if found else None


async def _resolve(store: Path, rev: str, url: str) -> str:
    for name in (rev, f"refs/origin/heads/{rev}", f"refs/origin/tags/{rev}", f"refs/origin/{rev}"):
        try:
            return (await git(store, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")).decode().strip()
        except GitFailed:
            continue
    raise unknown_revision(rev, url)


def unknown_revision(rev: str, where: str) -> Refused:
    return Refused(f"{where} has no revision {rev!r}.", code="unknown_revision",
                   hint="Name a branch, a tag or a commit: git -C REPO log --oneline --all")  # fmt: skip


def empty(where: str) -> Refused:
    return Refused(f"{where} has no commit yet.", code="empty_repository",
                   hint="Commit something first: git add -A && git commit")  # fmt: skip
