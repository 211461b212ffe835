"""Commit messages of repairs: the words that went, and those that came. Pure."""

import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import PurePosixPath
from typing import Any

SUBJECT = 72
"""Characters of a subject line that every tool shows whole."""
_LONGEST = 500
"""Of a line whose words are compared: that takes the square of them, and more."""
_SAYS = re.compile(r"\w")
_WORD = re.compile(r"\w+|\s+|[^\w\s]")


def subject(option: Mapping[str, Any]) -> str:
    """``Fix ledger.py: quantity → remaining``, or the kind of the repair where one phrase does not say it."""
    files = ", ".join(sorted(PurePosixPath(path).name for path in option["files"]))
    gone, come = _lines(option["diff"], "-"), _lines(option["diff"], "+")
    short = len(gone) == len(come) == 1 and max(len(gone[0]), len(come[0])) <= _LONGEST
    words = changed_words(gone[0], come[0]) if short else ""
    line = f"Fix {files}: {words}"
    return line if words and len(line) <= SUBJECT else f"Fix {files}: {option['what'].split(' at ')[0]}"


def _lines(diff: str, sign: str) -> list[str]:
    head = ("---", "+++")
    return [line[1:].strip() for line in diff.splitlines() if line.startswith(sign) and not line.startswith(head)]


def changed_words(before: str, after: str) -> str:
    """The smallest stretch of whole words that differs, e.g. ``quantity → remaining``; empty when one side is."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    changes = [c for c in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes() if c[0] != "equal"]
    if not changes:
        return ""
    gone, come = _text(old[changes[0][1] : changes[-1][2]]), _text(new[changes[0][3] : changes[-1][4]])
    if _SAYS.search(gone) and _SAYS.search(come):
        return f"{gone} → {come}"
    # A sign alone says little: tell it with the line it stands in.
    return f"{before} → {after}"


def _text(words: Sequence[str]) -> str:
    return "".join(words).strip()
