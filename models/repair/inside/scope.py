"""What is in scope at a place: names, what they seem to hold, and ingredients for new expressions."""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from .facts import Facts, Hints, call_name, number
from .source import FUNCTIONS, Code, Function

T = TypeVar("T")

_SEQUENCE_CALLS = frozenset(("list", "sorted", "deque", "set", "tuple", "reversed", "range", "split", "copy"))
_INT_CALLS = frozenset(("len", "int", "sum", "ord", "abs", "round"))
_GROWERS = frozenset(("append", "add", "appendleft", "push", "extend", "insert", "put", "update", "discard", "remove"))
_SHORT = 60
_BUILTINS = frozenset(dir(builtins))


class Scope:
    """One function (None: the module) with its names and ingredients."""

    def __init__(self, code: Code, function: Function | None, told: Facts, hints: Hints) -> None:
        self.code, self.function, self.facts, self.hints = code, function, told, hints
        self._nodes: list[ast.AST] = []
        self._once: dict[str, Any] = {}
        self.body: list[ast.stmt] = list(function.body if function else code.tree.body)
        self.params = _params(function) if function else []
        self.locals = list(dict.fromkeys([*self.params, *self._assigned()]))
        self.outer = self._outer()
        self.ints: set[str] = set()
        self.sequences: set[str] = set()
        self.growing: set[str] = set()
        self.callables: set[str] = set(told.functions)
        for _ in range(2):  # what a name holds may follow from a later line
            for node in self.nodes():
                self._infer(node)
        self.conditions = self._conditions()
        self.expressions = self._expressions()

    def nodes(self) -> list[ast.AST]:
        """Every node of the function's body."""
        if not self._nodes:
            self._nodes = [node for statement in self.body for node in ast.walk(statement)]
        return self._nodes

    def once(self, name: str, make: Callable[[Scope], T]) -> T:
        """What is made of this scope, made once."""
        if name not in self._once:
            self._once[name] = make(self)
        return self._once[name]

    @property
    def names(self) -> list[str]:
        """Variables that may be read here: own, then of enclosing functions."""
        return list(dict.fromkeys([*self.locals, *self.outer]))

    @property
    def title(self) -> str:
        """The function's name; empty for the module."""
        return self.function.name if self.function else ""

    @property
    def owner(self) -> str:
        """The class that the function is a method of."""
        parent = self.code.parents.get(self.function) if self.function else None
        return parent.name if isinstance(parent, ast.ClassDef) else ""

    @cached_property
    def known(self) -> frozenset[str]:
        """Every name that may be read here, but for builtins."""
        bound = [n.name for n in self.nodes() if isinstance(n, ast.ExceptHandler) and n.name]
        bound += [(a.asname or a.name).partition(".")[0] for n in self.nodes()
                  if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names]  # fmt: skip
        return frozenset([*self.names, *self.facts.globals, *self.facts.kin.bound, *bound])

    @cached_property
    def kept(self) -> frozenset[str]:
        """The function's simple statements, as they stand."""
        return frozenset(self.code.of(n) for n in self.nodes() if isinstance(n, (ast.Expr, ast.Assign)))

    @property
    def self_name(self) -> str | None:
        parent = self.code.parents.get(self.function) if self.function else None
        return self.params[0] if self.params and isinstance(parent, ast.ClassDef) else None

    @property
    def own_attributes(self) -> list[str]:
        """``self.x`` of the class, most used first."""
        me = self.self_name
        return [f"{me}.{name}" for name, _ in self.facts.attributes.get(me, Counter()).most_common()] if me else []

    def _assigned(self) -> Iterator[str]:
        for node in self.nodes():
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                yield node.name
            elif isinstance(node, ast.Lambda):
                yield from (arg.arg for arg in node.args.args)

    def _outer(self) -> list[str]:
        names: list[str] = []
        if self.function is not None:
            for around in self.code.up(self.function):
                if isinstance(around, FUNCTIONS):
                    names += _params(around)
                    names += [
                        n.id for n in ast.walk(around) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
                    ]
                    names.append(around.name)
        return names

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

    def _conditions(self) -> list[str]:
        found: list[str] = []
        for node in self.nodes():
            if isinstance(node, (ast.If, ast.While, ast.IfExp)):
                found.append(self.code.of(node.test))
            elif isinstance(node, ast.BoolOp):
                found += [self.code.of(part) for part in node.values]
            elif isinstance(node, ast.Compare):
                found.append(self.code.of(node))
        return list(dict.fromkeys(text for text in found if "\n" not in text and len(text) < 80))  # noqa: PLR2004

    def _expressions(self) -> list[str]:
        """Texts of the function's expressions, small first."""
        texts = [
            self.code.of(node)
            for node in self.nodes()
            if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp, ast.Compare))
            and isinstance(getattr(node, "ctx", None), (ast.Load, type(None)))
        ]
        texts = [
            text for text in dict.fromkeys(texts) if "\n" not in text and len(text) <= _SHORT and text not in _BUILTINS
        ]
        return sorted(texts, key=len)


def _params(function: Function) -> list[str]:
    a = function.args
    several = [a.vararg] if a.vararg else []
    several += [a.kwarg] if a.kwarg else []
    return [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs, *several)]
