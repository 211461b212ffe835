"""Progress of a run at the terminal: one quiet line a fact, with colours there, without in a log."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape

from domain import Event
from models import PartialChanges, line_of
from service.report import harmless

TIERS = {"low": "green", "medium": "cyan", "high": "yellow", "critical": "bold red"}


@dataclass(slots=True)
class Progress:
    """Listens to a run and prints to ``console`` (standard error, so that output can be piped)."""

    console: Console
    verbose: bool = False
    _node: str = field(default="", init=False)
    _written: PartialChanges = field(default_factory=PartialChanges, init=False)
    _lines: dict[str, str] = field(default_factory=dict[str, str], init=False)
    """What was written of a line that is not full yet, by candidate."""

    def __call__(self, event: Event) -> None:
        """Print what is worth a line."""
        if event.kind == "node_started":
            self._node = event.node
            return
        if event.kind == "text":
            # Name each file that is begun; with `verbose` show what is written there, line by line.
            lane, who = str(event.data.get("id", "")), escape(str(event.data.get("provider", "")))
            for kind, text in self._written.read(event.message, event.data):
                if kind == "path":
                    self._rest(lane)
                    self._print(f"[dim]{who} writes[/] {escape(text[:300])}")
                elif self.verbose:
                    *full, rest = (self._lines.get(lane, "") + line_of((kind, text))).split("\n")
                    self._lines[lane] = rest
                    for each in full:
                        self._print(f"[dim]{escape(each[:400])}[/]" if each.strip() else "")
            return
        line = LINES.get(event.kind)
        if line is not None:
            self._rest()
            shown = line(event.message, event.data)
            worker = escape(str(event.data.get("worker", "")))
            self._print(f"[magenta]{worker}[/] {shown}" if worker and shown else shown)

    def _print(self, text: str) -> None:
        if text:
            shown = f"[bold blue]{self._node:>8}[/]  {harmless(text)}"
            # In a pipe a line stays a line: what reads the log counts on it.
            self.console.print(shown, highlight=False, soft_wrap=True)

    def _rest(self, *lanes: str) -> None:
        """Show lines that will not become full any more."""
        for lane in lanes or tuple(self._lines):
            rest = self._lines.pop(lane, "")
            self._print(f"[dim]{escape(rest[:400])}[/]" if rest.strip() else "")


def started_line(message: str, data: dict[str, Any]) -> str:
    dirty = "  [yellow](uncommitted changes are not part of it)[/]" if data.get("dirty") else ""
    first = escape(message.splitlines()[0][:100]) if message else ""
    base = str(data.get("base", ""))[:10]
    proof = escape(str(data.get("accept")))
    return f"{first}\n          from {base}{dirty}, proved by [b]{proof}[/], as {data.get('expert')}"


def plan_lines(_: str, data: dict[str, Any]) -> str:
    steps = [str(step) for step in data.get("steps", [])]
    lines = "".join(f"\n          {n}. {escape(step)}" for n, step in enumerate(steps, 1))
    return f"{len(steps)} step{'s' if len(steps) != 1 else ''}{lines}"


def command_line(message: str, data: dict[str, Any]) -> str:
    where = " [dim](clean checkout)[/]" if data.get("clean_checkout") else ""
    return f"[dim]$[/] {escape(message)}{where}"


def ended_line(message: str, data: dict[str, Any]) -> str:
    colour = "green" if data.get("ok") else "red"
    counts = f" · {escape(str(data['counts']))}" if data.get("counts") else ""
    return f"  [{colour}]{escape(message)}{counts}[/] [dim]{float(data.get('ms', 0)) / 1_000:.1f} s[/]"


def tool_line(message: str, data: dict[str, Any]) -> str:
    return f"uses {escape(message)} [dim]{escape(' '.join(str(data.get('arguments', '')).split())[:200])}[/]"


def answer_line(message: str, data: dict[str, Any]) -> str:
    colour = "green" if data.get("ok") else "red"
    return f"  [{colour}]{escape(message)}[/] [dim]{float(data.get('ms', 0)) / 1_000:.1f} s[/]"


def proposal_line(message: str, data: dict[str, Any]) -> str:
    tried = int(data.get("tried", 1))
    after = f" after {tried} candidates" if tried > 1 else ""
    return f"[b]{escape(str(data.get('provider')))}[/] proposes a change{after}: {escape(message[:300])}"


def applied_line(message: str, _: dict[str, Any]) -> str:
    return f"changed {escape(message)}" if message else ""


def risk_line(message: str, data: dict[str, Any]) -> str:
    reasons = "; ".join(str(reason) for reason in data.get("reasons", []))
    return f"risk [{TIERS.get(message, 'white')}]{message.upper()}[/] [dim]{escape(reasons[:400])}[/]"


def ballot_line(message: str, data: dict[str, Any]) -> str:
    if not data.get("waiting"):
        return ""
    return f"needs a signature: ballot [b]{escape(message)}[/]"


def decision_line(message: str, data: dict[str, Any]) -> str:
    who = ", ".join(str(v) for v in data.get("voters", [])) or "nobody"
    return f"{escape(message)} by {escape(who)}"


def delivery_line(message: str, data: dict[str, Any]) -> str:
    commit = str(data.get("commit") or "")[:12]
    return f"[green]delivered[/] {escape(message)} {commit}"


def candidate_line(message: str, data: dict[str, Any]) -> str:
    verdict = "[green]passes[/]" if data.get("passed") else "[red]fails[/]"
    return f"candidate of {escape(message)} {verdict}"


def turn_line(_: str, data: dict[str, Any]) -> str:
    mark = "" if data.get("ok") else f" [yellow]{escape(str(data.get('code') or 'not done'))}[/]"
    subject = " ".join(str(data.get("subject", "")).split())[:160]
    return f"[dim]{data.get('number')}.[/] {escape(str(data.get('action')))} {escape(subject)}{mark}"


def question_line(message: str, _: dict[str, Any]) -> str:
    return f"[yellow]asks:[/] {escape(message[:2_000])}"


def model_line(message: str, data: dict[str, Any]) -> str:
    tokens = f"{data.get('tokens_in', 0)} → {data.get('tokens_out', 0)} tokens"
    return f"[dim]asked {escape(message)}: {tokens}, {float(data.get('latency_ms', 0)) / 1_000:.1f} s[/]"


def review_lines(message: str, data: dict[str, Any]) -> str:
    issues = "".join(f"\n          - {escape(str(i)[:300])}" for i in data.get("issues", []))
    return f"review: {'[green]ok[/]' if message == 'ok' else '[yellow]changes requested[/]'}{issues}"


def note_line(message: str, _: dict[str, Any]) -> str:
    return f"[dim]{escape(message.strip()[:400])}[/]" if message.strip() else ""


LINES: dict[str, Callable[[str, dict[str, Any]], str]] = {
    "run_started": started_line,
    "plan_made": plan_lines,
    "replanned": plan_lines,
    "command_started": command_line,
    "command_ended": ended_line,
    "tool_called": tool_line,
    "tool_answered": answer_line,
    "change_proposed": proposal_line,
    "change_applied": applied_line,
    "candidate_tried": candidate_line,
    "coder_turn": turn_line,
    "question_asked": question_line,
    "risk_rated": risk_line,
    "reviewed": review_lines,
    "ballot_opened": ballot_line,
    "ballot_decided": decision_line,
    "delivered": delivery_line,
    "model_called": model_line,
    "note": note_line,
}
