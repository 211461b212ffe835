"""A repository on this machine that belongs to somebody else, found and read as data.

git is never asked about it: asking would make git read its configuration, and a configuration names programs.
"""

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from domain import Refused
from sandbox.source.files import read_bounded
from sandbox.source.index_file import INDEX_BYTES, IndexInvalid, read_index

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://|^[^/\s:]+@[^/\s:]+:|^[A-Za-z][A-Za-z0-9+.-]*::")
_SMALL = 64 << 10
_GIT_LOOKS_INTO = re.compile(r"(?:[0-9a-f]{2}|pack|info)")
_ALTERNATES = 50
"""Object folders that one repository may borrow from, all together."""
_LINES = 1_000
_OBJECT_DEPTH = 2
"""Folders in folders that git reads objects and lists of them from: ``pack/multi-pack-index.d``."""


def is_url(repo: str) -> bool:
    """Tell a URL (or ``user@host:path``) from a local path."""
    if not _URL.match(repo) or "://" in repo:
        return bool(_URL.match(repo))
    try:
        return not Path(repo).exists()
    except (OSError, ValueError):  # no name that a file can have
        return True


def is_remote(repo: str) -> bool:
    """Tell what has to be fetched from what lies on this machine: a path, or a ``file://`` URL."""
    return is_url(repo) and not repo.lower().startswith("file://")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRepository:
    """Where the parts of a repository lie. All paths are absolute and real: no link is left in them."""

    top: Path
    """The work tree, or the git folder when the repository is bare."""
    git_dir: Path
    """Has HEAD and the index."""
    common_dir: Path
    """Has the refs; another folder than ``git_dir`` in a linked work tree."""
    objects: tuple[Path, ...]
    """Object folders: its own, then those that it borrows from."""
    bare: bool
    folder: str = ""
    """Where below ``top`` one stood when it was found."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder that is read when this repository is used, each once."""
        return tuple(dict.fromkeys((self.top, self.git_dir, self.common_dir, *self.objects)))


class RepositoryNotFound(Exception):
    """There is no repository at this place."""


def find(repo: str) -> SourceRepository:
    """Find the repository that a path, or a ``file://`` URL, lies in. Reads a few small files.

    Raises:
        Refused: ``not_a_repository``, ``repository_unsupported``.
    """
    try:
        source = _located(repo)
    except RepositoryNotFound as error:
        raise not_a_repository(repo, f" ({error})") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise not_a_repository(repo, f" that can be read ({error})") from error
    if not is_text(f"{source.top}{source.folder}"):
        raise unsupported("has a path that is not UTF-8", "Rename the folder, or run on a clone with another path.")
    return source


def is_text(name: str) -> bool:
    """Tell whether a name from the file system can be written down: as UTF-8, in a database, in JSON."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def at_git_dir(git_dir: Path) -> SourceRepository:
    """Return the repository of a git folder, as if it were bare."""
    return _made(git_dir, git_dir, bare=True)


async def locate(repo: str) -> SourceRepository:
    """Do what ``find`` does, beside the event loop."""
    return await asyncio.to_thread(find, repo)


def not_a_repository(repo: str, why: str = "") -> Refused:
    return Refused(
        f"{repo[:500]!r} is not in a git repository{why}.",
        code="repository_unreachable" if is_url(repo) else "not_a_repository",
        hint="Name a folder with a git repository in it, or make one: git init && git add -A && git commit",
    )


def too_slow(repo: str) -> Refused:
    return Refused(
        f"{repo[:500]!r} could not be read in time.",
        code="repository_unsupported",
        hint="Look for files in its .git folder that are none (FIFOs, devices): find .git -not -type f -not -type d",
    )


def unsupported(what: str, hint: str) -> Refused:
    return Refused(f"This repository {what}.", code="repository_unsupported", hint=hint)


def local_path(repo: str) -> Path:
    """Return the path that a path or a ``file://`` URL names. Raises ``ValueError`` when it names none here."""
    if not is_url(repo):
        return Path(repo).expanduser()
    parts = urlsplit(repo)
    if parts.netloc not in {"", "localhost"} or "%" in parts.netloc:
        raise ValueError("a file:// URL names no host")
    return Path(unquote(parts.path, errors="strict"))


def _located(repo: str) -> SourceRepository:
    path = local_path(repo).resolve()
    if not path.is_dir():
        raise RepositoryNotFound("there is no such folder")
    for place in (path, *path.parents):
        # Named from within: its work tree is the folder around it.
        if place.name == ".git" and _is_git_dir(place):
            return _made(place.parent, place, bare=False)
        git_dir = git_dir_of(place)
        if git_dir is not None:
            return _made(place, git_dir, bare=False, folder="" if place == path else str(path.relative_to(place)))
        if _is_git_dir(place):
            _must_not_be_tracked(place)
            return _made(place, place, bare=True)
    raise RepositoryNotFound("none of the folders above it has one either")


def _must_not_be_tracked(bare: Path) -> None:
    """A bare repository among the files of a clone was put there by who made the clone's files."""
    try:
        outer = _located(str(bare.parent))
        index = read_index(read_bounded(outer.git_dir / "index", INDEX_BYTES) or b"")
    except (RepositoryNotFound, Refused, IndexInvalid):
        return
    head = os.fsencode(bare.relative_to(outer.top) / "HEAD")
    if any(entry.path == head for entry in index.entries):
        raise RepositoryNotFound(f"it is a part of the files of {outer.top}: clone it to another place")


def git_dir_of(place: Path) -> Path | None:
    """Return the git folder of a work tree: ``.git``, or where the file ``.git`` of a linked work tree points."""
    dot = place / ".git"
    if dot.is_dir():
        real = dot.resolve()
        return real if _is_git_dir(real) else None
    text = read_bounded(dot, _SMALL)
    if text is None:
        return None
    if not text.startswith(b"gitdir: "):
        raise RepositoryNotFound(f"{dot} is not what git writes")
    real = (place / os.fsdecode(text[8:].rstrip(b"\r\n"))).resolve()
    if not _is_git_dir(real):
        raise RepositoryNotFound(f"{dot} points to a folder that is none of git's")
    back = read_bounded(real / "gitdir", _SMALL)
    if back is not None and (real / os.fsdecode(back.strip())).resolve() != dot.resolve():
        # Anybody can write a file that points into another repository; that one knows its work trees.
        raise RepositoryNotFound(f"{dot} points to a git folder whose work tree is elsewhere")
    return real


def _is_git_dir(place: Path) -> bool:
    if not (place / "HEAD").is_file():
        return False
    return (place / "commondir").is_file() or ((place / "objects").is_dir() and (place / "refs").is_dir())


def _made(top: Path, git_dir: Path, *, bare: bool, folder: str = "") -> SourceRepository:
    shared = read_bounded(git_dir / "commondir", _SMALL)
    common = git_dir if shared is None else (git_dir / os.fsdecode(shared.strip())).resolve()
    if (common / "reftable").exists():
        raise unsupported("keeps its refs in a reftable", "Run on a clone: git clone --ref-format=files REPO CLONE")
    # ``info/alternates`` is followed as git does, through real folders only.
    first = (common / "objects").resolve()
    found, waiting, left = [first], [first], _LINES
    while waiting:
        place = waiting.pop()
        for line in (read_bounded(place / "info" / "alternates", _SMALL) or b"").split(b"\n"):
            if not line or line.startswith(b"#"):
                continue
            left -= 1
            if line.startswith(b'"'):
                raise unsupported(
                    "borrows objects from a place with an odd name", "Run on a clone: git clone REPO CLONE"
                )
            # ``..`` is taken off the text, before any link is followed: so does git, and it reads these lists, too.
            other = Path(os.path.normpath(place / os.fsdecode(line))).resolve()
            if other.is_dir() and other not in found:
                found.append(other)
                waiting.append(other)
            if len(found) > _ALTERNATES or not left:
                raise unsupported(
                    "borrows objects from too many others", "Run on a clone: git clone --no-local REPO CLONE"
                )
    objects = tuple(found)
    return SourceRepository(top=top, git_dir=git_dir, common_dir=common, objects=objects, bare=bare, folder=folder)


@dataclass(frozen=True, slots=True)
class ObjectFiles:
    """What lies in the object folders besides plain files."""

    links: tuple[Path, ...]
    """Where links lead: with ``SourceRepository.folders``, all that is opened."""
    odd: tuple[Path, ...]
    """FIFOs and the like: git would wait for them."""


def object_files(source: SourceRepository) -> ObjectFiles:
    """Look at every entry of the object folders that git may open, also behind links.

    Raises:
        Refused: ``repository_unsupported``: they cannot be read.
    """
    links: dict[Path, None] = {}
    odd: list[Path] = []
    waiting, seen = [(str(each), 0) for each in source.objects], set[str]()
    try:
        while waiting:
            place, depth = waiting.pop()
            with os.scandir(place) as listing:
                for each in listing:
                    real = os.path.realpath(each.path) if each.is_symlink() else each.path
                    folder, file = os.path.isdir(real), os.path.isfile(real)
                    # An alternate can be any folder, that of all files too.
                    if folder and not depth and not _GIT_LOOKS_INTO.fullmatch(each.name):
                        continue
                    if each.is_symlink():
                        links[Path(real)] = None
                    if folder and depth < _OBJECT_DEPTH and real not in seen:
                        seen.add(real)
                        waiting.append((real, depth + 1))
                    elif not folder and not file:
                        odd.append(Path(each.path))
    except OSError as error:
        raise unsupported(
            f"has objects that cannot be read ({error})", "Run on a clone: git clone REPO CLONE"
        ) from error
    return ObjectFiles(tuple(links), tuple(odd))
