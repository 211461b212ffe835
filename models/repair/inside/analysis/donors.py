"""Donor code: what the functions of a file return, test, assign and call, as ingredients for one that lost its own.

Redundancy-based repair (Martinez et al., 2014): most of what a repair needs stands in the same file already.
"""

from __future__ import annotations

import ast
import builtins
import difflib
import re
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from .source import FUNCTIONS, Code, Function

_LONGEST = 80
_WORD = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*")
_BUILTINS = frozenset(dir(builtins))
_ME = ("self", "cls")


class Phrase(NamedTuple):
    """An expression of one function, with the names it reads."""

    text: str
    names: frozenset[str]
    function: str
    params: tuple[str, ...]


class Known(NamedTuple):
    """A function of the file. Methods are without their first parameter."""

    name: str
    owner: str
    params: tuple[str, ...]
    required: int


class Donors(ast.NodeVisitor):
    """The ingredients that a file has, from one walk through it."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self.functions: list[Known] = []
        self.returned: list[Phrase] = []
        self.tested: list[Phrase] = []
        self.statements: list[Phrase] = []
        """Calls that are statements."""
        self.assigned: dict[str, list[Phrase]] = {}
        """By target, such as ``self.last``."""
        self.wrappers: Counter[str] = Counter()
        """What is called with one argument."""
        self.bare: Counter[str] = Counter()
        """Methods that are called with none."""
        self.bound: set[str] = set()
        """Names of the module itself."""
        self.open = False
        """Names may come from ``import *``."""
        for node in ast.walk(code.tree):
            self.visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        """Other nodes give nothing; those inside come by themselves, outer ones first."""

    def visit_FunctionDef(self, node: Function) -> None:
        self.functions.append(signature(self._code, node))
        self._bind(node, node.name)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._bind(node, node.name)

    def visit_alias(self, node: ast.alias) -> None:
        self._bind(node, (node.asname or node.name).partition(".")[0])
        self.open = self.open or "*" in self.bound

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node, node.id)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not isinstance(node.value, ast.Constant):
            self.returned += self._phrase(node.value)

    def visit_If(self, node: ast.If) -> None:
        self.tested += self._phrase(node.test)

    def visit_While(self, node: ast.While) -> None:
        self.tested += self._phrase(node.test)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.tested += self._phrase(node.test)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self.statements += self._phrase(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self.assigned.setdefault(self._code.of(target), []).extend(self._phrase(node.value))

    def visit_Call(self, node: ast.Call) -> None:
        simple = isinstance(node.func, (ast.Name, ast.Attribute)) and not node.keywords
        if simple and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            self.wrappers[self._code.of(node.func)] += 1
        elif simple and not node.args and isinstance(node.func, ast.Attribute):
            self.bare[node.func.attr] += 1

    def _bind(self, node: ast.AST, name: str) -> None:
        """Note a name of the module; those of functions and classes are not read from elsewhere in the file."""
        if not any(isinstance(around, (ast.ClassDef, *FUNCTIONS)) for around in self._code.up(node)):
            self.bound.add(name)

    def _phrase(self, node: ast.expr) -> list[Phrase]:
        text = self._code.of(node)
        if "\n" in text or len(text) > _LONGEST:  # what is long fits its own function only
            return []
        function = self._code.function(node)
        inner = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        inner |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        named = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        names = frozenset(named - inner - _BUILTINS)
        params = tuple(arg.arg for arg in function.args.args) if function else ()
        return [Phrase(text, names, function.name if function else "", params)]


def signature(code: Code, node: Function) -> Known:
    """How a function is called: its class, its parameters without ``self``, and how many of them have no default."""
    parent = code.parents.get(node)
    owner = parent.name if isinstance(parent, ast.ClassDef) else ""
    params = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
    static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
    params = params[1:] if owner and not static else params
    return Known(node.name, owner, tuple(params), max(0, len(params) - len(node.args.defaults)))


def fitted(phrase: Phrase, known: AbstractSet[str], params: tuple[str, ...]) -> str | None:
    """The phrase as it would be said where ``known`` names are in scope: its parameters become those here."""
    if phrase.names <= known:
        return phrase.text
    if len(params) != len(phrase.params):
        return None
    here = dict(zip(phrase.params, params))  # noqa: B905 - Python 3.9
    if not {here.get(name, name) for name in phrase.names} <= known:
        return None
    return _WORD.sub(lambda match: here.get(match[0], match[0]), phrase.text)


def borrowed(phrases: Iterable[Phrase], name: str, known: AbstractSet[str], params: tuple[str, ...]) -> list[str]:
    """What fits here, from functions of a like name first; what is named like theirs is named like this one, too."""
    ranked = sorted(phrases, key=lambda phrase: -difflib.SequenceMatcher(None, phrase.function, name).ratio())
    pairs = [(text, phrase.function) for phrase in ranked if (text := fitted(phrase, known, params))]
    return list(dict.fromkeys(each for text, other in pairs for each in (*renamed(text, other, name), text)))


def renamed(text: str, other: str, name: str) -> list[str]:
    """``s.isupper()`` in ``is_upper`` is ``s.islower()`` in ``is_lower``."""
    there, here = other.split("_"), name.split("_")
    differ = [(old, new) for old, new in zip(there, here) if old != new]  # noqa: B905 - Python 3.9
    if len(there) != len(here) or len(differ) != 1 or not all(differ[0]):
        return []  # two functions whose names differ in more than a word are no pair
    old, new = differ[0]
    return [text.replace(old, new)] if old in text else []


def called(known: Known, names: Iterable[str], attributes: AbstractSet[str], me: str) -> list[str]:
    """Calls of a function with what is named like its parameters; one of them may be named otherwise."""
    here = list(names)
    if known.owner and (not me or known.name.startswith("__")):
        return []
    head = f"{me}.{known.name}" if known.owner else known.name
    arguments = [argument(param, here, attributes, me) for param in known.params[: known.required]]
    # One parameter may be named otherwise here; with two of them the calls would be too many to try.
    if arguments.count(None) > 1:
        return []
    if None not in arguments:
        return [f"{head}({', '.join(text for text in arguments if text)})"]
    others = [name for name in here if name not in arguments and name not in _ME][:4]
    return [f"{head}({', '.join(text or name for text in arguments)})" for name in others]


def argument(param: str, names: list[str], attributes: AbstractSet[str], me: str) -> str | None:
    """What is named like a parameter: a variable, or an attribute of the object; None where nothing is."""
    if param in names:
        return param
    return next((text for text in (f"{me}.{param}", f"{me}._{param}") if text in attributes), None)


def builtin(name: str) -> bool:
    return name in _BUILTINS
