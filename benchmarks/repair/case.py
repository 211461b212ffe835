"""One broken repository to repair, and how to tell a right repair from a lucky one."""

from dataclasses import dataclass, field

from domain.change import Hunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Files by path. ``hidden`` are tests that the engine never sees."""

    suite: str
    name: str
    half: str
    """``tuned`` or ``held``: only the first half may inform the engine's templates."""
    files: dict[str, str]
    hidden: dict[str, str] = field(default_factory=dict)
    accept: str = "python3 -m pytest -q -x"
    judge: str = ""
    """The command that runs the hidden tests; the acceptance command where it finds them by itself."""
    original: dict[str, str] = field(default_factory=dict)
    """The broken files as they were, to see whether a repair is the original again."""
    hunks: tuple[Hunk, ...] = ()
    """What changed lately, newest first."""
    bug: str = ""
    """What was broken, for the reader of the table."""


def encoded(text: str) -> bytes:
    """The bytes of a file; those that are no UTF-8 are kept as lone surrogates."""
    return text.encode(errors="surrogateescape")
