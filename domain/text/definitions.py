"""Definitions: a function or class that was written alone, put in the place of the one of that name. Pure.

By the syntax tree in Python; elsewhere by braces, where they leave no doubt. What else the file holds stays as it is.
"""

import ast
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from domain.text.indentation import indent_of, reindenting
from domain.text.untrusted import python_tree

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_HEADS = (
    re.compile(
        r"\s{0,80}(?:(?:export|default|pub(?:\(\w{1,20}\))?|public|private|protected|internal|static|abstract|final"
        r"|async|unsafe|const|inline|override|virtual|sealed)\s{1,4}){0,6}"
        r"(?:function\*?|func|fn|class|interface|struct|enum|trait|impl|def|type|module)\s{1,4}"
        r"(?:\([^()]{0,120}\)\s{0,4})?([A-Za-z_$][\w$]{0,120})"
    ),
    re.compile(
        r"\s{0,80}(?:export\s{1,4})?(?:const|let|var)\s{1,4}([A-Za-z_$][\w$]{0,120})\s{0,4}(?::[^=]{0,200})?=\s{0,4}"
        r"(?:async\s{1,4})?(?:function\b|\(|[A-Za-z_$][\w$]{0,60}\s{0,4}=>)"
    ),
)
_SKIPPED = ("//", "/*", "*", "#", "@", "import ", "use ", "using ", "package ")
_STRINGS = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|//[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Redefinition:
    """Lines ``first`` to ``last`` (from 0, inclusive) of a file, and those that take their place."""

    first: int
    last: int
    new: tuple[str, ...]


class Ambiguous(Exception):
    """A name is defined more than once; ``lines`` (from 1) are where."""

    def __init__(self, name: str, lines: Sequence[int]) -> None:
        super().__init__(name)
        self.name, self.lines = name, tuple(lines)


def redefined(text: str, content: str, path: str = "") -> tuple[Redefinition, ...]:
    """Return what the definitions in ``content`` take the place of in ``text``, from the last to the first.

    Empty where ``content`` is more than definitions, none of them is in the file, or it has all that the file has.

    Raises:
        Ambiguous: the file defines a name more than once.
    """
    if path.endswith((".py", ".pyi", ".pyw")) or (not path and python_tree(textwrap.dedent(content)) is not None):
        return _in_python(text, textwrap.dedent(content))
    return by_braces(text, content)


def defines(text: str, content: str, path: str) -> bool:
    """Tell whether a file has definitions whose place those in ``content`` take, once or more often."""
    try:
        return bool(redefined(text, content, path))
    except Ambiguous:
        return True


def names(content: str, language: str = "") -> tuple[str, ...]:
    """Return what a text defines at its top."""
    tree = python_tree(textwrap.dedent(content)) if language.lower() in {"", "py", "python", "python3"} else None
    if tree is not None:
        return tuple(node.name for node in tree.body if isinstance(node, _Definition))
    head = _head(content.split("\n"))
    return (head[1],) if head else ()


def _in_python(text: str, content: str) -> tuple[Redefinition, ...]:
    old, new = python_tree(text), python_tree(content)
    if new is None or not new.body:
        return ()
    definitions = [node for node in new.body if isinstance(node, _Definition)]
    others = [node for node in new.body if not isinstance(node, _Definition)]
    if not definitions or not all(isinstance(node, ast.Import | ast.ImportFrom) for node in others):
        return ()
    if old is None:
        return by_indentation(text, content, definitions) if not others else ()
    present = definitions_by_name(old)
    if not all(node.name in present for node in definitions):
        return ()
    if others and any(ast.unparse(node) not in {*map(ast.unparse, old.body)} for node in others):
        return ()  # an import that is new belongs to the whole file
    names_ = {node.name for node in definitions}
    if all(isinstance(node, _Definition) and node.name in names_ for node in old.body):
        return ()  # the file has nothing else: this is all of it
    rows, written = text.split("\n"), content.split("\n")
    redefinitions: list[Redefinition] = []
    for node in definitions:
        places = present[node.name]
        if len(places) > 1:
            # Who writes a function without a class around it means the one at the top.
            top = [each for each in places if each in old.body]
            if len(top) != 1 or indent_of(rows[top[0].lineno - 1]):
                raise Ambiguous(node.name, [each.lineno for each in places])
            places = top
        redefinitions.append(_exchanged(places[0], node, rows, written))
    ordered = sorted(redefinitions, key=lambda each: -each.first)
    # A class and a method of it at once: one would be written into the middle of the other.
    overlap = any(a.first <= b.last for a, b in pairwise(ordered))
    return () if overlap else tuple(ordered)


def by_indentation(text: str, content: str, definitions: Sequence[_Definition]) -> tuple[Redefinition, ...]:
    """As ``_in_python``, in a file that does not parse: a definition ends where a line is indented as it is."""
    rows, written = text.split("\n"), content.split("\n")
    redefinitions: list[Redefinition] = []
    for node in definitions:
        head = re.compile(rf"[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+{re.escape(node.name)}\b")
        places = [at for at, row in enumerate(rows) if head.match(row)]
        if len(places) > 1:
            raise Ambiguous(node.name, [at + 1 for at in places])
        if not places:
            return ()
        depth, last = len(indent_of(rows[places[0]])), places[0]
        for at in range(places[0] + 1, len(rows)):
            # A bracket that closes a long signature stands as far left as the definition, and ends nothing.
            closing = rows[at].strip().startswith((")", "]", "}"))
            if rows[at].strip() and len(indent_of(rows[at])) <= depth and not closing:
                break
            last = at if rows[at].strip() else last
        lines = written[node.lineno - 1 : node.end_lineno]
        indented = reindenting([(lines[0], rows[places[0]])], written, rows)
        redefinitions.append(
            Redefinition(places[0], last, tuple(line if indented is None else indented(line) for line in lines))
        )
    return tuple(sorted(redefinitions, key=lambda each: -each.first))


def _exchanged(old: _Definition, new: _Definition, rows: Sequence[str], written: Sequence[str]) -> Redefinition:
    """One definition for another; decorators that were not written again stay."""
    first = old.lineno if old.decorator_list and not new.decorator_list else _begin(old)
    lines = written[_begin(new) - 1 : new.end_lineno]
    indented = reindenting([(lines[0], rows[_begin(old) - 1])], written, rows)
    fitted = [line if indented is None else indented(line) for line in lines]
    return Redefinition(first - 1, (old.end_lineno or old.lineno) - 1, tuple(fitted))


def _begin(node: _Definition) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def definitions_by_name(tree: ast.Module) -> dict[str, list[_Definition]]:
    """Definitions of a file by their name: functions, classes, and methods; not what is inside functions."""
    where: dict[str, list[_Definition]] = {}
    waiting: list[ast.stmt] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _Definition):
            where.setdefault(node.name, []).append(node)
        if isinstance(node, ast.ClassDef):
            waiting += node.body
        elif isinstance(node, ast.If | ast.Try):
            waiting += [*node.body, *node.orelse]
    return where


def by_braces(text: str, content: str) -> tuple[Redefinition, ...]:
    """As ``_in_python``, where a definition ends with the brace that closes it; none where that is in doubt."""
    written = content.removesuffix("\n").split("\n")
    while written and not written[-1].strip():
        written.pop()
    if (head := _head(written)) is None:
        return ()
    begun, name = head
    end = _closing(written, begun)
    if end != len(written) - 1 or any(line.strip().startswith(_SKIPPED[5:]) for line in written[:begun]):
        return ()
    rows = text.split("\n")
    places = [at for at, row in enumerate(rows) if _named(row) == name]
    if len(places) > 1:
        raise Ambiguous(name, [at + 1 for at in places])
    if not places or (last := _closing(rows, places[0])) is None:
        return ()
    if not any(row.strip() for row in (*rows[: places[0]], *rows[last + 1 :])):
        return ()
    lines = written[begun:]
    indented = reindenting([(lines[0], rows[places[0]])], written, rows)
    return (Redefinition(places[0], last, tuple(line if indented is None else indented(line) for line in lines)),)


def _head(lines: Sequence[str]) -> tuple[int, str] | None:
    """The line of the first definition and its name; None where something else comes first."""
    for at, line in enumerate(lines[:200]):
        if line.strip() and not line.strip().startswith(_SKIPPED):
            name = _named(line)
            return (at, name) if name else None
    return None


def _named(line: str) -> str:
    return next((match[1] for pattern in _HEADS if (match := pattern.match(line[:600]))), "")


def _closing(lines: Sequence[str], begun: int, most: int = 3_000) -> int | None:
    """The line on which the brace closes that a definition opens; None where that is in doubt."""
    depth, opened = 0, False
    text = "\n".join(lines[begun : begun + most])
    # Braces in strings and comments open nothing; blanks in their place keep the lines.
    bare = _STRINGS.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for at, code in enumerate(bare.split("\n")):
        for char in code:
            if char == "{":
                depth, opened = depth + 1, True
            elif char == "}":
                depth -= 1
                if depth < 0:
                    return None
        if opened and depth == 0:
            rest = code[code.rindex("}") + 1 :].strip(" \t;,)")
            return begun + at if not rest else None
    return None
