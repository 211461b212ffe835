"""Command edits: what a command of the coder changed in the repository's files, taken into the change as an edit.

What is taken was asked for: a file that is part of the repository, changed by a command that is no test run; or a path
that the command names. Everything else stays in the sandbox (ADR 17). It is rated by its lines, as an edit is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from pydantic import ValidationError

from domain import CodeChange, FileEdit
from domain.coder import RunAction
from domain.evidence import LeftOut
from domain.progress import Attempt
from domain.reports import read_report
from domain.text import matching
from nodes._commands import plain
from nodes._events import announce
from nodes.coder.changes import ChangeRunner, label_of
from nodes.coder.slices import ExecuteInput, ExecuteUpdate, accept_of
from nodes.coder.transcript import cut_output
from sandbox import REPO, Deliverable, Texts

MOST = 500
"""Files that one command may change."""
_WORDS = re.compile(r"[^\s'\"`;|&<>(),=]+")
_CACHES = re.compile(
    r"(?:^|/)(?:__pycache__|\.[a-z]+_cache|\.hypothesis|node_modules|\.?venv|\.tox|\.nox|[^/]*\.egg-info|\.eggs)(?:/|$)"
    r"|\.py[co]$|(?:^|/)(?:\.DS_Store|\.coverage|core\.\d+)$"
)


@dataclass(frozen=True, slots=True)
class NamedPaths:
    """The paths that a command names: as files, or as folders that hold others."""

    words: frozenset[str]

    @classmethod
    def of(cls, command: str) -> "NamedPaths":
        """Read them from the words of a command; ``git add .`` names everything."""
        words = (word.removeprefix(f"{REPO}/").rstrip("/") or word for word in _WORDS.findall(command))
        plain_words = {re.sub(r"^(?:\./)+", "", word) or "." for word in words}
        return cls(frozenset({".", *plain_words} if re.search(r"\bgit add (?:-A|--all)\b", command) else plain_words))

    def has(self, path: str) -> bool:
        """Whether this very file is named, from the top or from the folder that it lies in."""
        return any(f"/{path}".endswith(f"/{word}") for word in self.words)

    def above(self, path: str) -> bool:
        """Whether a folder is named that the file lies in."""
        return "." in self.words or any(f"{path.rstrip('/')}/".startswith(f"{word}/") for word in self.words)

    def leads_into(self, folder: str) -> bool:
        """Whether something in a folder, or all of it, is named."""
        return self.above(folder) or any(f"/{folder}/" in f"/{word}" for word in self.words)


def asked_for(beside: Iterable[LeftOut], named: NamedPaths, *, tests: bool) -> tuple[str, ...]:
    """Of what commands left in the workspace the paths that belong to the change. Pure.

    Args:
        beside: files that differ from what would be delivered.
        named: by the command that ran last.
        tests: it was a test run: what that writes is no change, unless it is named.
    """
    paths: list[str] = []
    for each in beside:
        ours = each.how in {"changed", "deleted"}
        below = not tests and each.how == "new" and named.above(each.path) and not _CACHES.search(each.path)
        if named.has(each.path) or below or (ours and not tests and not _CACHES.search(each.path)):
            paths.append(each.path)
    return tuple(paths)


async def take_command_edits(
    changes: ChangeRunner, state: ExecuteInput, work: Deliverable, attempt: Attempt
) -> tuple[Attempt, ExecuteUpdate | None]:
    """Take what the last command changed into the change; an update comes back where that waits for a signature."""
    turn, ran = attempt.turn, attempt.runs[-1] if attempt.runs else None
    if turn is None or ran is None or not ran.ok or not isinstance(turn.action, RunAction):
        return attempt, None
    command, output, before = turn.action.command, plain(ran), work.tree
    named = NamedPaths.of(command)
    tests = read_report(output) is not None or command.strip() == accept_of(state).strip()
    paths = asked_for(await work.beside(named.leads_into), named, tests=tests)
    if not paths:
        return attempt, None
    if len(paths) > MOST:
        return _told(attempt, f"The command changed {len(paths):,} files, which is too many: none was taken."), None
    taken, _ = await work.keep(paths)
    texts, masker = Texts(changes.store, state["run"]), await changes.masks(state["run"])
    patch = await changes.store.diff(state["run"], before, work.tree)
    patch = masker.text(await texts.diff(before, work.tree, patch))
    old, new = await texts.views(before, taken), await texts.views(work.tree, taken)
    there = set(await changes.store.files(state["run"], work.tree))
    gone = tuple(masker.text(path) for path in taken if path not in there)
    try:
        lines = [
            FileEdit(path=masker.text(path), search=went, replace=came)
            for path in taken
            if path in there
            for went, came in [_lines(masker.text(old.get(path, "")), masker.text(new.get(path, "")))]
        ]
        rated, risk = await changes.rated(
            state, work, attempt, CodeChange(files_to_update=tuple(lines), files_to_delete=gone)
        )
    except ValidationError:
        return _told(attempt, "The command changed more than an edit may: nothing of it was taken.", work, before), None
    if rated.refused:
        why = f"What the command changed was not taken into the change: {rated.refused} {rated.hint}".strip()
        return _told(attempt, why, work, before), None
    if risk is None:
        announce("change_applied", ", ".join(map(masker.text, taken)), files=[masker.text(path) for path in taken])
        attempt = _told(attempt, f"The command changed files, and that is part of the change now:\n{cut_output(patch)}")
        return replace(attempt, touched=tuple(masker.text(path) for path in taken)), None
    if any(path in there and (path not in new or old.get(path) == new[path]) for path in taken):
        why = "The command changed modes or binary files beside others, which needs a signature: nothing was taken."
        return _told(attempt, why, work, before), None
    # A person signs what the files will hold.
    whole = tuple(FileEdit(path=masker.text(path), content=masker.text(new[path])) for path in taken if path in there)
    waiting = _told(
        attempt, f"$ {command}\n{cut_output(output)}\n\nThe command changed files:\n{cut_output(patch)}", work, before
    )
    snapshot = await work.snapshot(label_of(state))
    waiting = replace(waiting, change=CodeChange(files_to_update=whole, files_to_delete=gone))
    pending = changes.pending(state, snapshot, work.workspace, waiting, risk)
    update: ExecuteUpdate = {"pending": pending, "attempts": (), "snapshot": snapshot, "verdict": None}
    return attempt, {**update, "spent": state["spent"]}


def _told(attempt: Attempt, words: str, work: Deliverable | None = None, tree: str = "") -> Attempt:
    """The attempt with what the coder is told; with a deliverable what was taken is put back."""
    if work is not None:
        work.put_back(tree)
    turn = attempt.turn
    assert turn is not None  # noqa: S101  the caller has seen to it
    return replace(attempt, turn=replace(turn, result=f"{turn.result}\n{words}".strip()[:60_000]))


def _lines(before: str, after: str) -> tuple[str, str]:
    """The lines that go and those that come: what an edit is rated by."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    pairs = matching(old, new)
    stay, same = {at for at, _ in pairs}, {at for _, at in pairs}
    went = "".join(line for at, line in enumerate(old) if at not in stay)
    return went, "".join(line for at, line in enumerate(new) if at not in same)
