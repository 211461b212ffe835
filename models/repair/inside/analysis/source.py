"""Source files: text, syntax tree and parents of one, and the way from positions in the tree to offsets in the text."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple, Union

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]  # noqa: UP007 - Python 3.9
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
BLOCKS = ("body", "orelse", "finalbody")


class Fragment(NamedTuple):
    """A part of a file that can be compiled alone."""

    start: int
    end: int
    line: int
    """Of its first character."""
    heads: list[str]
    """Heads of the classes that it stands in, to be put on the lines before."""


class Code:
    """A parsed file. Offsets count characters of ``text``."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        self.tree = ast.parse(text)
        self._lines = tokenizer_lines(text)
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._blocks: dict[int, list[tuple[int, int, ast.stmt]]] = {}
        self._leaves: dict[ast.AST, int] = {}
        self.parents: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node

    def offset(self, line: int, column: int) -> int:
        """Text offset of a tree position (line from 1, column in UTF-8 bytes)."""
        text = self._lines[line - 1]
        # Nearly all lines are ASCII: to encode each would be most of the time that offsets take.
        if not text.isascii():
            column = len(text.encode()[:column].decode(errors="ignore"))
        return self._starts[line - 1] + column

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Start and end offset of a node; decorators belong to their function."""
        placed: Any = node
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        first: Any = decorators[0] if decorators else node
        start = self.offset(first.lineno, first.col_offset)
        if decorators:
            start = self.text.rindex("@", 0, start)  # the tree's position is that of the name behind it
        return start, self.offset(placed.end_lineno, placed.end_col_offset)

    def of(self, node: ast.AST) -> str:
        """The text of a node as it stands."""
        start, end = self.span(node)
        return self.text[start:end]

    def line_start(self, offset: int) -> int:
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Offset just behind the newline of the line that holds ``offset``."""
        end = self.text.find("\n", offset)
        return len(self.text) if end < 0 else end + 1

    def indent(self, node: ast.AST) -> str:
        start, _ = self.span(node)
        return self.text[self.line_start(start) : start]

    def leaves(self, table: ast.AST) -> int:
        """How many constants and names stand in a display."""
        if table not in self._leaves:
            self._leaves[table] = sum(isinstance(node, (ast.Constant, ast.Name)) for node in ast.walk(table))
        return self._leaves[table]

    def up(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, innermost first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def function(self, node: ast.AST) -> Function | None:
        """The innermost function around a node (a function's own decorators and defaults are outside)."""
        inner = node
        for outer in self.up(node):
            if isinstance(outer, FUNCTIONS) and inner in outer.body:
                return outer
            inner = outer
        return None

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that holds an expression."""
        while not isinstance(node, ast.stmt):
            node = self.parents[node]
        return node

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The list of statements that this one stands in."""
        parent = self.parents[statement]
        for name in (*BLOCKS, "handlers"):
            block = getattr(parent, name, None)
            if isinstance(block, list) and statement in block:
                return block
        return [statement]

    def piece(self, start: int, end: int) -> Fragment:
        """The run of whole statements that covers a range, as few as can be compiled without the rest of the file."""
        block: list[ast.stmt] = self.tree.body
        first, last = 0, len(self.text)
        heads: list[str] = []
        while True:
            inner: ast.ClassDef | None = None
            for a, b, statement in self._runs(block):
                if b < start:  # what is put right behind a function may belong to it
                    first = b
                elif a >= end and a < last:
                    last = a
                if isinstance(statement, ast.ClassDef) and self._holds(statement, start, end):
                    inner = statement
            if inner is None:
                return Fragment(first, last, self.text.count("\n", 0, first) + 1, heads)
            heads.append(f"{' ' * inner.col_offset}class {inner.name}:")
            block = inner.body
            first, last = self._runs(block)[0][0], self._runs(block)[-1][1]

    def _holds(self, around: ast.ClassDef, start: int, end: int) -> bool:
        runs = self._runs(around.body)
        return around.body[0].lineno > around.lineno and runs[0][0] <= start and start < runs[-1][1] > end - 1

    def _runs(self, block: list[ast.stmt]) -> list[tuple[int, int, ast.stmt]]:
        """Whole lines of each statement of a block."""
        key = id(block)
        if key not in self._blocks:
            spans = [(*self.span(statement), statement) for statement in block]
            self._blocks[key] = [(self.line_start(a), self.line_end(b), statement) for a, b, statement in spans]
        return self._blocks[key]

    @property
    def future(self) -> bool:
        """Whether annotations are not evaluated."""
        return "from __future__ import annotations" in self.text


def tokenizer_lines(text: str) -> list[str]:
    """Lines with their ends, as Python's tokenizer counts them (form feeds do not end a line)."""
    lines: list[str] = []
    start = 0
    for at, char in enumerate(text):
        if char == "\n" or (char == "\r" and text[at + 1 : at + 2] != "\n"):
            lines.append(text[start : at + 1])
            start = at + 1
    lines.append(text[start:])
    return lines
