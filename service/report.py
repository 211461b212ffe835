"""Report of a run: what it came to, as JSON for programs and as a page for people."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from rich.console import Console, Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from approvals import visible
from domain import Ending, Spent
from domain.evidence import Proof
from domain.team import Team
from models.wrappers import RoutingDecision
from service.runs.runs import Run, RunState


def harmless(text: str) -> str:
    """What a model or a repository wrote, without power over a terminal; tabs stay tabs."""
    return "\t".join(visible(part) for part in text.split("\t"))


_ANY = TypeAdapter[Any](Any)
_COLOUR = {
    "delivered": "green",
    "nothing_to_do": "green",
    "interrupted": "yellow",
    "paused": "yellow",
    "paused_budget": "yellow",
}
EXIT = {"delivered": 0, "nothing_to_do": 0, "interrupted": 4, "rejected": 5, "cancelled": 6}


def exit_status(run: Run) -> int:
    """What ``signoff run`` and ``resume`` end with: how the run stands, else what its error says."""
    return EXIT.get(run.status, run.ending.exit_status if run.ending else 1)


def as_json(standing: RunState) -> dict[str, Any]:
    """Everything that is known, in stable keys (docs/cli.md lists them)."""
    run, values = standing.run, standing.values
    ending = run.ending or values.get("ending") or Ending(status="failed")
    delivered, chosen, snapshot = values.get("delivered"), values.get("choices", ()), values.get("snapshot")
    # While it waits, what an earlier stretch of work came to is not how it ends.
    decided = run.status not in {"interrupted", "running", "pending"}
    return {
        "run": run.id,
        "status": run.status,
        "code": ending.code if decided else "",
        "message": ending.message if decided else "",
        "hint": ending.hint if decided else "",
        "answer_markdown": ending.answer_markdown if decided else "",
        "task": plain(values.get("task", run.task)),
        "expert": values.get("expert"),
        "plan": plain(values.get("plan")),
        "changes": [plain(a.change) for a in values.get("attempts", ()) if not a.refused],
        "candidates": [
            {"step": each.step, "attempt": each.attempt, **plain(candidate)}
            for each in chosen
            for candidate in each.candidates
        ],
        "choices": [{k: v for k, v in plain(each).items() if k != "candidates"} for each in chosen],
        "review": plain(values.get("review")),
        "findings": [plain(f) for f in values.get("findings", ())],
        "proof": _proof(values.get("proof")),
        "risk": plain(values.get("risk")),
        "approval": {"ballot": values.get("ballot"), **(plain(values.get("verdict")) or {})},
        "waits_for": standing.ballot,
        "question": standing.question,
        "team": _team(values.get("team")),
        "turns": [plain(turn) for turn in values.get("turns", ())],
        "delivered": plain(delivered),
        "diff": values.get("diff", ""),
        "left_out": [plain(each) for each in snapshot.left_out] if snapshot else [],
        "readable_diff": values.get("readable", ""),
        "spent": plain(values.get("spent", Spent())),
        "forked_from": run.forked_from,
    }


def plain(value: object) -> Any:
    """A domain value as JSON types."""
    return TypeAdapter[Any](type(value)).dump_python(value, mode="json") if value is not None else None


def _team(team: Team | None) -> list[dict[str, Any]]:
    """Every worker and its branch, those of earlier plans first; empty: one coder did it."""
    if team is None:
        return []
    names = ("id", "step", "role", "status", "attempt", "base", "tree", "touched", "taken", "returns", "order", "note")
    return [{name: plain(getattr(each, name)) for name in names} for each in (*team.earlier, *team.workers)]


def _proof(proof: Proof | None) -> dict[str, Any] | None:
    if proof is None:
        return None
    report = proof.report
    return {
        "command": proof.command,
        "tree": proof.tree,
        "exit_code": proof.run.code if proof.run.ended == "exit" else None,
        "ended": proof.run.ended,
        "passed": report.passed if report else None,
        "failed": (report.failed + report.errors) if report else None,
        # Nothing else counts as a proof.
        "clean_checkout": True,
        "red_first": proof.red_first,
        "base": None
        if proof.base is None
        else {
            "with": proof.base_with,
            "exit_code": proof.base.code if proof.base.ended == "exit" else None,
            "ended": proof.base.ended,
            "counts": proof.base_report.summary if proof.base_report else None,
        },
        "fixed": list(proof.fixed),
        "still_failing": list(proof.still_failing),
    }


def show(standing: RunState, console: Console, *, diff: bool = True) -> None:
    """Print the last page of a run."""
    run, values = standing.run, standing.values
    ending = run.ending or values.get("ending")
    colour = _COLOUR.get(run.status, "red")
    if diff and values.get("diff") and run.status in {"delivered", "interrupted"}:
        console.print(diff_view(values.get("readable") or values["diff"]))
    parts: list[Any] = []
    if ending is not None and run.status != "interrupted":
        parts.append(
            Markdown(harmless(ending.answer_markdown)) if ending.answer_markdown else Text(harmless(ending.message))
        )
        if ending.hint and run.status != "delivered":
            parts.append(Text(f"→ {ending.hint}", style="dim"))
    if run.status == "interrupted" and standing.ballot:
        parts.append(Text(f"It waits for a signature. Read it:  signoff approvals show {standing.ballot[:8]}"))
        parts.append(Text(f"Then:  signoff approvals approve {standing.ballot[:8]}   and   signoff resume {run.id}"))
    if standing.question:
        parts.append(Text(f"The coder asks:  {harmless(standing.question)}"))
        parts.append(Text(f"Answer it:  signoff answer {run.id} TEXT"))
    title = f"run {run.id}: {run.status.replace('_', ' ')}" + (f" [{ending.code}]" if ending and ending.code else "")
    console.print(Panel(Group(*parts), title=Text(title), title_align="left", border_style=colour))


def asked(decisions: Sequence[RoutingDecision], console: Console) -> None:
    """Print who was asked, why, and what came of it."""
    for each in decisions:
        line = Text(f"{each.role:<9}", style="bold blue")
        line.append(f"{each.choice}: {each.outcome}, {each.tokens_in:,}→{each.tokens_out:,} tokens, {each.cost:f}")
        line.append(f"  {each.reason}", style="dim")
        console.print(line, soft_wrap=True)


def diff_view(diff: str) -> Syntax:
    """A diff in the terminal's own colours; object ids are shortened as git does."""
    # Full ids are there for ``git apply``; a reader needs ten characters.
    short = re.sub(r"^(index [0-9a-f]{10})[0-9a-f]*\.\.([0-9a-f]{10})[0-9a-f]*", r"\1..\2", diff, flags=re.MULTILINE)
    return Syntax(harmless(short.rstrip("\n")), "diff", theme="ansi_dark", background_color="default", word_wrap=True)
