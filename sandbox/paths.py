"""Paths inside a sandbox, as text. Pure."""

import re
from posixpath import normpath

from domain import Refused
from sandbox.contract import REPO
from sandbox.inside.environment import ROOT

_LONGEST_PATH, _LONGEST_NAME = 3_000, 255
"""Bytes; a longer one could not be checked out."""
_UNSEEN = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""Characters that macOS leaves out of file names."""
_HINT = "Name a file of the repository by its path from the top, like src/app.py."


def system_path(path: str) -> str:
    """Return an image's search path without what belongs to an environment: nothing of that is PID 1."""
    return ":".join(place for place in path.split(":") if not place.startswith(ROOT))


def absolute(path: str) -> str:
    """Where a path lies inside the sandbox; a relative one counts from the checkout.

    Raises:
        Refused: ``path_refused`` for an empty path, NUL, or ``..``.
    """
    if not path or "\0" in path or ".." in path.split("/"):
        raise Refused(f"{path!r} is not a path that can be used.", code="path_refused", hint=_HINT)
    return normpath(path if path.startswith("/") else f"{REPO}/{path}")


def inside_repo(path: str) -> str:
    """Return a path of the repository in its plain form (``./src//app.py`` → ``src/app.py``).

    Raises:
        Refused: ``path_refused`` for an absolute path, one with ``..``, and anything of git's own.
    """
    plain = normpath(path) if path else ""
    git = any(is_git_name(part) for part in plain.split("/"))
    raw = plain.encode(errors="surrogatepass")
    if (
        plain in {"", "."}
        or path.startswith("/")
        or path.endswith("/")
        or ".." in path.split("/")
        or "\0" in path
        or git
        # A lone surrogate has no bytes in UTF-8, so it could be neither stored nor signed.
        or any("\ud800" <= char <= "\udfff" for char in plain)
        or len(raw) > _LONGEST_PATH
        or max(map(len, raw.split(b"/"))) > _LONGEST_NAME
    ):
        raise Refused(f"{path!r} may not be changed.", code="path_refused", hint=_HINT)
    return plain


def is_git_name(part: str) -> bool:
    """True for what any file system takes for git's own folder (git's ``fsck`` calls it hasDotgit)."""
    # NTFS takes ``.git::$INDEX_ALLOCATION`` and ``git~1`` for ``.git`` and drops dots and blanks at the end
    # (CVE-2019-1352).
    names = (name.partition(":")[0] for name in _UNSEEN.sub("", part).lower().split("\\"))
    return any(name.rstrip(". ") in {".git", "git~1"} for name in names)
