"""Ambiguities: where the parser and bash may read the same text differently. Never low. Pure.

The parser is made for editors: it recovers from everything. So its tree is only believed where nothing was
left out, no two words touch, and no literal holds anything that bash would still expand.
"""

import re
from collections.abc import Iterator
from typing import Final

from tree_sitter import Node

from risk.bash.words import text_of
from risk.signals import names

_LITERAL: Final = names("word regex extglob_pattern string_content heredoc_content number variable_name test_operator")
_WHOLE: Final = names(
    "program list pipeline command subshell compound_statement do_group if_statement elif_clause else_clause"
    " case_statement case_item while_statement for_statement negated_command command_substitution"
    " process_substitution redirected_statement function_definition declaration_command unset_command"
    " test_command variable_assignment"
)
_APART: Final = names(
    "word string raw_string ansi_c_string concatenation simple_expansion expansion number command_name"
    " command_substitution process_substitution translated_string arithmetic_expansion brace_expression"
)
_ONE_LINE: Final = names("command declaration_command unset_command test_command")
_BLANK = re.compile(rb"(?:[\s;]|\\\n)*")
_LOST_DASH = re.compile(rb"\s+-\s*")
"""``cat - <<EOF``: the parser forgets the lonely dash, which means standard input."""
_BACKTICKS = re.compile(r"(?<!\\)((?:\\\\)*)`((?:\\.|[^`\\])*)(`?)", re.DOTALL)
_SUBSTITUTION = re.compile(r"(?<!\\)(?:\\\\)*(\$[({\[]|[<>]\()")
_BARE_BLANK = re.compile(r"(?<!\\)(?:\\\\)*[\s;|&<>()]")
_LOOSE = re.compile(r"(?<!\\)(?:\\\\)*[\n;|&<>()]")
_NAME = re.compile(r"[A-Za-z_]\w*|\d+", re.ASCII)
_BROKEN_WORD = re.compile(r"(?<![\s\\;|&()])(?:\\\\)*\\\n(?![\s])")


def doubts(node: Node) -> Iterator[str]:
    """Name what may be read differently about this node itself, not about what lies in it."""
    if node.type in _WHOLE:
        yield from _between(node)
        if node.type == "test_command" and not _long_test(node) and _LOOSE.search(_unquoted(node)):
            yield "a test that bash would end earlier"
    elif node.type in _LITERAL and not node.children:
        text = text_of(node)
        if _SUBSTITUTION.search(text):
            yield "a substitution where the grammar sees plain text"
        if (
            node.type == "word"
            and _BARE_BLANK.search(text)
            and node.parent is not None
            and node.parent.type != "expansion"
        ):
            yield "a blank inside of a word"
        if node.type == "variable_name" and _NAME.fullmatch(text) is None:
            yield "a variable without a name"


def _unquoted(node: Node) -> str:
    """The text of a node with everything left out that is quoted or expanded."""
    if node.type in _APART and node.type not in {"word", "concatenation", "number"}:
        return "_"
    if not node.children:
        return text_of(node)
    whole, start, at = node.text or b"", node.start_byte, 0
    pieces: list[str] = []
    for child in node.children:
        pieces += [whole[at : child.start_byte - start].decode(errors="replace"), _unquoted(child)]
        at = child.end_byte - start
    return "".join(pieces)


def broken_words(text: str) -> bool:
    """Tell whether a line break stands inside of a word, which bash joins and the parser splits."""
    return bool(_BROKEN_WORD.search(text))


def backticked(text: str) -> Iterator[str | None]:
    """Find the commands between backticks in a text that is plain to the parser; None where one has no end."""
    for match in _BACKTICKS.finditer(text):
        yield unescaped(match[2]) if match[3] else None


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


def surrounded(root: Node, source: bytes) -> bool:
    """Tell whether there is text before or after the tree."""
    before, after = source[: root.start_byte], source[root.end_byte :]
    return _BLANK.fullmatch(before) is None or _BLANK.fullmatch(after) is None


def _between(node: Node) -> Iterator[str]:
    whole, start = node.text or b"", node.start_byte
    at, before = 0, None
    for child in node.children:
        gap = whole[at : child.start_byte - start]
        lost_dash = child.type == "heredoc_redirect" and _LOST_DASH.fullmatch(gap)
        if not lost_dash and _BLANK.fullmatch(gap) is None:
            yield "some of the text belongs to nothing"
        # For bash the command has ended here; the parser, when it recovers, reads on.
        if node.type in _ONE_LINE and b"\n" in gap.replace(b"\\\n", b"") and not _long_test(node):
            yield "a command over two lines"
        if not gap and before is not None and touching(node, before, child):
            yield "two words without a blank between them"
        at, before = child.end_byte - start, child
    if before is not None and _BLANK.fullmatch(whole[at:]) is None:
        yield "some of the text belongs to nothing"


def touching(node: Node, before: Node, child: Node) -> bool:
    """Tell whether two parts of a node that no blank separates are two words to the parser, and one to bash."""
    if node.type == "test_command":
        return before.type in {"[", "[["} or child.type in {"]", "]]"}
    if node.type in {"declaration_command", "unset_command"}:
        return child.is_named
    return node.type == "command" and {before.type, child.type} <= _APART


def _long_test(node: Node) -> bool:
    return node.type == "test_command" and node.children[0].type != "["
