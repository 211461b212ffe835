"""Template mining: statements of the repository's own history, the guards and steps that its people write in repairs.

Pure. Fix templates as in PAR (Kim et al., 2013), but of this repository: a template is one statement of a changed line.
Names that are not known where it is tried become names that are.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import permutations
from textwrap import dedent
from typing import Any, NamedTuple

_MOST = 300
_LINES = 4
_LONGEST = 160
_UNKNOWN = 2
"""Names of a template that may become others: with more, hardly anything of it is left."""
_HERE = 5
"""Names in scope that they may become, the parameters first."""
_WORD = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*")
_SIMPLE = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.Raise, ast.Continue, ast.Break, ast.Delete)
_BUILTINS = frozenset(dir(builtins))


class Template(NamedTuple):
    """A statement that was once added or taken away somewhere in the repository."""

    text: str
    names: frozenset[str]
    """Names it reads or sets, but for builtins."""
    guard: bool
    """A condition with one way out behind it."""


def mined(hunks: Iterable[Mapping[str, Any]]) -> tuple[Template, ...]:
    """The statements of changed lines, of the newest change first, each once."""
    templates: dict[str, Template] = {}
    for hunk in hunks:
        before, after = str(hunk["before"]).splitlines(), str(hunk["after"]).splitlines()
        # Both sides: what was taken away by mistake is as good a template as what was added in a repair.
        for lines, others in ((after, frozenset(before)), (before, frozenset(after))):
            for template in changed_statements(lines, others):
                templates.setdefault(template.text, template)
        if len(templates) >= _MOST:
            break
    return tuple(templates.values())[:_MOST]


def changed_statements(lines: Sequence[str], others: AbstractSet[str]) -> Iterator[Template]:
    """The statements that begin on lines which the other side does not have. A hunk is seldom whole Python."""
    start = 0
    while start < len(lines):
        # The longest stretch of lines first: a guard is one statement, its head alone would be none.
        ends = range(min(len(lines), start + _LINES), start, -1) if lines[start] not in others else ()
        start += 1
        for end in ends:
            text = dedent("\n".join(lines[start - 1 : end])).strip("\n")
            node = template_statement(text)
            if node is not None:
                names = frozenset(n.id for n in ast.walk(node) if isinstance(n, ast.Name))
                yield Template(text, names - _BUILTINS, isinstance(node, ast.If))
                start = end  # what stands in a guard is no statement for anywhere
                break


def template_statement(text: str) -> ast.stmt | None:
    """The only statement of a text, where it is one that is worth trying."""
    if len(text) > _LONGEST:
        return None
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    if len(body) != 1:
        return None
    node = body[0]
    if isinstance(node, ast.If):
        return node if len(node.body) == 1 and not node.orelse and isinstance(node.body[0], _SIMPLE) else None
    # A docstring or a bare name does nothing wherever it stands.
    idle = isinstance(node, ast.Expr) and not isinstance(node.value, (ast.Call, ast.Await, ast.Yield, ast.YieldFrom))
    return node if isinstance(node, _SIMPLE) and not idle else None


def tailored(template: Template, known: AbstractSet[str], here: Sequence[str]) -> Iterator[str]:
    """The statement as it would be written where ``known`` may be read and ``here`` are the names of the function."""
    strange = sorted(template.names - known)
    if not strange:
        yield template.text
        return
    if len(strange) > _UNKNOWN:
        return
    for others in permutations([name for name in here if name not in template.names][:_HERE], len(strange)):
        become = dict(zip(strange, others))  # noqa: B905 - Python 3.9
        yield _WORD.sub(lambda match, become=become: become.get(match[0], match[0]), template.text)
