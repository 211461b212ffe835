"""Statements as lines: their range, their indentation."""

from __future__ import annotations

import ast

from .source import Code


def whole(code: Code, statement: ast.stmt) -> tuple[int, int, str] | None:
    """Range of a statement's own lines, and its indentation; None when it shares a line."""
    start, end = code.span(statement)
    first = code.line_start(start)
    indent = code.text[first:start]
    last = code.line_end(end)
    rest = code.text[end:last].strip()
    if indent.strip() or (rest and not rest.startswith("#")):
        return None
    return first, last, indent


def reindented(text: str, old: str, new: str) -> str:
    """Move a block of lines from one indentation to another."""
    lines = text.splitlines(keepends=True)
    return "".join(new + line[len(old) :] if line.startswith(old) else line for line in lines)


def docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def body_of(code: Code, block: list[ast.stmt]) -> tuple[str, str] | None:
    first, last = whole(code, block[0]), whole(code, block[-1])
    return (code.text[first[0] : last[1]], first[2]) if first and last else None
