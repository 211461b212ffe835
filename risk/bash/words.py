"""What the words of a shell command become: quotes removed, braces and known variables expanded. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from tree_sitter import Node

from risk.bash.quoting import BREAK, GLOB, HOLE, MARKS, ansi, bare, braces, double_quoted, unmarked

_LITERAL: Final = frozenset(
    (
        "word",
        "number",
        "variable_name",
        "regex",
        "extglob_pattern",
        "test_operator",
        "file_descriptor",
        "heredoc_start",
    )
)
FIXED: Final = {"HOME": "~", "PWD": ".", "OLDPWD": "..", "TMPDIR": "/tmp", "UID": "1000"}  # noqa: S108
_SIMPLE, _BRACED = 2, 3
"""How many nodes ``$x`` and ``${x}`` have; more of them do more."""


@dataclass(frozen=True, slots=True)
class Word:
    """One argument as the program will get it."""

    text: str
    """With ``HOLE`` where something is not known yet."""
    glob: bool = False
    """Has unquoted ``*``, ``?`` or ``[``: the files that are there decide."""
    variable: bool = False
    """Came out of a variable, even if its value is in the script."""
    stream: bool = False
    """A process substitution: a file name that is really a pipe."""

    @property
    def known(self) -> bool:
        return HOLE not in self.text


@dataclass(frozen=True, slots=True)
class Value:
    """What a variable may hold."""

    words: tuple[Word, ...]
    loop: bool = False
    """A loop over words that stand in the script."""


Values = Mapping[str, Value]


def text_of(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")


def words_of(node: Node, values: Values) -> list[Word]:
    """Return the words that one word of the script becomes: usually one."""
    parts = list(_parts(node, values, quoted=False))
    marked = "".join(text for text, _ in parts)
    word = Word("", variable=any(expands for _, expands in parts), stream=node.type == "process_substitution")
    if MARKS.search(marked) is None:
        return [replace(word, text=marked)]
    texts = [piece for text in braces(marked) for piece in text.split(BREAK)]
    if len(texts) > 1:
        # Nothing at all where a variable without quotes is empty: in ``$x rm`` the program is ``rm``.
        texts = [text for text in texts if text]
    return [replace(word, text=unmarked(text), glob=GLOB in text) for text in texts]


def one_word(node: Node, values: Values) -> Word:
    """Return the word where the shell does not split, as in assignments and here-strings."""
    words = words_of(node, values)
    if not words:
        return Word("", variable=True)
    return words[0] if len(words) == 1 else replace(words[0], text=joined(words))


def joined(words: Iterator[Word] | tuple[Word, ...] | list[Word]) -> str:
    """Return the words as a line, as ``eval`` sees them."""
    return " ".join(word.text for word in words)


def _parts(node: Node, values: Values, *, quoted: bool) -> Iterator[tuple[str, bool]]:
    """Yield marked text, and whether a variable is in it."""
    if node.type in _LITERAL:
        inner = any(child.is_named for child in node.children)
        yield (HOLE if inner else bare(text_of(node))), inner
        return
    match node.type:
        case "raw_string":
            yield text_of(node)[1:-1], False
        case "ansi_c_string":
            yield ansi(text_of(node)[2:-1]), False
        case "string_content":
            yield double_quoted(text_of(node)), False
        case "string":
            # A double-quoted string; blanks between its parts belong to no node and must not get lost.
            source, start, at = node.text or b"", node.start_byte, 1
            for child in node.children[1:-1]:
                yield source[at : child.start_byte - start].decode(errors="replace"), False
                yield from _parts(child, values, quoted=True)
                at = child.end_byte - start
            yield source[at:-1].decode(errors="replace"), False
        case "concatenation" | "command_name":
            for child in node.children:
                yield from _parts(child, values, quoted=quoted)
        case "simple_expansion" | "expansion":
            yield _expansion(node, values, quoted=quoted)
        case _:
            yield from _rest(node, values, quoted=quoted)


def _rest(node: Node, values: Values, *, quoted: bool) -> Iterator[tuple[str, bool]]:
    match node.type:
        case "translated_string":
            for child in node.children[1:]:
                yield from _parts(child, values, quoted=quoted)
        case "process_substitution":
            yield "/dev/fd/63", False
        case "brace_expression":
            yield bare(text_of(node)), False
        case _:
            yield (HOLE, True) if node.is_named else (bare(text_of(node)), False)


def _expansion(node: Node, values: Values, *, quoted: bool) -> tuple[str, bool]:
    named = [child for child in node.children if child.is_named]
    most = _SIMPLE if node.type == "simple_expansion" else _BRACED
    # Anything more (``${x#a}``, ``${x:-b}``) changes the value in ways that are not followed here.
    if len(named) == 1 and named[0].type == "variable_name" and len(node.children) <= most:
        # The marked text of `$name`, and whether it may hold anything but a loop's words.
        name = text_of(named[0])
        value = values.get(name)
        if value is not None and len(value.words) == 1:
            word = value.words[0]
            text = word.text + (GLOB if word.glob and not quoted else "")
            return (text if quoted else re.sub(r"\s+", BREAK, text) or BREAK), not value.loop
        if value is not None:
            return HOLE, True
        if name == "IFS":
            return (" " if quoted else BREAK), False
        return (FIXED[name], False) if name in FIXED else (HOLE, True)
    return HOLE, True
