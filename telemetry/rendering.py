"""Rendering of a run's span tree, for a terminal."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from rich.text import Text
from rich.tree import Tree

from telemetry.span_tree import SpanNode

_DETAILS = (
    "app.tier",
    "app.rules",
    "app.ballot.state",
    "app.status",
    "app.clean_checkout",
    "app.paused",
    "app.expert",
    "app.egress.verdict",
    "app.egress.target",
    "app.egress.reason",
    "gen_ai.response.finish_reasons",
    "app.route.reason",
)
_STYLES = {"ok": "", "error": "red", "open": "yellow"}
_TINY = Decimal("0.0001")


def render(branch: SpanNode) -> Tree:
    """Return the tree with one line a span: what, how long, tokens, cost, and what stands out."""
    tree = Tree(label(branch), guide_style="dim")
    _hang(tree, branch)
    return tree


def _hang(tree: Tree, branch: SpanNode) -> None:
    for child in branch.children:
        _hang(tree.add(label(child)), child)


def label(branch: SpanNode) -> Text:
    """Return the line of one span."""
    span = branch.span
    text = Text(span.name, style=_STYLES[span.state])
    text.append(f"  {duration(branch.duration_ms)}", style="cyan" if span.end_ns is not None else "yellow")
    if used := usage(branch):
        text.append(f"  {used}", style="green")
    text.append("".join(f"  {detail}" for detail in _details(span.attributes)), style="dim")
    if span.state == "error":
        why = str(span.attributes.get("error.type") or span.message or "error")
        text.append(f"  ✗ {why}", style="bold red")
    return text


def duration(ms: float | None) -> str:
    """Return a duration a person can compare: ``0.8 ms``, ``12 ms``, ``3.41 s``, ``2 min 05 s``, ``1 h 03 min``."""
    if ms is None:
        return "did not end"
    if ms < 10:  # noqa: PLR2004 below it the first decimal tells something
        return f"{ms:.1f} ms"
    if ms < 999.5:  # noqa: PLR2004 rounds to a second above
        return f"{ms:.0f} ms"
    seconds = ms / 1_000
    if seconds < 59.995:  # noqa: PLR2004 rounds to a minute above
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 minutes in an hour
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def usage(branch: SpanNode) -> str:
    """Return ``812→96 tokens · $0.0031``; empty when no model was asked."""
    totals = branch.totals
    parts: list[str] = []
    if totals.tokens_in or totals.tokens_out:
        parts.append(f"{totals.tokens_in:,}→{totals.tokens_out:,} tokens")
    if totals.cost:
        parts.append(f"${totals.cost:.4f}" if totals.cost >= _TINY else "<$0.0001")
    return " · ".join(parts)


def _details(attributes: Mapping[str, Any]) -> Iterator[str]:
    if (ended := attributes.get("app.command.ended")) is not None:
        yield f"exit {attributes.get('app.command.code')}" if ended == "exit" else str(ended)
    for key in _DETAILS:
        detail, name = attributes.get(key), key.rsplit(".", 1)[-1].replace("_", " ")
        if isinstance(detail, list | tuple):
            detail = ", ".join(map(str, detail))
        if detail is True:
            yield name
        elif detail not in {None, False, "", "stop"}:
            yield f"{name} {' '.join(str(detail).split())[:80]}"
