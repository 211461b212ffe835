"""Chunks: a file in pieces a reader can use, one a function, the head of a class, what lies between. Pure.

tree-sitter finds the definitions where it has a grammar; every other text is cut at blank lines.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tree_sitter import Node

from retrieval.grammars import Grammar, grammar_for

SMALL_CLASS = 40
"""Lines up to which a class is one chunk."""
MAX_LINES = 120
"""Lines up to which a function is one chunk; other text has half as many."""
MAX_DEPTH = 12
_NAME_FIELDS = ("name", "type", "left", "key")
_FUNCTIONS = ("function", "method", "macro")
"""What the grammars' names of functions have in common."""
_ATTACHED = ("#", "//", "/*", "*", "@", "--", '"""')


def windows(lines: Sequence[str], start: int, stop: int, *, limit: int = MAX_LINES // 2) -> Iterator[tuple[int, int]]:
    """Yield (first, after last) of pieces of ``lines[start:stop]``, blank lines at their edges left out.

    No piece is longer than ``limit`` lines; a piece ends at the last blank line of its second half
    if there is one. Every line that is not blank is in exactly one piece.
    """
    while start < stop:
        if not lines[start].strip():
            start += 1
            continue
        end = min(start + limit, stop)
        if end < stop:
            middle = start + limit // 2
            end = next((i for i in range(end, middle, -1) if not lines[i - 1].strip()), end)
        last = end
        while not lines[last - 1].strip():
            last -= 1
        yield start, last
        start = end


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines ``start_line`` to ``end_line`` (from 1, inclusive) of a file."""

    path: str
    start_line: int
    end_line: int
    text: str
    name: str = ""
    """Qualified name of the definition: ``Stock.reserve``; empty between definitions."""
    function: bool = False
    """It is a function or method, from its first line on."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Rows ``first`` to ``last`` (from 0, inclusive) of a definition."""

    first: int
    last: int
    name: str
    whole: bool
    function: bool


def chunk(path: str, text: str) -> tuple[Chunk, ...]:
    """Cut ``text`` into chunks, in order: every line that is not blank is in exactly one."""
    lines = text.split("\n")
    grammar = grammar_for(path)
    root = None if grammar is None else grammar.parse(text.encode(errors="replace"))
    spans = () if grammar is None or root is None else tuple(_spans(root, grammar, "", 0))
    chunks: list[Chunk] = []
    begun: set[int] = set()
    for start, stop, span in _segments(lines, spans):
        for first, after in windows(lines, start, stop, limit=MAX_LINES if span and span.whole else MAX_LINES // 2):
            name, function = (span.name, span.function and span.first not in begun) if span else ("", False)
            if span:
                begun.add(span.first)
            chunks.append(Chunk(path, first + 1, after, "\n".join(lines[first:after]), name, function))
    return tuple(chunks)


def _segments(lines: list[str], spans: tuple[_Span, ...]) -> Iterator[tuple[int, int, _Span | None]]:
    """Yield runs of rows that belong to the same innermost definition."""
    owner: list[_Span | None] = [None] * len(lines)
    for span in spans:
        first = span.first
        # A comment or an attribute above a definition belongs to it.
        while (
            span.whole and first > 0 and owner[first - 1] is not span and lines[first - 1].strip().startswith(_ATTACHED)
        ):
            if (above := owner[first - 1]) is not None and above.whole:
                break
            first -= 1
        owner[first : span.last + 1] = [span] * (min(span.last + 1, len(lines)) - first)
    row = 0
    for span, rows in groupby(owner, key=id):
        length = sum(1 for _ in rows)
        yield row, row + length, owner[row] if span else None
        row += length


def _spans(node: Node, grammar: Grammar, prefix: str, depth: int) -> Iterator[_Span]:
    """Yield definitions below ``node``, outer ones before what they hold."""
    if depth > MAX_DEPTH:
        return
    for child in node.named_children:
        inner = _definition(child, grammar)
        if inner is None:
            if child.type in grammar.wrappers:
                yield from _spans(child, grammar, prefix, depth + 1)
            continue
        start, end = child.start_point, child.end_point
        # tree-sitter may end a node at the start of the next line, which is no part of it.
        ends_before = end.column == 0 and end.row > start.row
        first, last = start.row, end.row - 1 if ends_before else end.row
        own = name_of(child, inner)
        name = f"{prefix}.{own}" if prefix and own else own or prefix
        whole = inner.type in grammar.leaves or last - first < SMALL_CLASS
        yield _Span(first, last, name, whole, any(kind in inner.type for kind in _FUNCTIONS))
        if not whole:
            yield from _spans(inner.child_by_field_name("body") or inner, grammar, name, depth + 1)


def _definition(node: Node, grammar: Grammar) -> Node | None:
    """Return the one definition that ``node`` is, or is only a wrapper around; None otherwise."""
    for _ in range(4):
        if node.type in grammar.leaves or node.type in grammar.containers:
            return node
        if node.type not in grammar.wrappers:
            return None
        held = [c for c in node.named_children if c.type in grammar.leaves | grammar.containers | grammar.wrappers]
        if len(held) != 1:
            return None
        node = held[0]
    return None


def name_of(outer: Node, inner: Node) -> str:
    """The name of a definition, from itself or from what it is assigned to."""
    # A Go method of ``T`` or ``*T`` is ``T.method``.
    receiver = inner.child_by_field_name("receiver")
    owner = (receiver.text or b"").decode(errors="replace").strip("() ") if receiver is not None else ""
    owner = owner.rsplit(" ", 1)[-1].lstrip("*").split("[", 1)[0]
    node: Node | None = inner
    while node is not None and node.start_byte >= outer.start_byte and node.end_byte <= outer.end_byte:
        for name in _NAME_FIELDS:
            if (field := node.child_by_field_name(name)) is not None and field.text is not None:
                plain = field.text.decode(errors="replace").split("\n", 1)[0][:100]
                return f"{owner}.{plain}" if owner else plain
        node = node.parent if node != outer else None
    spec = next((c for c in inner.named_children if c.type == "type_spec"), None)
    held = spec.child_by_field_name("name") if spec else None
    return held.text.decode(errors="replace") if held is not None and held.text else ""
