"""Transcript of the coder's loop: what a turn is called, what is told of it, what is kept when it is cut. Pure."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from domain import CommandRun
from domain.coder import (
    AskAction,
    CoderTurn,
    DoneAction,
    EditAction,
    OpenAction,
    RunAction,
    SearchAction,
    UseAction,
)
from domain.progress import Attempt
from nodes._commands import ending, plain
from nodes._models import as_json

HEAD, TAIL = 5_000, 5_000
"""Characters of an output that are shown, from its start and from its end."""
FACTS = 40
"""So many are named when a conversation is compacted."""
_LINE = 300
_SECONDS = re.compile(r"\b\d{1,9}(?:\.\d{1,9})?[ ]?(?:s|ms|seconds?)\b")
_ASKS = ("eoferror", "eof when reading a line", "not a tty", "inappropriate ioctl", "[y/n]", "(y/n)", "(yes/no)")
"""Signs of a program that wanted an answer, at the end of what it printed."""


def cut_output(text: str) -> str:
    """The start and the end of a long output, and how much is missing between them."""
    if len(text) <= HEAD + TAIL:
        return text
    return f"{text[:HEAD]}\n… {len(text) - HEAD - TAIL:,} characters are left out here …\n{text[-TAIL:]}"


def wants_input(run: CommandRun) -> bool:
    """Tell whether a command that failed looks as if it had waited for somebody to type."""
    return not run.ok and any(sign in plain(run)[-1_000:].lower() for sign in _ASKS)


def subject_of(turn: CoderTurn) -> tuple[str, str]:
    """What kind of action a turn is, and what it is about: a path, a query, a command."""
    match turn.action:
        case OpenAction() as action:
            first, last = action.first or "", action.last or ""
            return "open", f"{action.path}:{first}-{last}" if first or last else action.path
        case SearchAction() as action:
            where = f" in {action.where}" if action.where else ""
            return "search", f"{action.query}{where}"
        case RunAction() as action:
            return "run", action.command
        case EditAction() as action:
            return "edit", ", ".join(dict.fromkeys(edit.path or "(the file that was shown)" for edit in action.edits))
        case DoneAction() as action:
            return "done", action.message.partition("\n")[0]
        case AskAction() as action:
            return "ask", action.question
        case UseAction() as action:
            return "use", f"{action.server}.{action.tool} {' '.join(action.arguments.split())}"
        case None:
            return "none", ""


def outcome_of(attempt: Attempt) -> str:
    """What came of a turn, in one line."""
    turn = attempt.turn
    assert turn is not None  # noqa: S101  the callers have seen to it
    kind, subject = subject_of(turn)
    line = " ".join(f"{kind} {subject}".split())[:_LINE]
    if attempt.refused or not turn.ok:
        why = " ".join((attempt.refused or turn.code).split())[:_LINE]
        return f"{line}: not done ({why})"
    if attempt.touched:
        return f"{line}: changed {', '.join(attempt.touched)}"[: 2 * _LINE]
    return f"{line}: {ending(attempt.runs[-1])}" if attempt.runs else line


def without_seconds(output: str) -> str:
    """An output without how long something took: the same test run is never as quick as the last time."""
    return _SECONDS.sub("", output)


def recorded(attempt: Attempt) -> CoderTurn:
    """The turn as a state remembers it: what it was and what came of it, without the texts that the transcript has."""
    turn = attempt.turn
    assert turn is not None  # noqa: S101  the callers have seen to it
    seen = without_seconds("\n".join(plain(run) for run in attempt.runs))
    digest = hashlib.sha256(
        "\0".join((as_json(turn.action) if turn.action else "", attempt.refused, turn.result, seen)).encode()
    ).hexdigest()[:16]
    action = turn.action
    if isinstance(action, EditAction):
        action = EditAction(edits=tuple(type(edit)(path=edit.path, delete=edit.delete) for edit in action.edits))
    return CoderTurn(
        step=turn.step,
        number=turn.number,
        action=action,
        thought=turn.thought[:_LINE],
        ok=turn.ok and not attempt.refused,
        code=attempt.code or turn.code,
        hint=turn.hint,
        call=turn.call,
        digest=digest,
        outcome=outcome_of(attempt),
    )


def key_facts(turns: Sequence[CoderTurn]) -> tuple[str, ...]:
    """What a compacted conversation says of the turns that are left out: what was changed first, then what was seen."""
    lines = {turn.outcome: turn for turn in turns if turn.outcome}
    changing, looking = list[str](), list[str]()
    for line, turn in lines.items():
        (changing if isinstance(turn.action, EditAction | DoneAction | UseAction) else looking).append(line)
    room = max(0, FACTS - len(changing))
    return (*changing[-FACTS:], *(looking[-room:] if room else ()))


def with_result(attempt: Attempt, result: str, *, ok: bool = True, code: str = "") -> Attempt:
    """The attempt with what its turn came to, in words for the coder."""
    turn = attempt.turn
    assert turn is not None  # noqa: S101  every attempt of the loop is a turn
    turn = replace(turn, result=result[:60_000], ok=ok and turn.ok, code=code or turn.code)
    return replace(attempt, turn=turn)
