"""Untrusted text, shown for what it is, and parsed at a cost that its length bounds: Python, JSON, YAML. Pure.

Who writes a repository, a test's output or a model's answer chooses these texts. What is too deep or too large
for a parser is an answer of its own here, never a crash of the process and never a stack that runs out.
"""

import ast
import json
import re
import unicodedata
from dataclasses import dataclass, field
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
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Variation selectors: marks by category, and a place to hide bytes in."""
_NUMBER_CHARS = 100
_NUMERIC = frozenset("-+.0123456789")
# ``%TAG`` gives a tag another name, past the check of tags.
_DIRECTIVE = re.compile(r"(?:^|[\n\r\x85\u2028\u2029])\ufeff?%")
_PLAIN_TAGS = (None, "tag:yaml.org,2002:str")


def readable(text: str) -> str:
    """A text without what nobody sees: characters that hide, turn or move are one sign each."""
    return "".join(
        char
        if char in "\n\t" or (char.isprintable() and not any(ord(char) in each for each in _SELECTORS))
        else "\N{REPLACEMENT CHARACTER}"
        for char in text
        if unicodedata.category(char) != "Cs"
    )


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


def yaml_value(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        ValueError: it is no YAML, or more than ``yaml_excess`` lets pass.
    """
    try:
        if excess := yaml_excess(text):
            what, line = excess
            raise ValueError(f"line {line}: this is too much to read: {what}")
        return yaml.load(text, Loader=YamlLoader)  # noqa: S506  a safe loader
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


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
    weight = _Weight()
    for event in yaml.parse(text, Loader=YamlLoader):
        if (wrong := weight.excess(event)) is not None:
            return wrong, event.start_mark.line + 1 if event.start_mark else 1
    return None


@dataclass(slots=True)
class _Open:
    """A collection whose end is still to come."""

    anchor: str | None
    nodes_before: int
    height: int = 1
    """Levels from here down, as far as they were seen."""


@dataclass(slots=True)
class _Weight:
    """What a text would become, as far as its events were heard."""

    nodes: int = 0
    depth: int = 0
    opened: list[_Open] = field(default_factory=list[_Open])
    anchored: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    """Nodes and height of what an alias may stand for."""

    def excess(self, event: yaml.Event) -> str | None:
        """Take an event in; say what is too much now."""
        wrong = self._taken(event)
        if wrong is None and self.nodes > YAML_NODES:
            wrong = f"it has more than {YAML_NODES:,} values, each alias counted as what it stands for"
        if wrong is None and self.depth > YAML_DEPTH:
            wrong = f"it is nested more than {YAML_DEPTH} levels deep"
        return wrong

    def _taken(self, event: yaml.Event) -> str | None:
        match event:
            case yaml.CollectionStartEvent():
                self.opened.append(_Open(event.anchor, self.nodes))
                self._grow(1, 0)
                return _tagged(event.tag)
            case yaml.CollectionEndEvent():
                ended = self.opened.pop()
                if ended.anchor is not None:
                    self.anchored[ended.anchor] = (self.nodes - ended.nodes_before, ended.height)
                self._grow(0, ended.height)
            case yaml.ScalarEvent():
                if event.anchor is not None:
                    self.anchored[event.anchor] = (1, 0)
                self._grow(1, 0)
                # YAML reads numbers to the base of 60, whose digits take the square of their time, and of any length.
                if event.implicit[0] and event.value[:1] in _NUMERIC and len(event.value) > _NUMBER_CHARS:
                    return _tagged(event.tag) or f"a number has {len(event.value):,} characters"
                return _tagged(event.tag)
            case yaml.AliasEvent():
                # A collection is anchored at its end: an alias inside of it would stand for something without end.
                if event.anchor not in self.anchored:
                    return f"the alias *{str(event.anchor)[:60]} stands for nothing that is complete before it"
                self._grow(*self.anchored[event.anchor])
            case _:
                pass
        return None

    def _grow(self, nodes: int, height: int) -> None:
        """Put something of that many nodes and levels into the collection that is open."""
        self.nodes += nodes
        self.depth = max(self.depth, len(self.opened) + height)
        if self.opened:
            self.opened[-1].height = max(self.opened[-1].height, height + 1)


def _tagged(tag: str | None) -> str | None:
    return None if tag in _PLAIN_TAGS else f"the tag {str(tag)[:60]} is not allowed"
