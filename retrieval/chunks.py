"""A file in pieces a reader can use: one a function, the head of a class, what lies between.

tree-sitter finds the definitions where it has a grammar; every other text is cut at blank lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from tree_sitter import Node

from retrieval.grammars import Grammar, grammar_for
from retrieval.windows import windows

SMALL_CLASS = 40
"""Lines up to which a class is one chunk."""
MAX_LINES = 120
"""Lines up to which a function is one chunk."""
MAX_DEPTH = 12
_NAME_FIELDS = ("name", "type", "left", "key")
_ATTACHED = ("#", "//", "/*", "*", "@", "--", '"""')


@dataclass(frozen=True, slots=True)
class Chunk:
    """Lines ``start_line`` to ``end_line`` (from 1, inclusive) of a file."""

    path: str
    start_line: int
    end_line: int
    text: str
    name: str = ""
    """Qualified name of the definition: ``Stock.reserve``; empty between definitions."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Rows ``first`` to ``last`` (from 0, inclusive) of a definition."""

    first: int
    last: int
    name: str
    whole: bool


def chunk(path: str, text: str) -> tuple[Chunk, ...]:
    """Cut ``text`` into chunks, in order: every line that is not blank is in exactly one."""
    lines = text.split("\n")
    grammar = grammar_for(path)
    root = None if grammar is None else grammar.parse(text.encode(errors="replace"))
    spans = () if grammar is None or root is None else tuple(_spans(root, grammar, "", 0))
    made: list[Chunk] = []
    for start, stop, span in _segments(lines, spans):
        for first, after in windows(lines, start, stop, limit=MAX_LINES if span and span.whole else MAX_LINES // 2):
            name = span.name if span else ""
            made.append(Chunk(path, first + 1, after, "\n".join(lines[first:after]), name))
    return tuple(made)


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
        ends_before = end.column == 0 and end.row > start.row
        first, last = start.row, end.row - 1 if ends_before else end.row
        name = _qualified(prefix, _name(child, inner))
        whole = inner.type in grammar.leaves or last - first < SMALL_CLASS
        yield _Span(first, last, name, whole)
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


def _name(outer: Node, inner: Node) -> str:
    """The name of a definition, from itself or from what it is assigned to."""
    for node in (inner, *_wrapping(outer, inner)):
        for name in _NAME_FIELDS:
            if (found := node.child_by_field_name(name)) is not None and found.text is not None:
                return _receiver(inner) + found.text.decode(errors="replace").split("\n", 1)[0][:100]
    spec = next((c for c in inner.named_children if c.type == "type_spec"), None)
    held = spec.child_by_field_name("name") if spec else None
    return held.text.decode(errors="replace") if held is not None and held.text else ""


def _wrapping(outer: Node, inner: Node) -> Iterator[Node]:
    node = inner.parent
    while node is not None and node.start_byte >= outer.start_byte and node.end_byte <= outer.end_byte:
        yield node
        if node == outer:
            return
        node = node.parent


def _receiver(node: Node) -> str:
    """``T.`` for a Go method of ``T`` or ``*T``."""
    held = node.child_by_field_name("receiver")
    if held is None or held.text is None:
        return ""
    last = held.text.decode(errors="replace").strip("() ").rsplit(" ", 1)[-1].lstrip("*").split("[", 1)[0]
    return f"{last}." if last else ""


def _qualified(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else name or prefix
