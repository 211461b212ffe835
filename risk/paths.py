"""Paths: what it means to read, list, write or delete one, without looking at any disk. Pure."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from domain.text import LinearPattern, linear
from risk.bash.quoting import HOLE
from risk.bash.words import Word
from risk.rules import PatternRule, Rules
from risk.signals import Signal, shown

Mode = Literal["read", "list", "write", "delete"]
WORKSPACE: Final = "/work/repo"
SCRATCH: Final = ("/tmp/", "/var/tmp/", "/work/")  # noqa: S108  places of the sandbox, nothing is opened here
SYSTEM: Final = ("/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/")
"""Where the programs of a machine lie."""
_STREAMS = re.compile(r"/dev/(null|stdin|stdout|stderr|tty|full|zero|random|urandom|fd/\d+)|-")
_REMOTE = re.compile(r"(?i)(https?|ftps?|sftp|ssh|git|rsync)://")
_SOFTWARE = re.compile(r"/(usr/(include|share|lib|local/lib|src)|opt|lib(64)?)/")
_RELEASES = re.compile(r"(?i)(deploy|publish|release|rollout)([-_.](?!notes|test)\w+)*(\.\w+)?")
_WHOLE = re.compile(
    r"(\.{0,2}|~[^/]*|/|/?\*+|\./\*+|(\.\./)*\.\.(/\*+)?|~/\*+|\.\[?[*!.?^\]]*|(\./)?[*?.]*[*?][*?.]*|\[[^\]]+\]\*)/?"
)
_HOLDS_SECRETS = (
    "/",
    "~",
    "/home",
    "/root",
    "/etc",
    "/proc",
    "/var",
    "/run",
    "/var/run",
    "/Users",
    "/mnt",
    "/dev",
    "/sys",
)


def deploys(path: str) -> Iterator[Signal]:
    """Notice a script whose very name says that it releases something."""
    if _RELEASES.fullmatch(posixpath.basename(path)):
        yield Signal("deploying", shown(path), "shell.deploys")


def normal(text: str, base: str = "") -> str:
    """Return the path without detours; inside the workspace it is relative."""
    # ``/proc/self/root/etc`` is ``/etc`` by another way.
    text = re.sub(r"^/proc/[^/]+/(root|cwd)(?=/|$)", "", text) or "/"
    if base and not text.startswith(("/", "~")):
        text = f"{base}/{text}"
    path = posixpath.normpath(text) if text else "."
    # POSIX leaves two slashes at the start to the system, so ``normpath`` keeps them; Linux takes them for one.
    path = re.sub(r"^//+", "/", path)
    if path == WORKSPACE or path.startswith(f"{WORKSPACE}/"):
        path = path[len(WORKSPACE) + 1 :] or "."
    return path


def stream(word: Word) -> bool:
    """Tell whether a path is no file but something that is open anyway, or nothing."""
    return word.stream or _STREAMS.fullmatch(word.text) is not None


def outside(path: str) -> bool:
    """Tell whether a normal path leaves the workspace and the sandbox's scratch folders."""
    return (path.startswith(("/", "~", "../")) and not path.startswith(SCRATCH)) or path == ".."


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRater:
    """Rates one path at a time. ``bases`` are the folders that a relative path may start from."""

    rules: Rules
    bases: tuple[str, ...] = ("",)

    def signs(self, word: Word, mode: Mode) -> Iterator[Signal]:
        if stream(word) or not word.text:
            return
        # A relative path starts wherever the script has gone by then; every such place is judged.
        for base in self.bases:
            yield from self._at(word, normal(word.text, base), mode)

    def _at(self, word: Word, path: str, mode: Mode) -> Iterator[Signal]:
        readable = shown(word.text.replace(HOLE, "…"))
        match mode:
            case "read":
                yield from self._ruled("read", word, path, readable)
                if _REMOTE.match(word.text):
                    yield Signal("network", readable)
                if HOLE in path or word.variable:
                    yield Signal("computed", f"reads {readable}")
                if path in _HOLDS_SECRETS or re.fullmatch(r"/(home|Users|proc)/[^/]+", path):
                    yield Signal("broad", readable)
                elif outside(path) and not _SOFTWARE.match(path):
                    yield Signal("look", f"reads {readable}")
            case "list":
                yield from (
                    Signal("look", readable, rule.rule, "looks for secrets") for rule in self._rules("read", word, path)
                )
            case "write":
                yield from self._ruled("write", word, path, readable)
                yield from write_signs(path, readable)
            case "delete":
                yield from self._ruled("write", word, path, readable)
                yield from deletion_signs(word, path, readable)

    def _ruled(self, kind: Literal["read", "write"], word: Word, path: str, readable: str) -> Iterator[Signal]:
        for rule in self._rules(kind, word, path):
            yield Signal(rule.effect, readable, rule.rule, rule.message)
        if kind == "write":
            for rule in self.rules.file(path):
                yield Signal(rule.effect, readable, rule.rule, rule.message)

    def _rules(self, kind: Literal["read", "write"], word: Word, path: str) -> Iterator[PatternRule]:
        yield from self.rules.of(kind, path)
        if word.glob:
            pattern = glob_expression(path)
            for rule in self.rules.by_kind.get(kind, ()):
                # Other names a common `*` in the workspace would hit by accident.
                if any(
                    pattern.fullmatch(example)
                    for example in rule.match
                    if example.startswith(("/", "~", ".")) or "/." in example
                ):
                    yield rule


def write_signs(path: str, readable: str) -> Iterator[Signal]:
    """What it means to write to a path, besides what rules say of it."""
    if HOLE in path:
        yield Signal("computed", f"writes {readable}")
    elif outside(path):
        yield Signal("outside", readable)


def deletion_signs(word: Word, path: str, readable: str) -> Iterator[Signal]:
    """What it means to delete a path: all of a place, something outside, or who knows what."""
    # As written and as resolved: ``src/..`` is all of the workspace, too.
    if _WHOLE.fullmatch(word.text) or _WHOLE.fullmatch(path):
        yield Signal("destroy", f"deletes {readable or path}")
    elif outside(path):
        yield Signal("destroy", f"deletes {readable}, outside the workspace")
    elif path.startswith(HOLE):
        yield Signal("destroy", f"deletes {readable}, whatever that will be")
    elif not word.known:
        yield Signal("computed", f"deletes {readable}")


def glob_expression(path: str) -> LinearPattern:
    """A shell glob as a pattern; ``*`` does not cross a slash nor meet a leading dot.

    A command may hold any number of stars: a backtracking engine would try every way to share a name among them.
    """
    parts: list[str] = []
    n = 0
    while n < len(path):
        c, first = path[n], not parts or path[n - 1] == "/"
        close = path.find("]", n + 2) if c == "[" else -1
        if c == "*":
            while path[n + 1 : n + 2] == "*":
                n += 1
            after = path[n + 1 : n + 2]
            n += first and after == "?"
            # Without look-ahead: a leading star is nothing, or begins with anything but a dot.
            parts.append("[^/]*" if not first else "[^./][^/]*" if after in {".", "?"} else "(?:[^./][^/]*)?")
        elif c == "?":
            parts.append("[^./]" if first else "[^/]")
        elif close > 0:
            inner = re.sub(r"([\\\[&|~])", r"\\\1", path[n + 1 : close])
            parts.append(f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]")
            n = close
        else:
            parts.append(".*" if c == HOLE else re.escape(c))
        n += 1
    try:
        return linear("".join(parts))
    except ValueError:
        return linear("(?s).*")
