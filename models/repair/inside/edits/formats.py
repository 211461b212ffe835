"""Edits inside f-strings, as text: before Python 3.12 the parser does not say where their parts stand."""

from __future__ import annotations

import ast
import re
from typing import cast

from ..analysis.site import Ideas, Site
from .atoms import likeness

_FIELD = re.compile(r"\{(?!\{)([^{}:!]+)((?:![rsa])?(?::[^{}]*)?)\}")
_NAME = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*")
_ATTRIBUTE = re.compile(r"\.([A-Za-z_]\w*)")
_NUMBER = re.compile(r"(?<![\w.])\d+")
_OPERATOR = re.compile(r"(?<=[\w)\]]) ?([-+*/]|//) ?(?=[\w(])")


def formats(site: Site) -> Ideas:
    """Other names, attributes, numbers and operators in the fields; another precision; fields exchanged."""
    node = cast(ast.JoinedStr, site.node)
    if isinstance(site.code.parents.get(node), (ast.JoinedStr, ast.FormattedValue)):
        return
    fields = list(_FIELD.finditer(site.text))
    for field in fields:
        yield from _names(site, field)
        start = site.start + field.start(1)
        for found in _NUMBER.finditer(field[1]):
            for other, weight in ((int(found[0]) + 1, 0.5), (int(found[0]) - 1, 0.5), (0, 0.3)):
                yield site.raw("number in text", weight, _at(start, found), str(other))
        for found in _OPERATOR.finditer(field[1]):
            span = start + found.start(1), start + found.end(1)
            for other in ("+", "-", "*", "/", "//"):
                yield site.raw("arithmetic in text", 0.5 if {other, found[1]} == {"+", "-"} else 0.3, span, other)
        for found in re.finditer(r"\d+", field[2]):
            begin = site.start + field.start(2)
            for value in (int(found[0]) + 1, int(found[0]) - 1):
                yield site.raw("format", 0.5, _at(begin, found), str(max(0, value)))
        yield from _specs(site, field)
    for one, other in zip(fields, fields[1:]):  # noqa: B905, RUF007 - Python 3.9
        text = other[0] + site.text[one.end() : other.start()] + one[0]
        yield site.raw("fields exchanged", 0.6, (site.start + one.start(), site.start + other.end()), text)


def _at(start: int, found: re.Match[str]) -> tuple[int, int]:
    return start + found.start(), start + found.end()


def _specs(site: Site, field: re.Match[str]) -> Ideas:
    span = site.start + field.start(2), site.start + field.end(2)
    for text, weight in (("", 0.4), ("!r", 0.3), (":.2f", 0.35), (":02d", 0.3), (":,", 0.2), (":.1f", 0.2)):
        if text != field[2]:
            yield site.raw("format", weight, span, text)
    for old, new in (("<", ">"), (">", "<"), ("f", "%"), ("d", "x"), (",", ""), ("0", "")):
        if old in field[2]:
            yield site.raw("format", 0.3, span, field[2].replace(old, new, 1))


def _names(site: Site, field: re.Match[str]) -> Ideas:
    start, scope = site.start + field.start(1), site.scope
    for found in _NAME.finditer(field[1]):
        others = [name for name in scope.names if name != found[0] and name not in ("self", "cls")]
        if found[0] in scope.names or found[0] in scope.facts.globals:
            for place, other in enumerate(others[:10]):
                yield site.raw("name in text", 0.6 / (1 + 0.15 * place), _at(start, found), other)
    for found in _ATTRIBUTE.finditer(field[1]):
        known = [name for name in scope.facts.every_attribute if name != found[1]]
        for place, other in enumerate(sorted(known, key=lambda name: -likeness(name, found[1]))[:8]):
            span = start + found.start(1), start + found.end(1)
            yield site.raw("attribute in text", 0.5 / (1 + 0.15 * place), span, other)
    text = field[1].strip()
    for other, weight in ((f"{text} + 1", 0.3), (f"{text} - 1", 0.3), (f"len({text})", 0.2), (f"{text}.upper()", 0.1)):
        yield site.raw("field", weight, (start, start + len(field[1])), other)
