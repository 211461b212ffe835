"""Insertion operators: statements that may be missing, such as guards, marks of what was seen, and steps of a loop."""

from __future__ import annotations

import ast
import re

from ..analysis.donors import builtin
from ..analysis.nodes import docstring, reindented, whole
from ..analysis.scope import Scope
from ..analysis.site import Idea, Ideas, negated
from ..analysis.source import FUNCTIONS, Code
from .lost import around, calls, lost, remembered

_NEUTRAL = ("None", "[]", "0", "{}", "False", "True", "''", "set()", "1")


def unset(scope: Scope) -> dict[str, tuple[float, int]]:
    """Assignments of names that are read and never set, each with its weight and the line of the first use."""
    # After ``import *`` any name may be one of another module.
    if scope.facts.donors.open or scope.function is None:
        return {}
    assignments: dict[str, tuple[float, int]] = {}
    done: set[str] = set()
    for node in scope.nodes():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in done:
            done.add(node.id)
            if node.id not in scope.known and not builtin(node.id):
                first = min(n.lineno for n in scope.nodes() if isinstance(n, ast.Name) and n.id == node.id)
                assignments.update({text: (weight, first) for text, weight in settings(scope, node.id).items()})
    return assignments


def settings(scope: Scope, name: str) -> dict[str, float]:
    """Assignments of one name: from options, attributes, other functions of the file, neutral values, calls."""
    elsewhere = scope.borrowed(scope.facts.donors.assigned.get(name, ()))
    attributes = [f"{one}.{lead}{name}" for one in scope.locals[:6] for lead in ("", "_")]
    wrapped = [text for one in scope.locals[:4] for text in around(scope, one)[:10]]
    lengths = [f"len({one})" for one in scope.locals[:5]]
    assignments = picked(scope, name)
    for texts, weight, fade in (
        (attributes, 0.6, 0.02),
        (elsewhere[:8], 0.58, 0.05),
        (_NEUTRAL, 0.55, 0.04),
        (scope.locals[:6], 0.5, 0.05),
        (scope.own_attributes[:8], 0.5, 0.04),
        (calls(scope)[:10], 0.5, 0.04),
        (lengths, 0.42, 0.05),
        (wrapped, 0.4, 0.02),
        (scope.expressions[:16], 0.4, 0.03),
    ):
        for place, text in enumerate(one for one in texts if one != name):
            assignments.setdefault(f"{name} = {text}", weight / (1 + fade * place))
    return assignments


def picked(scope: Scope, name: str) -> dict[str, float]:
    """Taken from keywords, or from something else that has keys: ``kwargs.pop("depth", self.default_depth)``."""
    keywords = scope.function.args.kwarg if scope.function else None
    holders = [keywords.arg] if keywords else [one for one in scope.params if one in scope.sequences][:2]
    defaults = dict.fromkeys([*scope.own_attributes, *class_attributes(scope), *scope.facts.globals])
    otherwise = ["None", *(one for one in defaults if name in one.lower() and one != name)]
    texts = [f"{one}.{how}({name!r}, {other})" for one in holders for other in otherwise[:6] for how in ("pop", "get")]
    texts += [text for one in holders for text in (f"{one}[{name!r}]", f"{one}.pop({name!r})")]
    return {f"{name} = {text}": 0.57 / (1 + 0.03 * place) for place, text in enumerate(texts)}


def class_attributes(scope: Scope) -> list[str]:
    """``self.x`` for what the body of the method's class assigns."""
    parent = scope.code.parents.get(scope.function) if scope.function else None
    body = parent.body if isinstance(parent, ast.ClassDef) and scope.self_name else []
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return [f"{scope.self_name}.{target.id}" for target in targets if isinstance(target, ast.Name)]


_VALUES = ("None", "[]", "0", "False", "True", "1", "''", "[[]]", "{}")


def guards(scope: Scope) -> dict[str, float]:
    """Base cases at the start of a function."""
    statements: dict[str, float] = {}
    params = [name for name in scope.params if name not in ("self", "cls")][:5]
    tests: dict[str, float] = {}
    for place, name in enumerate(params):
        fade = 1 / (1 + 0.15 * place)
        tests[f"not {name}"] = 0.4 * fade
        tests[f"{name} is None"] = 0.35 * fade
        if name not in scope.sequences:
            tests[f"{name} == 0"] = 0.3 * fade
            tests[f"{name} <= 1"] = 0.25 * fade
            tests[f"{name} < 0"] = 0.25 * fade
            tests[f"{name} <= 0"] = 0.2 * fade
        if name not in scope.ints:
            tests[f"len({name}) <= 1"] = 0.25 * fade
    for place, one in enumerate(params[:-1]):
        tests[f"{one} == {params[place + 1]}"] = 0.2
    for test, weight in tests.items():
        for place, value in enumerate([*params[:3], *_VALUES]):
            statements[f"if {test}:\n    return {value}\n"] = weight * (0.9 - 0.05 * place)
        # An error that a failing test expects is better evidence than any value.
        for error in scope.hints.raises[:2]:
            statements[f"if {test}:\n    raise {error}\n"] = 0.4 * weight + 0.2
    for error in scope.hints.raises[:1]:
        for text in scope.conditions[:4]:
            statements[f"if {negated(text)}:\n    raise {error}\n"] = 0.2
    return statements


def checked(scope: Scope, before: ast.stmt, looping: bool) -> dict[str, float]:
    """A way out right behind an assignment that may have come to nothing."""
    target = before.targets[0] if isinstance(before, ast.Assign) else None
    if not isinstance(target, ast.Name) or scope.function is None:
        return {}
    statements: dict[str, float] = {}
    for test, weight in ((f"not {target.id}", 0.4), (f"{target.id} is None", 0.4)):
        for place, value in enumerate([*_VALUES, *scope.params[:2]]):
            statements[f"if {test}:\n    return {value}\n"] = weight * (0.9 - 0.06 * place)
        for jump in ("continue", "break") if looping else ():
            statements[f"if {test}:\n    {jump}\n"] = 0.35
        for error in scope.hints.raises[:2]:
            statements[f"if {test}:\n    raise {error}\n"] = 0.3
    return statements


def outside(scope: Scope) -> dict[str, float]:
    """``nonlocal`` and ``global`` for names that are assigned here and stand outside."""
    stored = [n.id for n in scope.nodes() if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    mine = [name for name in dict.fromkeys(stored) if name not in scope.params]
    outer = {f"nonlocal {name}\n": 0.6 for name in mine if name in scope.outer}
    return {**outer, **{f"global {name}\n": 0.5 for name in mine if name in scope.facts.globals}}


_MARKERS = ("append", "add", "appendleft", "push")


def inserts(code: Code, scope: Scope, block: list[ast.stmt], place: int) -> Ideas:  # noqa: C901 - a table
    """Statements in front of ``block[place]``, or at the block's end when ``place`` is its length."""
    last = place == len(block)
    near = block[place - 1] if last else block[place]
    lines = whole(code, near)
    if lines is None or (not last and docstring(near)):
        return
    at, indent = (lines[1] if last else lines[0]), lines[2]
    # The last line of a file may have no end.
    start = "" if at == 0 or code.text[at - 1] == "\n" else "\n"
    unreachable = isinstance(block[place - 1], (ast.Return, ast.Raise, ast.Break, ast.Continue)) if place else False
    if unreachable:
        return
    looping = in_loop(code, near)
    first = place == 0 or (place == 1 and docstring(block[0]))
    for text, weight in steps(scope, near, last=last, looping=looping).items():
        yield Idea("statement added", weight, at, at, start + reindented(f"{text}\n", "", indent))
    if scope.function is not None and block is scope.function.body and first:
        for text, weight in (*guards(scope).items(), *outside(scope).items()):
            yield Idea("guard added", weight, at, at, start + reindented(text, "", indent))
    for rank, text in enumerate(mined_guards(scope, block, place, first=first)):
        yield Idea("guard added", 0.46 / (1 + 0.03 * rank), at, at, start + reindented(f"{text}\n", "", indent))
    for text, weight in checked(scope, block[place - 1], looping).items() if place else ():
        yield Idea("guard added", weight, at, at, start + reindented(text, "", indent))
    for text, (weight, line) in scope.once("unset", unset).items():
        if near.lineno <= line:  # below its first use an assignment comes too late
            yield Idea("statement added", weight, at, at, start + reindented(f"{text}\n", "", indent))
    for text, weight in scope.once("lost", lost).items():
        yield Idea("statement added", weight, at, at, start + reindented(f"{text}\n", "", indent))
    yield from copies(scope, block, place, at, (start, indent))


def mined_guards(scope: Scope, block: list[ast.stmt], place: int, *, first: bool) -> list[str]:
    """Guards as the history has them: where a block begins, and behind a statement that sets what they ask about."""
    if scope.function is None:
        return []
    guards = scope.once("remembered", lambda inner: remembered(inner, guards=True))
    before = block[place - 1] if place else None
    fresh = (
        {n.id for n in ast.walk(before) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)} if before else ()
    )
    begins = first or place == 0
    return [text for text in guards if begins or any(re.search(rf"\b{name}\b", text) for name in fresh)]


def in_loop(code: Code, node: ast.stmt) -> bool:
    """Whether ``break`` and ``continue`` may stand beside a statement: a function in a loop begins anew."""
    for parent in code.up(node):
        if isinstance(parent, (ast.For, ast.While)):
            return True
        if isinstance(parent, FUNCTIONS):
            return False
    return False


def steps(scope: Scope, near: ast.stmt, *, last: bool, looping: bool) -> dict[str, float]:  # noqa: C901 - a table
    """Short statements that use what is in scope."""
    names = [name for name in scope.names if name not in ("self", "cls", "_")]
    # The first weight of a text counts, so the more telling reasons for it come before the general ones.
    statements = marks(scope, names)
    assigned = [name for name in scope.locals if name in names]
    changed = {n.id for n in scope.nodes() if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for one in assigned[:7]:
        for other in assigned[:7]:
            if one != other and one in changed:
                statements.setdefault(f"{one} = {other}", 0.3)
    for name in [n for n in names if n in scope.ints][:6]:
        statements.setdefault(f"{name} += 1", 0.45 if name in changed else 0.15)
        statements.setdefault(f"{name} -= 1", 0.35 if name in changed else 0.12)
        for place, other in enumerate(n for n in assigned[:8] if n != name and name in changed):
            statements.setdefault(f"{name} += {other}", 0.3 / (1 + 0.1 * place))
    if looping:
        statements.setdefault("break", 0.3)
        statements.setdefault("continue", 0.3)
    if scope.function is not None:
        ending = last and not isinstance(near, (ast.Return, ast.Raise))
        returns = any(isinstance(n, ast.Return) and n.value is not None for n in scope.nodes())
        for place, name in enumerate(names[:7]):
            statements.setdefault(
                f"return {name}", (0.4 if ending else 0.15) * (1.0 if returns or ending else 0.3) / (1 + 0.15 * place)
            )
        for value in ("None", "True", "False", "[]", "0"):
            statements.setdefault(f"return {value}", 0.25 if ending else 0.08)
        if scope.function.name == "__init__":
            statements.setdefault("super().__init__()", 0.5)
            for name in scope.params[1:6]:
                statements.setdefault(f"{scope.params[0]}.{name} = {name}", 0.5)
    known = {*scope.names, *scope.facts.globals}
    readable = [text for text, names_read in scope.facts.calls if names_read <= known][:20]
    elsewhere = [(text, 0.26 / (1 + 0.05 * place)) for place, text in enumerate(readable)]
    for text, weight in (*updates(scope, assigned).items(), *leftovers(scope, near, last=last).items(), *elsewhere):
        statements.setdefault(text, weight)
    return statements


def marks(scope: Scope, names: list[str]) -> dict[str, float]:
    """``seen.add(x)``, ``out.append(x)``: marks of what was seen, and results that are not collected."""
    statements: dict[str, float] = {}
    calls = [
        n
        for n in scope.nodes()
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and n.func.attr in _MARKERS
    ]
    used = {scope.code.of(call.func): [scope.code.of(a) for a in call.args] for call in calls}
    tested = [
        (scope.code.of(n.comparators[0]), scope.code.of(n.left))
        for n in scope.nodes()
        if isinstance(n, ast.Compare) and len(n.ops) == 1 and isinstance(n.ops[0], (ast.In, ast.NotIn))
    ]
    # What is asked for by ``in`` and never put there: the classic lost line of a search through a graph.
    for holder, item in tested:
        if "\n" not in item + holder:
            statements.setdefault(f"{holder}.add({item})", 0.55)
            statements.setdefault(f"{holder}.append({item})", 0.4)
            statements.setdefault(f"{holder}.remove({item})", 0.15)
    holders = list(
        dict.fromkeys(
            [*used, *(f"{name}.append" for name in scope.growing), *(f"{name}.add" for name in scope.growing)]
        )
    )
    for place, method in enumerate(holders[:10]):
        base = method.rpartition(".")[0]
        known = method in used
        for at, name in enumerate([n for n in names if n != base][:8]):
            fade = 1 / ((1 + 0.1 * place) * (1 + 0.1 * at))
            statements.setdefault(
                f"{method}({name})", (0.45 if known else 0.35 if method.endswith("append") else 0.3) * fade
            )
    for base in list(scope.growing)[:5]:
        statements.setdefault(f"{base}.pop()", 0.25)
        statements.setdefault(f"{base}.sort()", 0.15)
    return statements


def updates(scope: Scope, assigned: list[str]) -> dict[str, float]:
    """``memo[n] = value``, ``self.count += 1``: what is looked up or counted, and never stored."""
    statements: dict[str, float] = {}
    items = [scope.code.of(n) for n in scope.nodes() if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Name)]
    items += [
        f"{scope.code.of(n.comparators[0])}[{scope.code.of(n.left)}]"
        for n in scope.nodes()
        if isinstance(n, ast.Compare) and isinstance(n.ops[0], (ast.In, ast.NotIn)) and isinstance(n.left, ast.Name)
    ]
    for text in [text for text in dict.fromkeys(items) if "\n" not in text][:4]:
        for place, name in enumerate([*assigned[:5], "True"]):
            if name not in text:
                statements.setdefault(f"{text} = {name}", 0.3 / (1 + 0.1 * place))
        statements.setdefault(f"{text} += 1", 0.25)
    params = [name for name in scope.params if name not in ("self", "cls")][:3]
    for place, owned in enumerate(scope.own_attributes[:6]):
        fade = 1 / (1 + 0.15 * place)
        for name in params:
            for sign, weight in (("=", 0.3), ("+=", 0.25), ("-=", 0.25)):
                statements.setdefault(f"{owned} {sign} {name}", weight * fade)
        if owned in scope.ints:
            statements.setdefault(f"{owned} += 1", 0.35 * fade)
            statements.setdefault(f"{owned} -= 1", 0.25 * fade)
    return statements


def leftovers(scope: Scope, near: ast.stmt, *, last: bool) -> dict[str, float]:
    """The last group that a loop gathers, passed on behind it: yielded, appended, or the object itself returned."""
    statements: dict[str, float] = {}
    if last and scope.self_name and scope.function is not None and near in scope.function.body:
        statements.setdefault(f"return {scope.self_name}", 0.35)
    yields = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in scope.nodes())
    after = last and isinstance(near, (ast.For, ast.While))
    changed = [n.id for n in scope.nodes() if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    for place, name in enumerate(list(dict.fromkeys(changed))[:6]):
        fade = (1.0 if after else 0.4) / (1 + 0.1 * place)
        if yields:
            statements.setdefault(f"yield {name}", 0.4 * fade)
            statements.setdefault(f"if {name}:\n    yield {name}", 0.5 * fade)
        for holder in [holder for holder in scope.growing if holder != name][:3] if after else ():
            statements.setdefault(f"if {name}:\n    {holder}.append({name})", 0.4 * fade)
    return statements


def copies(scope: Scope, block: list[ast.stmt], place: int, at: int, margin: tuple[str, str]) -> Ideas:
    """A statement of the same function once more, here (the plastic surgery hypothesis; Barr et al., 2014)."""
    code, (start, indent) = scope.code, margin
    around = {id(block[p]) for p in (place - 1, place) if 0 <= p < len(block)}
    count = 0
    for node in scope.nodes():
        if not isinstance(node, (ast.Assign, ast.AugAssign, ast.Expr, ast.If, ast.Return)) or docstring(node):
            continue
        if id(node) in around or (isinstance(node, ast.If) and len(node.body) > 1):
            continue
        if isinstance(node, ast.Return) and place < len(block):
            continue
        lines = whole(code, node)
        text = code.text[lines[0] : lines[1]] if lines else ""
        if lines is None or text.count("\n") > 3:  # noqa: PLR2004
            continue
        count += 1
        yield Idea("statement copied", 0.27 / (1 + 0.08 * count), at, at, start + reindented(text, lines[2], indent))
