"""Words that are paths: what it means that a program reads, lists, writes, moves or deletes them. Pure."""

import re
from collections.abc import Iterator

from risk.paths import stream
from risk.quoting import HOLE
from risk.rater import Rater
from risk.script import Invocation
from risk.signs import Sign, shown
from risk.words import Word

_SETUID = re.compile(r"(.*,)?[ugoa]*[-+=][rwxXt]*s[rwxXst]*(,.*)?|0*[2-7][0-7]{3}")


def read(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    return rater.paths.signs(word, "read")


def listed(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    return rater.paths.signs(word, "list")


def written(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    """A file that is written: and read, too, for all one knows."""
    if not stream(word):
        yield Sign("write", f"writes {shown(word.text.replace(HOLE, '…'))}")
    yield from rater.paths.signs(word, "write")
    yield from (sign for sign in rater.paths.signs(word, "read") if sign.effect in {"secret", "private"})


def archive(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if re.match(r"[^/.]+:", word.text):
        yield Sign("network", shown(word.text), "shell.remote_archive", "an archive of another machine, by rsh or ssh")
    yield from rater.paths.signs(word, "write")


def deleted(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    return rater.paths.signs(word, "delete")


def replaced(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    yield from rater.paths.signs(word, "read")
    yield from rater.paths.signs(word, "write")
    yield from (s for s in rater.paths.signs(word, "delete") if s.effect == "destroy" and not s.what.endswith("space"))


def mode(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if _SETUID.fullmatch(word.text) and not re.fullmatch(r"[ugoa]*-.*", word.text):
        yield Sign("escape", f"mode {word.text}", "shell.setuid", "lets others run it with its owner's rights")
