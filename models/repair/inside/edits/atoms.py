"""Mutation operators for literals: numbers, strings, None, and what stands in the fields of f-strings."""

from __future__ import annotations

import ast
import difflib
import re
from typing import Any, cast

from ..analysis.facts import number
from ..analysis.site import Ideas, Site

_POOL = 80
"""Strings that are compared; tables of many more are thinned out first."""


def constants(site: Site) -> Ideas:
    """Another value of the same kind."""
    node = cast(ast.Constant, site.node)
    value: Any = node.value
    if isinstance(value, bool):
        yield site.idea("constant", 1.0, str(not value))
        yield site.idea("constant", 0.2, "None")
    elif isinstance(value, (int, float)):
        yield from numbers(site, value)
    elif isinstance(value, str):
        yield from strings(site, value)
    elif value is None:
        for text, weight in (
            ("True", 0.35),
            ("False", 0.4),
            ("0", 0.3),
            ("''", 0.2),
            ("[]", 0.3),
            ("-1", 0.3),
            ("1", 0.15),
        ):
            yield site.idea("constant", weight, text)
    if value is not None and isinstance(site.parent, (ast.Return, ast.Assign)):
        yield site.idea("constant", 0.3, "None")
    if isinstance(
        site.parent, (ast.Return, ast.Assign, ast.AugAssign, ast.Call, ast.Compare, ast.BinOp, ast.Subscript, ast.Slice)
    ):
        scope = site.scope
        # A number mostly stands for another number; for the rest, what the function itself sets comes first.
        likely = scope.ints if number(node) else set(scope.locals)
        for place, name in enumerate([*scope.names, *scope.own_attributes][:14]):
            yield site.idea("constant to name", (0.55 if name in likely else 0.3) / (1 + 0.15 * place), name)


def numbers(site: Site, value: Any) -> Ideas:
    """Another number: one off, doubled, halved, of the other sign, a small one, one that a failing test names."""
    added = isinstance(site.parent, ast.BinOp) and isinstance(site.parent.op, (ast.Add, ast.Sub))
    if isinstance(value, int):
        yield from off_by_one(site, value, added=added)
    others: dict[str, float] = {"0": 0.75, "1": 0.75, "2": 0.4, "-1": 0.45, "10": 0.15, "None": 0.15}
    others.update(dict.fromkeys(site.scope.hints.numbers[:10], 0.35))
    if isinstance(value, float):
        others.update({str(value + 1): 0.8, str(value - 1): 0.8, "0.0": 0.5, "1.0": 0.5, "0.5": 0.3})
    if value:
        others.update({repr(value * 2): 0.4, repr(value * 10): 0.25, repr(-value): 0.5})
        half = value // 2 if isinstance(value, int) else value / 2
        others[repr(half)] = max(0.35, others.get(repr(half), 0))
        tenth = value // 10 if isinstance(value, int) else value / 10
        others[repr(tenth)] = max(0.2, others.get(repr(tenth), 0))
    if isinstance(value, int) and abs(value) > 1:
        others[str(value + 2)] = others[str(value - 2)] = 0.25
    if added:
        # Adding nothing is the operand dropped, which the operators of arithmetic propose with a better weight.
        del others["0"]
    done = {repr(value), str(value), str(value + 1), str(value - 1)} if isinstance(value, int) else {repr(value)}
    for text, weight in others.items():
        if text not in done:
            yield site.idea("constant", weight, text)
    # A returned or passed 0 or 1 may be a truth value, the wrong way round.
    if value in (0, 1) and isinstance(site.parent, (ast.Return, ast.keyword)):
        yield site.idea("constant", 0.5, str(not value))


def off_by_one(site: Site, value: int, *, added: bool) -> Ideas:
    """One more and one less; of a negative number the sign belongs to it."""
    if isinstance(site.parent, ast.UnaryOp) and isinstance(site.parent.op, ast.USub):
        yield site.at("constant", 1.0, site.parent, str(1 - value))
        yield site.at("constant", 1.0, site.parent, str(-1 - value))
        return
    yield site.idea("constant", 1.0, str(value + 1))
    if value - 1 or not added:  # adding nothing is better said by dropping the operand
        yield site.idea("constant", 1.0, str(value - 1))


def strings(site: Site, value: str) -> Ideas:
    """The string in another case, cut, padded or turned around, and those of the file that are like it."""
    if site.text[:1] not in "'\"":
        # r"..." and the like: what is written is not the value, so its characters are left alone.
        yield from _replaced(site, value)
        return
    quote = site.text[0]
    blank = 0.35 if len(value) < 4 else 0.05  # noqa: PLR2004
    for other, weight in (
        ("", 0.5),
        (" ", blank),
        (value.strip(), 0.4),
        (value.swapcase(), 0.25),
        (value.lower(), 0.4),
        (value.upper(), 0.35),
        (value + " ", 0.15),
        (value.strip("X"), 0.3),
        (value[::-1], 0.15),
        (value[1:], 0.25),
        (value[:-1], 0.25),
        (value + "\n", 0.1),
    ):
        if other != value and other.isprintable():
            yield site.idea("string", weight, quoted(other, quote))
    yield from _replaced(site, value)


def _replaced(site: Site, value: str) -> Ideas:
    """Strings of the file and of the failing tests, the most alike first."""
    scope = site.scope
    own = scope.function.name if scope.function is not None and value.isidentifier() else value
    if own != value:
        yield site.idea("string", 0.35, repr(own))
    pool = [text for text in dict.fromkeys([*scope.hints.strings, *scope.facts.strings]) if text not in (value, own)]
    if len(pool) > _POOL:  # every one is compared with the value: a table of messages would cost seconds
        near = [text for text in pool if abs(len(text) - len(value)) <= 2 and text[:1] == value[:1]]  # noqa: PLR2004
        pool = list(dict.fromkeys([*scope.hints.strings, *near]))[:_POOL]
    alike = sorted(pool, key=lambda text: -likeness(text, value))[:12]
    tested = set(scope.hints.strings)
    for place, text in enumerate(alike):
        weight = (0.6 if text in tested else 0.45) * (0.4 + 0.6 * likeness(text, value)) / (1 + 0.1 * place)
        yield site.idea("string", weight, repr(text))


def likeness(one: str, other: str) -> float:
    """How alike two texts are, 0 to 1 (Ratcliff and Obershelp)."""
    # Cut off: the comparison takes the square of the length, and more.
    return difflib.SequenceMatcher(None, one[:60], other[:60]).ratio() if one and other else 0.0


def quoted(text: str, quote: str) -> str:
    """A literal of the text, between the same quotes as before where that needs no escape."""
    literal = repr(text)
    return quote + literal[1:-1] + quote if literal[0] != quote and quote not in text else literal


_FIELD = re.compile(r"\{(?!\{)([^{}:!]+)((?:![rsa])?(?::[^{}]*)?)\}")
_NAME = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*")
_ATTRIBUTE = re.compile(r"\.([A-Za-z_]\w*)")
_NUMBER = re.compile(r"(?<![\w.])\d+")
_OPERATOR = re.compile(r"(?<=[\w)\]]) ?([-+*/]|//) ?(?=[\w(])")


def formats(site: Site) -> Ideas:
    """Other names, attributes, numbers and operators in the fields; another precision; fields exchanged."""
    node = cast(ast.JoinedStr, site.node)
    # Before Python 3.12 nodes inside an f-string have no positions: its text is edited with patterns instead.
    if isinstance(site.code.parents.get(node), (ast.JoinedStr, ast.FormattedValue)):
        return
    fields = list(_FIELD.finditer(site.text))
    for field in fields:
        yield from field_names(site, field)
        start = site.start + field.start(1)
        for match in _NUMBER.finditer(field[1]):
            for other, weight in ((int(match[0]) + 1, 0.5), (int(match[0]) - 1, 0.5), (0, 0.3)):
                yield site.raw("number in text", weight, _at(start, match), str(other))
        for match in _OPERATOR.finditer(field[1]):
            span = start + match.start(1), start + match.end(1)
            for other in ("+", "-", "*", "/", "//"):
                yield site.raw("arithmetic in text", 0.5 if {other, match[1]} == {"+", "-"} else 0.3, span, other)
        for match in re.finditer(r"\d+", field[2]):
            begin = site.start + field.start(2)
            for value in (int(match[0]) + 1, int(match[0]) - 1):
                yield site.raw("format", 0.5, _at(begin, match), str(max(0, value)))
        yield from format_specs(site, field)
    for one, other in zip(fields, fields[1:]):  # noqa: B905, RUF007 - Python 3.9
        text = other[0] + site.text[one.end() : other.start()] + one[0]
        yield site.raw("fields exchanged", 0.6, (site.start + one.start(), site.start + other.end()), text)


def _at(start: int, match: re.Match[str]) -> tuple[int, int]:
    return start + match.start(), start + match.end()


def format_specs(site: Site, field: re.Match[str]) -> Ideas:
    """Another conversion or format specification of a field (its second group)."""
    span = site.start + field.start(2), site.start + field.end(2)
    for text, weight in (("", 0.4), ("!r", 0.3), (":.2f", 0.35), (":02d", 0.3), (":,", 0.2), (":.1f", 0.2)):
        if text != field[2]:
            yield site.raw("format", weight, span, text)
    for old, new in (("<", ">"), (">", "<"), ("f", "%"), ("d", "x"), (",", ""), ("0", "")):
        if old in field[2]:
            yield site.raw("format", 0.3, span, field[2].replace(old, new, 1))


def field_names(site: Site, field: re.Match[str]) -> Ideas:
    """Another name or attribute in the expression of a field (its first group), or a little more around it."""
    start, scope = site.start + field.start(1), site.scope
    for match in _NAME.finditer(field[1]):
        others = [name for name in scope.names if name != match[0] and name not in ("self", "cls")]
        if match[0] in scope.names or match[0] in scope.facts.globals:
            for place, other in enumerate(others[:10]):
                yield site.raw("name in text", 0.6 / (1 + 0.15 * place), _at(start, match), other)
    for match in _ATTRIBUTE.finditer(field[1]):
        known = [name for name in scope.facts.every_attribute if name != match[1]]
        for place, other in enumerate(sorted(known, key=lambda name: -likeness(name, match[1]))[:8]):
            span = start + match.start(1), start + match.end(1)

            yield site.raw("attribute in text", 0.5 / (1 + 0.15 * place), span, other)
    text = field[1].strip()
    for other, weight in ((f"{text} + 1", 0.3), (f"{text} - 1", 0.3), (f"len({text})", 0.2), (f"{text}.upper()", 0.1)):
        yield site.raw("field", weight, (start, start + len(field[1])), other)
