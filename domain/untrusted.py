"""Untrusted text, parsed at a cost that its length bounds: Python, JSON, YAML and numbers. Pure.

Whoever writes a repository, a test's output or a model's answer chooses these texts. What is too deep or too large
for a parser is an answer of its own here, never a crash of the process and never a stack that runs out.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from yaml import SafeLoader as YamlLoader
else:
    YamlLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MOST_CHARS = 2 << 20
"""Of what a command printed, half from the start and half from the end, that is searched."""
MOST_COUNT = 999_999_999
"""A count that a text names is never more than this: no test run has as many tests."""
YAML_CHARS = 1 << 20
YAML_DEPTH = 32
YAML_NODES = 20_000
"""Scalars, sequences and mappings, each alias counted as all that it stands for."""
_NUMBER_CHARS = 100
_NUMERIC = frozenset("-+.0123456789")
_DIRECTIVE = re.compile(r"(?:^|[\n\r\x85\u2028\u2029])\ufeff?%")
_PLAIN_TAGS = (None, "tag:yaml.org,2002:str")


def clipped(text: str, most: int = MOST_CHARS) -> str:
    """Return ``text``, or its start and its end where it has more than ``most`` characters; no line is made of both."""
    return text if len(text) <= most else f"{text[: most // 2]}\n{text[-(most // 2) :]}"


def whole_number(digits: str) -> int:
    """Return the number that decimal ``digits`` stand for, at most ``MOST_COUNT``.

    ``int`` refuses more than 4,300 digits, and a checkpoint more than 64 bits.
    """
    return min(int(digits), MOST_COUNT) if len(digits) <= len(str(MOST_COUNT)) + 1 else MOST_COUNT


def python_tree(text: str) -> ast.Module | None:
    """Return the syntax tree of ``text``; None where it is no Python, or nested deeper than the parser goes."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # The parser says MemoryError when its own stack is full, long before there is no memory.
        return None


def json_value(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is no JSON, has a number of too many digits, or is nested deeper than the parser goes.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def yaml_excess(text: str) -> tuple[str, int] | None:
    """Say what is too much in a YAML text, and in which line, from 1; None where it may be composed.

    Composing and constructing recurse, in C without any check, and follow aliases and merge keys wherever they lead.
    So depth, nodes and aliases are counted on the parser's events first, which come one by one.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    if len(text) > YAML_CHARS:
        return f"it has {len(text):,} characters, {YAML_CHARS:,} are allowed", 1
    if directive := _DIRECTIVE.search(text):
        return "directives (%) are not allowed", text.count("\n", 0, directive.end()) + 1
    return next(_excesses(text), None)


@dataclass(slots=True)
class _Open:
    """A collection whose end is still to come."""

    anchor: str | None
    nodes_before: int
    height: int = 1
    """Levels from here down, as far as they were seen."""


def _excesses(text: str) -> Iterator[tuple[str, int]]:
    nodes = 0
    opened: list[_Open] = []
    anchored: dict[str, tuple[int, int]] = {}
    for event in yaml.parse(text, Loader=YamlLoader):
        line, height = event.start_mark.line + 1, 0
        match event:
            case yaml.CollectionStartEvent():
                yield from _tagged(event.tag, line)
                opened.append(_Open(event.anchor, nodes))
                nodes, height = nodes + 1, 1
            case yaml.CollectionEndEvent():
                ended = opened.pop()
                height = ended.height
                if ended.anchor is not None:
                    anchored[ended.anchor] = (nodes - ended.nodes_before, height)
                if opened:
                    opened[-1].height = max(opened[-1].height, height + 1)
            case yaml.ScalarEvent():
                yield from _tagged(event.tag, line)
                if event.implicit[0] and event.value[:1] in _NUMERIC and len(event.value) > _NUMBER_CHARS:
                    yield f"a number has {len(event.value):,} characters", line
                if event.anchor is not None:
                    anchored[event.anchor] = (1, 0)
                nodes += 1
            case yaml.AliasEvent():
                if event.anchor not in anchored:
                    yield f"the alias *{event.anchor[:60]} stands for nothing that is complete before it", line
                    return
                size, height = anchored[event.anchor]
                nodes += size
                if opened:
                    opened[-1].height = max(opened[-1].height, height + 1)
            case _:
                pass
        if nodes > YAML_NODES:
            yield f"it has more than {YAML_NODES:,} values, each alias counted as what it stands for", line
        deep = len(opened) + height - isinstance(event, yaml.CollectionStartEvent)
        if deep > YAML_DEPTH:
            yield f"it is nested more than {YAML_DEPTH} levels deep", line


def _tagged(tag: str | None, line: int) -> Iterator[tuple[str, int]]:
    if tag not in _PLAIN_TAGS:
        yield f"the tag {str(tag)[:60]} is not allowed", line
