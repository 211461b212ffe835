"""Diffs that leave the sandbox, rated by the files they touch and the lines they add. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from domain.weakening import weakened
from risk.files import FileRater
from risk.signals import Signal, shown

DeliveryKind = Literal["patch", "commit", "branch", "push", "pull_request", "deploy"]

_HEADER = re.compile(r"^diff --git (.*)$", re.MULTILINE)
_PATHS = re.compile(r"^(?:\+\+\+|---|rename to|copy to) (?:[ab]/)?(.+?)\t?$", re.MULTILINE)
_MODES = (
    ("120000", "executes.symlink", "a symbolic link: it stands for whatever it points to"),
    ("160000", "executes.submodule", "a submodule: the code of another repository"),
    ("100755", "executes.executable", "an executable file"),
)


def _unquoted(path: str) -> str:
    """Undo git's C quoting of unusual names."""
    if not (path.startswith('"') and path.endswith('"') and len(path) > 1):
        return path
    raw = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8) & 255]), path[1:-1].encode())
    raw = re.sub(rb"\\(.)", lambda m: {b"t": b"\t", b"n": b"\n"}.get(m[1], m[1]), raw)
    return raw.decode(errors="replace").removeprefix("a/").removeprefix("b/")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffRater:
    """Rate the bytes of a delivery."""

    files: FileRater

    def diff(self, diff: str) -> Iterator[Signal]:
        """Name what a signer must not overlook."""
        try:
            # Only a line feed ends a line: a form feed or a carriage return in one is a part of it.
            patch = PatchSet(f"{line}\n" for line in diff.removesuffix("\n").split("\n"))
        except (UnidiffParseError, ValueError, IndexError, TypeError, AttributeError) as error:
            yield Signal("unclear_diff", type(error).__name__, "delivery.unreadable")
            yield from self._raw(diff)
            return
        # The parser passes over what it does not know; that would be delivered unseen.
        if diff.strip() and len(patch) < max(1, len(_HEADER.findall(diff))):
            yield Signal("unclear_diff", "some of it is no diff", "delivery.unreadable")
            yield from self._raw(diff)
        for file in patch:
            # Both names: moving a file out of ``.github`` changes what runs there as much as moving one in.
            names = {_unquoted(name or "") for name in (file.source_file, file.target_file)}
            paths = sorted({re.sub(r"^[ab]/", "", name) for name in names if name and name != "/dev/null"})
            for path in paths:
                yield from self.files.path(path)
            path = paths[-1] if paths else file.path
            header = str(file.patch_info or "")
            for mode, rule, message in _MODES:
                if re.search(rf"^(?:new (?:file )?mode|index \S+) ?{mode}$|^index \S+ {mode}$", header, re.MULTILINE):
                    yield Signal("later", shown(path), rule, message)
            if file.is_removed_file:
                yield Signal("removes", shown(path), "delivery.deletes")
            if file.is_binary_file:
                yield Signal("unclear_diff", f"{shown(path)}: nobody can read it in a diff", "delivery.binary")
            lines = [line for hunk in file for line in hunk]
            added = [line for line in lines if line.is_added]
            text = "".join(f"{line.value.removesuffix(chr(10))}\n" for line in added)
            yield from self.files.text(path, text, [line.target_line_no or 0 for line in added])
            before = "".join(line.value for line in lines if not line.is_added)
            after = "".join(line.value for line in lines if not line.is_removed)
            for finding in weakened({path: before}, {} if file.is_removed_file else {path: after}):
                yield Signal("weakens", f"{shown(path)}: {finding.message}", f"delivery.{finding.kind}")

    def paths(self, diff: str) -> tuple[str, ...]:
        """Every path that the diff names, also where it cannot be parsed."""
        return tuple(dict.fromkeys(_unquoted(path) for path in _PATHS.findall(diff)))

    def secrets(self, diff: str) -> Iterator[Signal]:
        """Only the secrets in added lines."""
        return (sign for sign in self.diff(diff) if sign.effect == "holds_secret")

    def _raw(self, diff: str) -> Iterator[Signal]:
        """Judge what cannot be parsed by its lines alone."""
        for path in self.paths(diff):
            yield from self.files.path(path)
        added = "\n".join(line[1:] for line in diff.splitlines() if line.startswith("+"))
        yield from self.files.text("the diff", added)
