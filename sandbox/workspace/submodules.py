"""Submodules: what a pinned commit links to, brought into the content store from the user's own checkout.

Everything of the user's is read as data: ``.gitmodules`` is parsed here, and git runs in a repository of our own that
only borrows the objects of theirs. What is not there is said, with the command that gets it.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from domain import Refused
from sandbox.git import LISTING, GitFailed, git
from sandbox.revisions import Pinned
from sandbox.source import borrowed, find, is_url
from sandbox.source.files import FileUnreadable
from sandbox.source.repository import RepositoryNotFound, at_git_dir, git_dir_of, unsupported
from sandbox.workspace.layout import write_text
from sandbox.workspace.store import Store

MOST = 64
"""Submodules of one commit, nested ones included."""
_DEPTH = 4
_MAX_BYTES = 1 << 30
_MAX_GITMODULES = 256 << 10
_SECONDS = 120.0
_LIST = "submodules.json"
_ID = re.compile(r"^[0-9a-f]{40}$")
_NO_PATH = re.compile(
    rb"[\t/](?:\.\.?|)(?=[/\0])|[\t/\\](?:\.git|git~1)[ .]*(?=[/\\:\0])|[^\0]{4196}"
    rb"|120000 blob [0-9a-f]{40}\t(?:[^\0]*/)?(?:\.gitmodules[ .]*|gitmod~[1-4])(?=[:\0])",
    re.IGNORECASE,
)
"""In a listing: what git refuses to check out on any system, or a path longer than systems take."""
_SECTION = re.compile(r'^\[submodule "((?:[^"\\]|\\.)*)"\]$')


@dataclass(frozen=True, slots=True)
class Submodule:
    """A link to a commit of another repository. ``tree`` is in the store when its files are there."""

    path: str
    commit: str
    tree: str = ""
    around: str | None = None
    """The submodule that it is one of; None for those of the repository itself."""
    why: str = ""
    """Why it is absent."""
    hint: str = ""

    @property
    def present(self) -> bool:
        return bool(self.tree)

    def __str__(self) -> str:
        return f"the submodule {self.path} is empty: {self.why} {self.hint}"


def names(text: str) -> dict[str, str]:
    """Read ``.gitmodules`` as data: path → name. Names that lead anywhere else are left out. Pure."""
    by_path: dict[str, str] = {}
    name = ""
    for line in map(str.strip, text[:_MAX_GITMODULES].splitlines()):
        if line.startswith("["):
            section = _SECTION.match(line)
            name = re.sub(r"\\(.)", r"\1", section[1]) if section else ""
        elif name and "=" in line and len(by_path) < MOST:
            key, _, told = (part.strip() for part in line.partition("="))
            below = PurePosixPath(name)
            plain = bool(name) and not below.is_absolute() and ".." not in below.parts and "\0" not in name
            if key.lower() == "path" and plain:  # a name stays below the folder of modules
                by_path[told.strip('"')] = name
    return by_path


def gitlinks(listed: bytes) -> dict[str, str]:
    """Read what ``git ls-tree -r -z`` printed: path → commit, of links to other repositories only. Pure."""
    links: dict[str, str] = {}
    for entry in listed.split(b"\0"):
        about, _, path = entry.partition(b"\t")
        mode, _, rest = about.decode("ascii", errors="replace").partition(" ")
        commit = rest.split(" ")[1] if rest.count(" ") else ""
        if mode == "160000" and _ID.match(commit):
            try:
                links[path.decode()] = commit
            except UnicodeDecodeError:
                continue
    return links


def holding(path: str, links: Mapping[str, str]) -> str | None:
    """The submodule that a path is or lies in. Pure."""
    return next((link for link in links if path == link or path.startswith(f"{link}/")), None)


async def links_of(folder: Path, tree: str) -> dict[str, str]:
    """The submodules that a tree of the store links to: path → commit.

    Raises:
        Refused: ``repository_unsupported``: the tree is too large to be listed, or has paths that no git checks out.
    """
    try:
        listed = await git(folder, "ls-tree", "-r", "-z", "--full-tree", tree, most=LISTING)
    except GitFailed as error:
        raise unsupported("has a tree that cannot be listed", "Name a smaller repository.") from error
    if (odd := _NO_PATH.search(listed)) is not None:
        path = listed[listed.rfind(b"\0", 0, odd.start()) + 1 : odd.end()].partition(b"\t")[2]
        raise unsupported(
            f"has a path that cannot be checked out: {path[:200].decode(errors='backslashreplace')!r}",
            "Name a revision without it; git fsck says which commits have it.",
        )
    return gitlinks(listed)


async def bring(store: Store, run: str, pinned: Pinned) -> tuple[Submodule, ...]:
    """Copy the files of the pinned commit's submodules into the store, from where the user's checkout has them.

    Repeating it is fine. What is not found is in the answer with its reason: a run can go on without it.
    """
    folder, found = store.path(run), list[Submodule]()
    if links := await links_of(folder, pinned.tree):
        place = None
        if not is_url(pinned.repo):  # a work tree on disk, one of several, or a bare one
            theirs = await asyncio.to_thread(find, pinned.repo)
            roots = (theirs.common_dir, theirs.top)
            place = _Place(theirs.common_dir, None if theirs.bare else theirs.top, roots)
        named = names((await _gitmodules(folder, pinned.tree)).decode(errors="replace"))
        await _Bringing(store, folder, found).all(links, named, place, None, 1)
    write_text(folder / _LIST, json.dumps([asdict(each) for each in found]))
    return tuple(found)


async def brought(store: Store, run: str) -> tuple[Submodule, ...]:
    """What ``bring`` found for a run; where it never ran, every submodule is absent."""
    folder = store.path(run)
    try:
        stored = json.loads((folder / _LIST).read_bytes())
    except FileNotFoundError:
        links = await links_of(folder, store.pinned(run).tree)
        return tuple(Submodule(path, commit, why="It was not looked for.") for path, commit in links.items())
    return tuple(Submodule(**each) for each in stored)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a repository of the user's lies: its git folder, its work tree if any, and what is theirs at all."""

    git_dir: Path
    top: Path | None
    roots: tuple[Path, ...]

    def submodule(self, path: str, name: str) -> Iterator["_Place"]:
        """Where a submodule may be, likely places first; nothing outside of the user's checkout."""
        top = self.top / path if self.top else None
        candidates = [self.git_dir / "modules" / name]
        if top is not None:
            with suppress(RepositoryNotFound, FileUnreadable, OSError, ValueError):
                if (own := git_dir_of(top)) is not None:
                    candidates.insert(0, own)
        for each in candidates:
            try:
                real, objects = each.resolve(), (each / "objects").resolve()
                # Real paths: a link in ``.git/modules`` could lead to any repository of this machine.
                inside = all(any(at.is_relative_to(root) for root in self.roots) for at in (real, objects))
                found = inside and objects.is_dir()
            except (OSError, RuntimeError, ValueError):  # A loop of links, a name that no folder can have.
                continue
            if found:
                yield _Place(real, top, self.roots)


@dataclass(frozen=True, slots=True)
class _Bringing:
    store: Store
    folder: Path
    found: list[Submodule]

    async def all(
        self, links: Mapping[str, str], told: Mapping[str, str], place: _Place | None, around: str | None, depth: int
    ) -> None:
        for path, commit in links.items():
            if len(self.found) >= MOST:
                return
            full = f"{around}/{path}" if around else path
            command = f"git submodule update --init --recursive {full}"
            if place is None:
                self.found.append(
                    Submodule(
                        full,
                        commit,
                        around=around,
                        why="The repository was given by its URL.",
                        hint=f"Clone it, run `{command}` there, and give the clone.",
                    )
                )
                continue
            why = "Its commit is not in the checkout."
            for there in place.submodule(path, told.get(path, path)):
                try:
                    async with asyncio.timeout(_SECONDS):
                        tree, inner, named = await self._one(there.git_dir, commit)
                except TimeoutError:
                    why = "It took too long to read."
                    continue
                except (GitFailed, Refused, ValueError, OSError) as error:
                    large = isinstance(error, ValueError) and str(error).startswith("Its")
                    why = str(error) if large else "Its commit is not in the checkout."
                    continue
                self.found.append(Submodule(full, commit, tree, around))
                if depth < _DEPTH:
                    await self.all(inner, named, there, full, depth + 1)
                break
            else:
                self.found.append(
                    Submodule(full, commit, around=around, why=why, hint=f"Run `{command}` in the repository.")
                )

    async def _one(self, git_dir: Path, commit: str) -> tuple[str, dict[str, str], dict[str, str]]:
        """Copy the files of one commit; its tree, the links in it, and their names."""
        source = await asyncio.to_thread(at_git_dir, git_dir)
        self.store.ensure_permitted(str(git_dir), source)
        async with borrowed(source, near=self.folder) as theirs:
            own = theirs.folder
            tree = (await git(own, "rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")).decode().strip()
            listed = await git(own, "ls-tree", "-r", "-l", "-z", "--full-tree", tree, most=LISTING)
            sizes = (line.partition(b"\t")[0].split()[-1] for line in listed.split(b"\0") if line)
            if sum(int(size) for size in sizes if size.isdigit()) > _MAX_BYTES:
                raise ValueError(f"Its files have more than {_MAX_BYTES >> 20} MiB.")
            target = str(self.folder / "objects" / "pack" / "pack")
            await git(own, "pack-objects", "-q", "--revs", "--window=0", target, stdin=f"{tree}\n".encode())
            inner = await links_of(own, tree)
            named = names((await _gitmodules(own, tree)).decode(errors="replace")) if inner else {}
        return tree, inner, named


async def _gitmodules(folder: Path, tree: str) -> bytes:
    try:
        size = int(await git(folder, "cat-file", "-s", f"{tree}:.gitmodules"))
        return await git(folder, "cat-file", "blob", f"{tree}:.gitmodules") if size <= _MAX_GITMODULES else b""
    except (GitFailed, ValueError):
        return b""
