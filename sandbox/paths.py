"""Paths inside a sandbox, as text. Pure."""

from posixpath import normpath

from domain import Refused
from sandbox.contract import REPO

_HINT = "Name a file of the repository by its path from the top, like src/app.py."


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
    parts = plain.split("/")
    git = any(part.lower().rstrip(". ") in {".git", "git~1"} for part in parts)
    if (
        plain in {"", "."}
        or path.startswith("/")
        or path.endswith("/")
        or ".." in path.split("/")
        or "\0" in path
        or git
        or not _encodable(path)
    ):
        raise Refused(f"{path!r} may not be changed.", code="path_refused", hint=_HINT)
    return plain


def _encodable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
