"""Files that are more than text: they run later, steer what runs, or give orders to agents. Pure."""

import posixpath
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain import CodeChange
from risk.content import LONGEST_FILE, lookalikes, secrets, unseen
from risk.rules import PatternRule, Rules
from risk.signals import Signal, shown

_LOCKS = ("package-lock.json", "yarn.lock", "pnpm-lock.yaml", "uv.lock", "poetry.lock", "Cargo.lock", "go.sum")


def plain_path(path: str) -> str:
    """Return the path as the file system will see it, with forward slashes and without ``./``."""
    # A backslash is a slash on Windows, and a character of a name here: the stricter reading counts.
    return posixpath.normpath(path.replace("\\", "/")) if path else "."


def disk_names(path: str) -> tuple[str, ...]:
    """The path, and the one that disks of other systems make of it (CVE-2014-9390, CVE-2021-21300).

    macOS composes letters and leaves invisible ones out; Windows drops dots and blanks at the end of a name, and takes
    what follows a colon for a stream of the file.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKC", path) if unicodedata.category(c) != "Cf")
    folded = "/".join(part.split(":")[0].rstrip(". ") or part for part in plain.split("/"))
    return tuple(dict.fromkeys((path, folded)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRater:
    """Rate paths and their new text."""

    rules: Rules

    def path(self, path: str) -> Iterator[Signal]:
        """Say what is special about a path, whatever is written there."""
        normal = plain_path(path)
        if normal.startswith(("/", "../", "~")) or normal == ".." or ":" in normal[:2]:
            yield Signal("leaves", shown(path), "file.outside")
        for name in disk_names(normal):
            for rule in self.rules.file(name):
                yield Signal(rule.effect, shown(path), rule.rule, rule.message)
        yield from (Signal("deceptive", f"{shown(path)}: {s.what}", s.rule) for s in lookalikes(path))
        if any(not c.isprintable() for c in path):
            yield Signal("deceptive", f"the name {shown(path)}", "content.invisible")

    def text(self, path: str, text: str, numbers: Sequence[int] = ()) -> Iterator[Signal]:
        """Say what is hidden in new text; ``numbers`` are its lines' numbers where they do not count from 1."""
        for what, line in unseen(text):
            yield Signal("deceptive", f"{shown(path)} line {_number(line, numbers)}: {what}", "content.invisible")
        if len(text) > LONGEST_FILE:
            yield Signal("oversized", f"{shown(path)}: {len(text):,} characters", "content.oversized")
        if posixpath.basename(path) in _LOCKS:
            return
        for rule, line in secrets(text, self.rules):
            if rule is None:
                kind = "a value given to a secret's name"
            elif isinstance(rule, PatternRule):
                kind = rule.message
            else:
                kind = f"{'an' if rule.label[0] in 'AEIO' else 'a'} {rule.label}"
            name = rule.rule if rule else "secret.assigned"
            yield Signal("holds_secret", f"{shown(path)} line {_number(line, numbers)}: {kind}", name)

    def change(self, change: CodeChange) -> Iterator[Signal]:
        """Rate the edits of a change, without its commands."""
        for new in change.files_to_create:
            yield from self._edit(new.path, new.content)
        for edit in change.files_to_update:
            yield from self._edit(edit.path, edit.content if edit.content is not None else edit.replace or "")
        for path in change.files_to_delete:
            yield Signal("edit", f"deletes {shown(path)}", "file.deleted")
            yield from self.path(path)
        for path in change.cmd_outputs:
            yield Signal("edit", f"keeps what commands make of {shown(path)}", "file.edited")
            yield from self.path(path)

    def _edit(self, path: str, text: str) -> Iterator[Signal]:
        yield Signal("edit", shown(path), "file.edited")
        yield from self.path(path)
        yield from self.text(path, text)


def _number(line: int, numbers: Sequence[int]) -> int:
    return numbers[line - 1] if line <= len(numbers) else line
