"""Pipes: what one brings, as far as the script itself says so. Pure."""

import re
from collections.abc import Iterator

from risk.bash.quoting import HOLE, ansi
from risk.bash.script import Invocation, Source
from risk.bash.words import Word

_LISTERS = ("ls", "find", "fd", "fdfind", "tree", "grep", "rg", "git", "du")
_SELECTS = ("-name", "-iname", "-path", "-ipath", "-regex", "-mtime", "-empty", "-size", "-newer")
_ALL = Word("./*", glob=True)
_PLAIN = ("cat", "tee", "sort", "uniq", "head", "tail", "tac", "nl", "grep", "shuf")


def printed(source: Source) -> str | None:
    """The text that standard input holds, when ``echo``, ``printf`` or a here-document made it."""
    if source.text is not None:
        return source.text
    texts = [printed_by(call) for call in source.commands]
    return "\n".join(text for text in texts if text) if any(text is not None for text in texts) else None


def printed_by(call: Invocation) -> str | None:
    """The text that one command prints; None where the script does not say it."""
    words = call.words
    name = words[0].text.rsplit("/", 1)[-1] if words else ""
    rest = [word.text for word in words[1:]]
    if name == "echo":
        while rest and re.fullmatch(r"-[neE]+", rest[0]):
            rest = rest[1:]
        return ansi(" ".join(rest)) if "\\" in " ".join(rest) else " ".join(rest)
    # What printf makes may be the script of the shell behind the pipe.
    if name == "printf" and rest:
        # Good enough to see what will be run: what is left over of the arguments stands behind.
        left = rest[1:]

        def value(directive: re.Match[str]) -> str:
            argument = left.pop(0) if left else ""
            return ansi(argument) if directive[0].endswith("b") else argument

        formatted = re.sub(r"%(?:[-+ #0]*\d*(?:\.\d+)?)[a-zA-Z]", value, ansi(rest[0]))
        return " ".join([formatted, *left])
    if name in _PLAIN:
        texts = [printed(each) for each in call.sources]
        return next((text for text in texts if text is not None), None)
    return None


def listed(source: Source) -> Iterator[Word]:
    """Words that stand for every name in the pipe: the roots of a search, or what ``echo`` prints."""
    if source.text is not None:
        yield from (Word(text) for text in source.text.split())
    for call in source.commands:
        name = call.words[0].text.rsplit("/", 1)[-1] if call.words else ""
        text = printed(Source(commands=(call,)))
        if text is not None:
            yield from (Word(word) for word in text.split()[:40])
        elif name in _LISTERS:
            yield from listing_roots(name, call)
        elif name in _PLAIN or name in {"sed", "awk", "xargs", "cut", "tr"}:
            for inner in call.sources:
                yield from listed(inner)
            if not call.sources or name in {"sed", "awk", "cut", "tr"}:
                yield Word(HOLE, variable=True)
        else:
            yield Word(HOLE, variable=True)


def listing_roots(name: str, call: Invocation) -> Iterator[Word]:
    """Where a listing starts; below the workspace unless it says otherwise."""
    words = [word for word in call.words[1:] if not word.text.startswith("-")]
    if name == "git":
        inside = call.words[1:2] and call.words[1].text in {
            "ls-files",
            "diff",
            "grep",
            "status",
            "ls-tree",
            "log",
            "show",
        }
        yield _ALL if inside else Word(HOLE, variable=True)
        return
    if name in {"grep", "rg"}:
        words = words[1:]
    outer = [word for word in words if word.text.startswith(("/", "~", "..", HOLE)) or not word.known]
    yield from (Word(f"{word.text.rstrip('/')}/" if word.text.strip("/") else "/", variable=True) for word in outer)
    if not outer:
        selects = name in {"grep", "rg"} or any(word.text in _SELECTS for word in call.words)
        yield Word("./listed") if selects else _ALL
