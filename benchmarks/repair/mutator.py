"""Single edits that break a source file, as a tired person would. Pure, and independent of the engine's templates."""

import ast
from collections.abc import Iterator

from benchmarks.repair import wider
from benchmarks.repair.mutation import Mutation

_COMPARE = {
    ast.Lt: ("<", ("<=", ">")),
    ast.LtE: ("<=", ("<", ">=")),
    ast.Gt: (">", (">=", "<")),
    ast.GtE: (">=", (">", "<=")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
_BINARY = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}


class Mutator:
    """All single-edit mutations of one file."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self._starts = [0]
        for line in source.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._lines = source.split("\n")

    def all(self) -> Iterator[Mutation]:
        """Inside functions only; docstrings, annotations and f-strings are left alone."""
        for function in ast.walk(self.tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for statement in function.body:
                    yield from self._walk(statement)

    def wide(self) -> Iterator[Mutation]:
        """The same and more: names, attributes, exceptions, defaults, slices, calls and whole statements."""
        yield from self.all()
        yield from wider.mutations(self.tree, self._text, self._put)

    def _walk(self, node: ast.AST) -> Iterator[Mutation]:  # noqa: C901, PLR0912 - one case for each kind of slip
        if isinstance(node, ast.JoinedStr | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.AnnAssign):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return
        match node:
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sign, others = _COMPARE[type(op)]
                for other in others:
                    yield from self._between("comparison", left, right, sign, other)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                yield from self._between("arithmetic", left, right, *_BINARY[type(op)])
            case ast.BoolOp(op=op, values=[left, right, *_]):
                sign, other = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                yield from self._between("boolean", left, right, sign, other)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield self._put("negation", node, self._text(operand))
            case ast.Constant(value=bool() as value):
                yield self._put("constant", node, str(not value))
            case ast.Constant(value=int() as value):
                yield self._put("constant", node, str(value + 1))
                yield self._put("constant", node, str(value - 1))
            case ast.If(test=test) | ast.While(test=test) if not isinstance(test, ast.UnaryOp):
                yield self._put("condition", test, f"not ({self._text(test)})")
            case ast.Call(args=[first, second, *_]) if not isinstance(first, ast.Starred):
                if not isinstance(second, ast.Starred):
                    a, b = self._span(first), self._span(second)
                    between = self.source[a[1] : b[0]]
                    yield self._edit("arguments", node, (a[0], b[1]), self._text(second) + between + self._text(first))
            case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
                yield self._put("return", value, "None")
            case ast.Break():
                yield self._put("jump", node, "continue")
            case ast.Continue():
                yield self._put("jump", node, "break")
            case ast.AugAssign(op=ast.Add(), target=target, value=value):
                yield from self._between("arithmetic", target, value, "+=", "-=")
            case ast.Expr(value=ast.Call()):
                yield self._put("statement", node, "pass")
            case _:
                pass
        for child in ast.iter_child_nodes(node):
            yield from self._walk(child)

    def _between(self, kind: str, left: ast.AST, right: ast.AST, sign: str, other: str) -> Iterator[Mutation]:
        start, end = self._span(left)[1], self._span(right)[0]
        at = self.source.find(sign, start, end)
        if at >= 0:
            yield self._edit(kind, left, (at, at + len(sign)), other)

    def _put(self, kind: str, node: ast.AST, text: str) -> Mutation:
        return self._edit(kind, node, self._span(node), text)

    def _edit(self, kind: str, node: ast.AST, span: tuple[int, int], text: str) -> Mutation:
        return Mutation(kind=kind, line=getattr(node, "lineno", 0), start=span[0], end=span[1], text=text)

    def _text(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self.source[start:end]

    def _span(self, node: ast.AST) -> tuple[int, int]:
        where = [getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")]
        return self._offset(where[0], where[1]), self._offset(where[2], where[3])

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode(errors="ignore"))
