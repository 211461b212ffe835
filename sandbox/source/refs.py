"""Refs and revisions of a repository that belongs to somebody else, read as data."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from sandbox.source.files import FileUnreadable, read_bounded
from sandbox.source.repository import SourceRepository, is_text, unsupported

_ID = re.compile(r"^[0-9a-f]{40}$")
_LONG_ID = re.compile(r"^[0-9a-f]{64}$")
_SHORT_ID = re.compile(r"^[0-9a-f]{4,40}$")
_DESCRIBED = re.compile(r"-g([0-9a-f]{4,40})$")
_PSEUDO = re.compile(r"^(HEAD|[A-Z][A-Z_]*_HEAD)$")
_WORKTREE_ONLY = ("refs/bisect/", "refs/worktree/", "refs/rewritten/")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|/$|\.$|^[-./]")
_REF = 4 << 10
_PACKED = 256 << 20
_DEPTH = 5
_SUFFIX = re.compile(r"^(?:[~^]\d{0,9}|\^\{(?:commit|tag)?\})*$")


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """What is checked out: a branch (None: HEAD is detached), and the commit there (None: nothing yet)."""

    branch: str | None
    commit: str | None


def is_ref_name(name: str) -> bool:
    """Tell whether git would take ``name`` (``refs/heads/…``) as the name of a ref."""
    return not _FORBIDDEN.search(name) and name != "@" and len(name.encode(errors="surrogateescape")) <= _REF


class Refs:
    """Reads refs of one repository; each answer is as fresh as the files."""

    def __init__(self, source: SourceRepository) -> None:
        self._source = source
        self._packed: dict[str, str] | None = None

    def head(self) -> CheckedOut:
        """Say what is checked out.

        Raises:
            FileUnreadable: HEAD cannot be read.
        """
        text = self._text(self._source.git_dir / "HEAD") or ""
        target = text.removeprefix("ref:").strip() if text.startswith("ref:") else None
        named = target is not None and target.startswith("refs/heads/") and is_ref_name(target) and is_text(target)
        branch = target.removeprefix("refs/heads/") if target and named else None
        return CheckedOut(branch=branch, commit=self.get("HEAD"))

    def get(self, name: str, depth: int = _DEPTH) -> str | None:
        """Return the object id that a full name (``HEAD``, ``refs/…``) stands for; None when there is none."""
        # A symbolic ref may name another one, and a prepared one names itself.
        if depth == 0 or not (_PSEUDO.match(name) or (name.startswith("refs/") and is_ref_name(name))):
            return None
        # Every linked work tree has a HEAD of its own, and these; all other refs are shared.
        own = _PSEUDO.match(name) or name.startswith(_WORKTREE_ONLY)
        text = self._text((self._source.git_dir if own else self._source.common_dir) / name)
        if text is None:
            # A ref that has a file of its own is newer than the packed one.
            return self.packed.get(name)
        if text.startswith("ref:"):
            return self.get(text.removeprefix("ref:").strip(), depth - 1)
        value = text.split(maxsplit=1)[0] if text.strip() else ""
        if _LONG_ID.match(value):
            raise unsupported("names objects by SHA-256", "Run on a clone that does not: git clone REPO CLONE")
        return value if _ID.match(value) else None

    def resolve(self, rev: str) -> str | None:
        """Return ``rev`` in a form that needs no refs: an id, or the beginning of one, with what stands after it.

        None: it names nothing here. What needs a reflog or a configuration (``@{1}``, ``@{upstream}``) names nothing.
        """
        cut = next((n for n, letter in enumerate(rev) if letter in "~^"), len(rev))
        base, suffix = rev[:cut] or "HEAD", rev[cut:]
        if base == "@":
            base = "HEAD"
        if not _SUFFIX.match(suffix) or (base.startswith("-")):
            return None
        if not _ID.match(base):
            forms = (
                base,
                f"refs/{base}",
                f"refs/tags/{base}",
                f"refs/heads/{base}",
                f"refs/remotes/{base}",
                f"refs/remotes/{base}/HEAD",
            )
            # In git's order (gitrevisions(7)): a tag hides the branch of its name.
            named = next((target for form in forms if (target := self.get(form))), None)
            described = _DESCRIBED.search(base)
            base = named or (base if _SHORT_ID.match(base) else described[1] if described else "")
        return base + suffix if base else None

    def any(self) -> bool:
        """Tell whether there is a ref at all."""
        return bool(self.packed) or any(files for _, _, files in os.walk(self._source.common_dir / "refs"))

    @property
    def packed(self) -> dict[str, str]:
        """What ``packed-refs`` says, by full name."""
        if self._packed is None:
            data = read_bounded(self._source.common_dir / "packed-refs", _PACKED) or b""
            pairs = (line.split(" ", 1) for line in os.fsdecode(data).split("\n") if line and line[0] not in "#^")
            self._packed = {pair[1]: pair[0] for pair in pairs if len(pair) == 2 and _ID.match(pair[0])}  # noqa: PLR2004
        return self._packed

    @staticmethod
    def _text(path: Path) -> str | None:
        """The text of a ref file; a folder of that name is no ref."""
        try:
            data = read_bounded(path, _REF)
        except FileUnreadable:
            if path.is_dir():
                return None
            raise
        return None if data is None else os.fsdecode(data)
