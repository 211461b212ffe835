"""What names seem to hold, from how a function uses them: numbers, sequences, what grows, what is called."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from .facts import call_name, number
from .source import Code

_SEQUENCE_CALLS = frozenset(("list", "sorted", "deque", "set", "tuple", "reversed", "range", "split", "copy"))
_INT_CALLS = frozenset(("len", "int", "sum", "ord", "abs", "round"))
_GROWERS = frozenset(("append", "add", "appendleft", "push", "extend", "insert", "put", "update", "discard", "remove"))


class Held:
    """Texts of names and attributes, by what they seem to hold."""

    def __init__(self, code: Code, nodes: Sequence[ast.AST], functions: Iterable[str]) -> None:
        self.code = code
        self.ints: set[str] = set()
        self.sequences: set[str] = set()
        self.growing: set[str] = set()
        self.callables: set[str] = set(functions)
        for _ in range(2):  # what a name holds may follow from a later line
            for node in nodes:
                self._infer(node)

    def _infer(self, node: ast.AST) -> None:  # noqa: C901 - one line per kind of evidence
        if isinstance(node, ast.Assign):
            for target in node.targets:
                self._infer_target(target, node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.value, ast.Constant) and number(node.value):
            self.ints.add(self.code.of(node.target))
        elif isinstance(node, (ast.For, ast.comprehension)):
            self._infer_loop(node.target, node.iter)
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(number(side) or call_name(side) in _INT_CALLS for side in sides):
                self.ints.update(self.code.of(side) for side in sides if isinstance(side, (ast.Name, ast.Attribute)))
            for op, side in zip(node.ops, node.comparators):  # noqa: B905 - Python 3.9
                if isinstance(op, (ast.In, ast.NotIn)):
                    self.sequences.add(self.code.of(side))
        elif isinstance(node, ast.BinOp):
            if number(node.left) or number(node.right):
                self.ints.update(
                    self.code.of(s) for s in (node.left, node.right) if isinstance(s, (ast.Name, ast.Attribute))
                )
        elif isinstance(node, ast.Subscript):
            self.sequences.add(self.code.of(node.value))
            parts = [node.slice.lower, node.slice.upper] if isinstance(node.slice, ast.Slice) else []
            self.ints.update(self.code.of(p) for p in parts if isinstance(p, (ast.Name, ast.Attribute)))
        elif isinstance(node, ast.Call):
            self._infer_call(node)

    def _infer_target(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, other in zip(target.elts, value.elts):  # noqa: B905 - Python 3.9
                self._infer_target(one, other)
        elif isinstance(target, (ast.Name, ast.Attribute)):
            self._infer_value(self.code.of(target), value)

    def _infer_value(self, target: str, value: ast.expr) -> None:
        if self._counts(value):
            self.ints.add(target)
        elif isinstance(value, (ast.List, ast.Set, ast.ListComp, ast.SetComp)) or call_name(value) in _SEQUENCE_CALLS:
            self.sequences.add(target)
            self.growing.add(target)

    def _counts(self, value: ast.expr) -> bool:
        if isinstance(value, ast.BinOp):
            return self._counts(value.left) or self._counts(value.right)
        if isinstance(value, (ast.Name, ast.Attribute)):
            return self.code.of(value) in self.ints
        return number(value) or call_name(value) in _INT_CALLS

    def _infer_loop(self, target: ast.expr, source: ast.expr) -> None:
        name = call_name(source)
        if name == "range":
            self.ints.add(self.code.of(target))
        elif name == "enumerate" and isinstance(target, ast.Tuple) and target.elts:
            self.ints.add(self.code.of(target.elts[0]))
        elif isinstance(source, (ast.Name, ast.Attribute)):
            self.sequences.add(self.code.of(source))

    def _infer_call(self, node: ast.Call) -> None:
        name = call_name(node)
        if isinstance(node.func, ast.Name):
            self.callables.add(node.func.id)
        if name == "range":
            self.ints.update(self.code.of(a) for a in node.args if isinstance(a, (ast.Name, ast.Attribute)))
        elif name in ("len", "sorted", "enumerate", "sum", "reversed", "list", "set") and node.args:
            self.sequences.add(self.code.of(node.args[0]))
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _GROWERS:
            self.growing.add(self.code.of(node.func.value))
