"""Span tree: the spans of a run, each below its parent, with what they took. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from pydantic import Field

from domain import value

State = Literal["ok", "error", "open"]


@value
class Totals:
    """What a span and everything below it used."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    model_calls: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            cost=self.cost + other.cost,
            model_calls=self.model_calls + other.model_calls,
        )


@value
class Span:
    """One span, as the file tells it."""

    id: str
    trace: str = ""
    parent: str | None = None
    name: str
    start_ns: int = 0
    """Nanoseconds since the epoch."""
    end_ns: int | None = None
    """None: it began and was never seen to end."""
    state: State = "open"
    message: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict)


@value
class SpanNode:
    """A span, what hangs from it in the order of time, and the totals of both."""

    span: Span
    children: tuple["SpanNode", ...] = ()
    totals: Totals = Field(default_factory=Totals)

    @property
    def duration_ms(self) -> float | None:
        """Milliseconds from start to end; None while open.

        The root of a run ends at once, so it lasts as long as what hangs from it.
        """
        if self.span.end_ns is None:
            return None
        if self.span.name.startswith("invoke_workflow") and self.children:
            return sum(child.duration_ms or 0.0 for child in self.children)
        return max(0, self.span.end_ns - self.span.start_ns) / 1e6

    def walk(self) -> Iterable["SpanNode"]:
        """Yield this node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def to_json(self) -> dict[str, Any]:
        """As JSON: the same names as in the file, plus ``duration_ms``, the totals and ``children``."""
        return {
            "span": self.span.id,
            "trace": self.span.trace,
            "name": self.span.name,
            "start_ns": self.span.start_ns,
            "duration_ms": None if self.duration_ms is None else round(self.duration_ms, 3),
            "state": self.span.state,
            "message": self.span.message,
            "tokens_in": self.totals.tokens_in,
            "tokens_out": self.totals.tokens_out,
            "cost": str(self.totals.cost),
            "model_calls": self.totals.model_calls,
            "attributes": self.span.attributes,
            "children": [child.to_json() for child in self.children],
        }


def spans_of(records: Iterable[Mapping[str, Any]]) -> tuple[Span, ...]:
    """Return the spans that the lines of a file tell of, in the order of their start.

    A line that makes no sense is passed over: a trace is for reading, also when a part of it is lost.
    """
    spans: dict[str, Span] = {}
    for record in records:
        span = _span(record)
        # Two processes write: a start may stand behind its end, and opens nothing again.
        if span is not None and (span.state != "open" or span.id not in spans):
            spans[span.id] = span
    return tuple(sorted(spans.values(), key=lambda span: (span.start_ns, span.id)))


def build_tree(run: str, spans: Iterable[Span]) -> SpanNode:
    """Return the tree of a run: every span once.

    What hangs from a span that is not there (its process was killed, it lies in another service)
    hangs from the run itself.
    """
    ordered = sorted(spans, key=lambda span: (span.start_ns, span.id))
    known = {span.id: span for span in ordered}
    tops = [span for span in ordered if _is_top(span, known)]
    below: dict[str, list[Span]] = {}
    for span in ordered:
        if span.parent is not None and not _is_top(span, known):
            below.setdefault(span.parent, []).append(span)
    nodes = tuple(_node(span, below) for span in tops)
    workflows = [node for node in nodes if node.span.name.startswith("invoke_workflow")]
    if len(nodes) == 1:
        return nodes[0]
    if workflows:
        root = workflows[0].span
    else:
        # The process was killed before the run's own span was written: one is made up, as long as nothing.
        first = ordered[0] if ordered else Span(id="", name="")
        root = Span(
            id="",
            trace=first.trace,
            name="invoke_workflow coding_run",
            start_ns=first.start_ns,
            end_ns=first.start_ns,
            state="ok",
            attributes={"app.run.id": run},
        )
    children = [child for node in nodes for child in (node.children if node.span.id == root.id else (node,))]
    children.sort(key=lambda node: (node.span.start_ns, node.span.id))
    return SpanNode(span=root, children=tuple(children), totals=_total(root, children))


def _is_top(span: Span, known: Mapping[str, Span]) -> bool:
    """True when there is no span above, or the way up leads in a circle that starts here."""
    seen = {span.id}
    above = span.parent
    while above is not None and above in known:
        if above in seen:
            # Exactly one of a circle is its top, whichever of them is asked.
            return above == span.id and span.id == min(seen)
        seen.add(above)
        above = known[above].parent
    return span.parent not in known


def _node(span: Span, below: Mapping[str, list[Span]]) -> SpanNode:
    children = tuple(_node(child, below) for child in below.get(span.id, ()))
    return SpanNode(span=span, children=children, totals=_total(span, children))


def _total(span: Span, children: Iterable[SpanNode]) -> Totals:
    """Usage is counted where a model was called; a node's own count stands in where no such span is below."""

    def first(*keys: str) -> Any:
        return next((span.attributes[key] for key in keys if key in span.attributes), 0)

    calls = first("app.model_calls", "app.model.calls") or (1 if span.name.startswith("chat") else 0)
    own = Totals(
        tokens_in=_whole(first("gen_ai.usage.input_tokens", "app.tokens_in")),
        tokens_out=_whole(first("gen_ai.usage.output_tokens", "app.tokens_out")),
        cost=_money(first("app.cost", "gen_ai.usage.cost")),
        model_calls=_whole(calls),
    )
    below = sum((child.totals for child in children), Totals())
    return own if below == Totals() or span.name.startswith("chat") else below


def _span(record: Mapping[str, Any]) -> Span | None:
    name, id_ = record.get("name"), record.get("span")
    if not isinstance(name, str) or not isinstance(id_, str) or not id_:
        return None
    end, attributes, parent = record.get("end_ns"), record.get("attributes"), record.get("parent")
    ended = record.get("at") == "end" and isinstance(end, int)
    # A node that paused left by an exception, which is how langgraph waits: nothing went wrong.
    paused = isinstance(attributes, Mapping) and attributes.get("app.paused") is True
    state = "open" if not ended else "error" if record.get("status") == "error" and not paused else "ok"
    return Span(
        id=id_,
        trace=str(record.get("trace", "")),
        parent=parent if isinstance(parent, str) else None,
        name=name,
        start_ns=_whole(record.get("start_ns")),
        end_ns=end if ended else None,
        state=state,
        message=str(record.get("message", "")),
        attributes=dict(attributes) if isinstance(attributes, Mapping) else {},
    )


def _whole(raw: Any) -> int:
    return max(0, int(raw)) if isinstance(raw, int | float) and abs(raw) < 2**63 else 0


def _money(raw: Any) -> Decimal:
    try:
        amount = Decimal(str(raw))
    except InvalidOperation:
        return Decimal(0)
    return amount if amount.is_finite() and amount > 0 else Decimal(0)
