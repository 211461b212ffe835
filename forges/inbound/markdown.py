"""Markdown of comments: what in it is said to us, and what a reader of it sees. Pure.

Only the blocks are parsed (CommonMark): a mention counts where it begins a paragraph of its own, so not in a
quotation, a list, code or HTML, and the time it takes grows with the text.
"""

from markdown_it import MarkdownIt

from forges.inbound.events import MOST_WORDS

MARKER = "<!-- signoff:"
"""Begins what we write to a forge, and nobody sees: such a comment is never taken for somebody's."""
_DEPTH = 20
_BEHIND_A_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_./@")
_LITERAL = frozenset({"fence", "code_block"})


def mentioned(comment: str, mention: str) -> str | None:
    """What a comment says to ``mention`` (``@signoff``): all from there to its end. None: it is not for us."""
    lines = _one_line_end(comment).split("\n")
    for token in _blocks("\n".join(lines)):
        if token.type != "paragraph_open" or token.level or token.map is None:
            continue
        first = lines[token.map[0]].strip()
        name, rest = first[: len(mention)], first[len(mention) :]
        if name.lower() == mention.lower() and rest[:1].lower() not in _BEHIND_A_NAME:
            # ``visible`` of what follows: a template's hidden instructions are not what this person said.
            return visible("\n".join([rest.lstrip(" \t:,"), *lines[token.map[0] + 1 :]]))
    return None


def visible(text: str) -> str:
    """The text without what no reader sees (comments of HTML), and not longer than is taken over."""
    whole = _one_line_end(text)
    lines, shown, start = whole.split("\n"), list[str](), 0
    for token in _blocks(whole):
        if token.type in _LITERAL and token.map is not None and token.map[0] >= start:
            shown += [_uncommented("\n".join(lines[start : token.map[0]])), "\n".join(lines[slice(*token.map)])]
            start = token.map[1]
    shown.append(_uncommented("\n".join(lines[start:])))
    return "\n".join(shown).strip()[:MOST_WORDS]


def _one_line_end(text: str) -> str:
    # The parser takes a lone carriage return for a line end, too, and its line numbers count it; NUL it replaces.
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _uncommented(text: str) -> str:
    first, *behind = text.split("<!--")
    # What never ends hides the rest of the text.
    return first + "".join(part.partition("-->")[2] for part in behind)


def _blocks(text: str):  # noqa: ANN202  tokens of the library
    return MarkdownIt("commonmark", {"maxNesting": _DEPTH}).disable("inline").parse(text)
