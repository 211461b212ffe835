"""Places where the parser and bash may read the same text differently. What is found here is never low. Pure.

The parser is made for editors: it recovers from everything. So its tree is only believed where nothing was
left out, no two words touch, and no literal holds anything that bash would still expand.
"""

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from risk.signs import names
from risk.words import text_of

_LITERAL: Final = names("word regex extglob_pattern string_content heredoc_content number variable_name test_operator")
_WHOLE: Final = names(
    "program list pipeline command subshell compound_statement do_group if_statement elif_clause else_clause"
    " case_statement case_item while_statement for_statement negated_command command_substitution"
    " process_substitution redirected_statement function_definition declaration_command unset_command"
)
_APART: Final = names(
    "word string raw_string ansi_c_string concatenation simple_expansion expansion number command_name"
    " command_substitution process_substitution translated_string arithmetic_expansion brace_expression"
)
_BLANK = re.compile(rb"(?:[\s;]|\\\n)*")
_LOST_DASH = re.compile(rb"\s+-\s*")
"""``cat - <<EOF``: the parser forgets the lonely dash, which means standard input."""
_BACKTICKS = re.compile(r"(?<!\\)((?:\\\\)*)`((?:\\.|[^`\\])*)(`?)", re.DOTALL)
_SUBSTITUTION = re.compile(r"(?<!\\)(?:\\\\)*(\$[({\[]|[<>]\()")
_BROKEN_WORD = re.compile(r"(?<![\s\\;|&()])(?:\\\\)*\\\n(?![\s])")


def doubts(node: Node) -> Iterator[str]:
    """Name what may be read differently about this node itself, not about what lies in it."""
    if node.type in _WHOLE:
        yield from _between(node)
    elif node.type in _LITERAL and not node.children and _SUBSTITUTION.search(text_of(node)):
        yield "a substitution where the grammar sees plain text"


def broken_words(text: str) -> bool:
    """Tell whether a line break stands inside of a word, which bash joins and the parser splits."""
    return bool(_BROKEN_WORD.search(text))


def backticked(text: str) -> Iterator[str | None]:
    """Find the commands between backticks in a text that is plain to the parser; None where one has no end."""
    for found in _BACKTICKS.finditer(text):
        yield unescaped(found[2]) if found[3] else None


def nested(node: Node) -> str | None:
    """The script of a backtick substitution in which backslashes make a difference."""
    text = text_of(node)
    return unescaped(text[1:-1]) if node.type == "command_substitution" and text[:1] == "`" and "\\" in text else None


def literal(node: Node) -> bool:
    """Tell whether the parser sees nothing to expand here, while bash would look for backticks."""
    return node.type in _LITERAL and not node.children


def unescaped(text: str) -> str:
    """Undo what backslashes do between backticks."""
    return re.sub(r"\\([$`\\])", r"\1", text)


def _between(node: Node) -> Iterator[str]:
    whole, start = node.text or b"", node.start_byte
    at, before = 0, None
    for child in node.children:
        gap = whole[at : child.start_byte - start]
        lost_dash = child.type == "heredoc_redirect" and _LOST_DASH.fullmatch(gap)
        if not lost_dash and _BLANK.fullmatch(gap) is None:
            yield "some of the text belongs to nothing"
        touching = not gap and before is not None and {before.type, child.type} <= _APART
        if touching and node.type in {"command", "declaration_command", "unset_command"}:
            yield "two words without a blank between them"
        at, before = child.end_byte - start, child
    if before is not None and _BLANK.fullmatch(whole[at:]) is None:
        yield "some of the text belongs to nothing"
