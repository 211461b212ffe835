"""What the functions of a file have in common: what they return, test, assign and call, for one that lost its own."""

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


class Kin:
    """One walk through a file."""

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
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, FUNCTIONS):
            self.functions.append(_known(self._code, node))
        elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
            self.returned += self._phrase(node.value)
        elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
            self.tested += self._phrase(node.test)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            self.statements += self._phrase(node.value)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self.assigned.setdefault(self._code.of(target), []).extend(self._phrase(node.value))
        elif isinstance(node, ast.Call):
            self._called(node)
        if isinstance(node, (ast.Name, ast.alias, ast.ClassDef, *FUNCTIONS)) and self._of_module(node):
            self._bind(node)

    def _of_module(self, node: ast.AST) -> bool:
        return not any(isinstance(around, (ast.ClassDef, *FUNCTIONS)) for around in self._code.up(node))

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.alias):
            self.open = self.open or node.name == "*"
            self.bound.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name):
            self.bound.update([node.id] if isinstance(node.ctx, ast.Store) else [])
        elif isinstance(node, (ast.ClassDef, *FUNCTIONS)):
            self.bound.add(node.name)

    def _called(self, node: ast.Call) -> None:
        simple = isinstance(node.func, (ast.Name, ast.Attribute)) and not node.keywords
        if simple and len(node.args) == 1 and not isinstance(node.args[0], ast.Starred):
            self.wrappers[self._code.of(node.func)] += 1
        elif simple and not node.args and isinstance(node.func, ast.Attribute):
            self.bare[node.func.attr] += 1

    def _phrase(self, node: ast.expr) -> list[Phrase]:
        text = self._code.of(node)
        if "\n" in text or len(text) > _LONGEST:
            return []
        function = self._code.function(node)
        inner = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        inner |= {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}
        named = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        names = frozenset(named - inner - _BUILTINS)
        given = tuple(arg.arg for arg in function.args.args) if function else ()
        return [Phrase(text, names, function.name if function else "", given)]


def _known(code: Code, node: Function) -> Known:
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
    return _WORD.sub(lambda found: here.get(found[0], found[0]), phrase.text)


def borrowed(phrases: Iterable[Phrase], name: str, known: AbstractSet[str], params: tuple[str, ...]) -> list[str]:
    """What fits here, from functions of a like name first; what is named like theirs is named like this one, too."""
    ranked = sorted(phrases, key=lambda phrase: -difflib.SequenceMatcher(None, phrase.function, name).ratio())
    pairs = [(text, phrase.function) for phrase in ranked if (text := fitted(phrase, known, params))]
    return list(dict.fromkeys(said for text, other in pairs for said in (*_renamed(text, other, name), text)))


def _renamed(text: str, other: str, name: str) -> list[str]:
    """``s.isupper()`` in ``is_upper`` is ``s.islower()`` in ``is_lower``."""
    there, here = other.split("_"), name.split("_")
    differ = [(old, new) for old, new in zip(there, here) if old != new]  # noqa: B905 - Python 3.9
    if len(there) != len(here) or len(differ) != 1 or not all(differ[0]):
        return []
    old, new = differ[0]
    return [text.replace(old, new)] if old in text else []


def called(known: Known, names: Iterable[str], attributes: AbstractSet[str], me: str) -> list[str]:
    """Calls of a function with what is named like its parameters; one of them may be named otherwise."""
    here = list(names)
    if known.owner and (not me or known.name.startswith("__")):
        return []
    head = f"{me}.{known.name}" if known.owner else known.name
    given = [_argument(param, here, attributes, me) for param in known.params[: max(known.required, 0)]]
    open_ = [place for place, text in enumerate(given) if text is None]
    if len(open_) > 1:
        return []
    if not open_:
        return [f"{head}({', '.join(text for text in given if text)})"]
    others = [name for name in here if name not in given and name not in _ME][:4]
    return [f"{head}({', '.join(text or name for text in given)})" for name in others]


def _argument(param: str, names: list[str], attributes: AbstractSet[str], me: str) -> str | None:
    if param in names:
        return param
    return next((text for text in (f"{me}.{param}", f"{me}._{param}") if text in attributes), None)


def builtin(name: str) -> bool:
    return name in _BUILTINS
