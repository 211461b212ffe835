"""Type inference from use: which names hold numbers, sequences, something that grows, or something that is called."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Union

from .facts import call_name, number
from .source import Code

_SEQUENCE_CALLS = frozenset(("list", "sorted", "deque", "set", "tuple", "reversed", "range", "split", "copy"))
_INT_CALLS = frozenset(("len", "int", "sum", "ord", "abs", "round"))
_GROWERS = frozenset(("append", "add", "appendleft", "push", "extend", "insert", "put", "update", "discard", "remove"))


class InferredUses(ast.NodeVisitor):
    """Texts of names and attributes, by what they seem to hold. Evidence, no proof: it ranks edits and forbids none."""

    def __init__(self, code: Code, nodes: Sequence[ast.AST], functions: Iterable[str]) -> None:
        self.code = code
        self.ints: set[str] = set()
        self.sequences: set[str] = set()
        self.growing: set[str] = set()
        self.callables: set[str] = set(functions)
        for _ in range(2):  # what a name holds may follow from a later line
            for node in nodes:
                self.visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        """Other nodes are no evidence; those inside are in the list themselves."""

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._infer_target(target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.value, ast.Constant) and number(node.value):
            self.ints.add(self.code.of(node.target))

    def visit_For(self, node: Union[ast.For, ast.comprehension]) -> None:  # noqa: UP007 - Python 3.9
        """``for i in range(n)``, ``for i, x in enumerate(xs)``, ``for x in xs``."""
        name = call_name(node.iter)
        if name == "range":
            self.ints.add(self.code.of(node.target))
        elif name == "enumerate" and isinstance(node.target, ast.Tuple) and node.target.elts:
            self.ints.add(self.code.of(node.target.elts[0]))
        elif isinstance(node.iter, (ast.Name, ast.Attribute)):
            self.sequences.add(self.code.of(node.iter))

    visit_comprehension = visit_For

    def visit_Compare(self, node: ast.Compare) -> None:
        sides = [node.left, *node.comparators]
        if any(number(side) or call_name(side) in _INT_CALLS for side in sides):
            self.ints.update(self.code.of(side) for side in sides if isinstance(side, (ast.Name, ast.Attribute)))
        for op, side in zip(node.ops, node.comparators):  # noqa: B905 - Python 3.9
            if isinstance(op, (ast.In, ast.NotIn)):
                self.sequences.add(self.code.of(side))

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if number(node.left) or number(node.right):
            sides = (node.left, node.right)
            self.ints.update(self.code.of(side) for side in sides if isinstance(side, (ast.Name, ast.Attribute)))

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.sequences.add(self.code.of(node.value))
        # The bounds of a slice are numbers; an index may as well be the key of a dictionary.
        parts = [node.slice.lower, node.slice.upper] if isinstance(node.slice, ast.Slice) else []
        self.ints.update(self.code.of(part) for part in parts if isinstance(part, (ast.Name, ast.Attribute)))

    def visit_Call(self, node: ast.Call) -> None:
        name = call_name(node)
        if isinstance(node.func, ast.Name):
            self.callables.add(node.func.id)
        if name == "range":
            self.ints.update(self.code.of(a) for a in node.args if isinstance(a, (ast.Name, ast.Attribute)))
        elif name in ("len", "sorted", "enumerate", "sum", "reversed", "list", "set") and node.args:
            self.sequences.add(self.code.of(node.args[0]))
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _GROWERS:
            self.growing.add(self.code.of(node.func.value))

    def _infer_target(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, other in zip(target.elts, value.elts):  # noqa: B905 - Python 3.9
                self._infer_target(one, other)
        elif not isinstance(target, (ast.Name, ast.Attribute)):
            return
        elif self._counts(value):
            self.ints.add(self.code.of(target))
        elif isinstance(value, (ast.List, ast.Set, ast.ListComp, ast.SetComp)) or call_name(value) in _SEQUENCE_CALLS:
            self.sequences.add(self.code.of(target))
            self.growing.add(self.code.of(target))

    def _counts(self, value: ast.expr) -> bool:
        if isinstance(value, ast.BinOp):
            return self._counts(value.left) or self._counts(value.right)
        if isinstance(value, (ast.Name, ast.Attribute)):
            return self.code.of(value) in self.ints
        return number(value) or call_name(value) in _INT_CALLS
