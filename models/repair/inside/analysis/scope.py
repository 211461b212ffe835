"""Scopes: the names that may be read in a function, what they seem to hold, and ingredients for new expressions."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any, TypeVar

from .donors import Phrase, borrowed, builtin
from .facts import Facts, Hints
from .inference import InferredUses
from .source import FUNCTIONS, Code, Function

T = TypeVar("T")

_SHORT = 60


class Scope:
    """One function (None: the module) with its names and ingredients."""

    def __init__(self, code: Code, function: Function | None, facts: Facts, hints: Hints) -> None:
        self.code, self.function, self.facts, self.hints = code, function, facts, hints
        self._nodes: list[ast.AST] = []
        self._once: dict[str, Any] = {}
        self.body: list[ast.stmt] = list(function.body if function else code.tree.body)
        self.params = _params(function) if function else []
        self.locals = list(dict.fromkeys([*self.params, *bound_names(self.nodes())]))
        names: list[str] = []
        if self.function is not None:
            for around in self.code.up(self.function):
                if isinstance(around, FUNCTIONS):
                    names += _params(around)
                    names += [
                        n.id for n in ast.walk(around) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
                    ]
                    names.append(around.name)
        self.outer = names
        uses = InferredUses(code, self.nodes(), facts.functions)
        self.ints, self.sequences, self.growing = uses.ints, uses.sequences, uses.growing
        self.callables = uses.callables
        self.conditions = conditions(code, self.nodes())
        texts = [
            self.code.of(node)
            for node in self.nodes()
            if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp, ast.Compare))
            and isinstance(getattr(node, "ctx", None), (ast.Load, type(None)))
        ]
        texts = [
            text for text in dict.fromkeys(texts) if "\n" not in text and len(text) <= _SHORT and (not builtin(text))
        ]
        # The shorter an expression, the more places it fits; operators try only the first few.
        self.expressions = sorted(texts, key=len)

    def nodes(self) -> list[ast.AST]:
        """Every node of the function's body."""
        # Computed once: dozens of operators ask for each node of the function.
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

    def borrowed(self, phrases: Iterable[Phrase]) -> list[str]:
        """What other functions of the file say that makes sense here, from those of a like name first."""
        return borrowed(phrases, self.title, self.known, tuple(self.params))

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
        bound += [
            (a.asname or a.name).partition(".")[0]
            for n in self.nodes()
            if isinstance(n, (ast.Import, ast.ImportFrom))
            for a in n.names
        ]
        return frozenset([*self.names, *self.facts.globals, *self.facts.donors.bound, *bound])

    @cached_property
    def statements(self) -> frozenset[str]:
        """The function's simple statements, as they stand."""
        return frozenset(self.code.of(n) for n in self.nodes() if isinstance(n, (ast.Expr, ast.Assign)))

    @property
    def self_name(self) -> str | None:
        """The first parameter of a method, mostly ``self``."""
        parent = self.code.parents.get(self.function) if self.function else None
        return self.params[0] if self.params and isinstance(parent, ast.ClassDef) else None

    @property
    def own_attributes(self) -> list[str]:
        """``self.x`` of the class, most used first."""
        me = self.self_name
        return [f"{me}.{name}" for name, _ in self.facts.attributes.get(me, Counter()).most_common()] if me else []


def bound_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Names that statements of a function bind, in order and as often as they do."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Lambda):
            yield from (arg.arg for arg in node.args.args)


def conditions(code: Code, nodes: Iterable[ast.AST]) -> list[str]:
    """What a function asks: its tests, their parts and its comparisons, each once, if it is short and on one line."""
    texts: list[str] = []
    for node in nodes:
        if isinstance(node, (ast.If, ast.While, ast.IfExp)):
            texts.append(code.of(node.test))
        elif isinstance(node, ast.BoolOp):
            texts += [code.of(part) for part in node.values]
        elif isinstance(node, ast.Compare):
            texts.append(code.of(node))
    return list(dict.fromkeys(text for text in texts if "\n" not in text and len(text) < 80))  # noqa: PLR2004


def _params(function: Function) -> list[str]:
    a = function.args
    several = [a.vararg] if a.vararg else []
    several += [a.kwarg] if a.kwarg else []
    return [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs, *several)]
