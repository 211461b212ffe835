"""Here-documents end where bash says, not where the parser thinks. Pure (bash manual, 3.6.6)."""

import re

from tree_sitter import Node

from risk.bash.words import text_of

_PLAIN_START = re.compile(r"\\?[A-Za-z0-9_.!@%+-]+|'[A-Za-z0-9_ .!@%+-]*'|\"[A-Za-z0-9_ .!@%+-]*\"")


def clear(node: Node) -> bool:
    """Tell whether the parser and bash agree on the delimiter and on the last line of a here-document."""
    start = next((child for child in node.children if child.type == "heredoc_start"), None)
    body = next((child for child in node.children if child.type == "heredoc_body"), None)
    end = next((child for child in node.children if child.type == "heredoc_end"), None)
    if start is None or body is None or end is None or not _PLAIN_START.fullmatch(text_of(start)):
        return False
    word = text_of(start).strip("'\"").removeprefix("\\")
    tabs = "\t" if any(child.type == "<<-" for child in node.children) else ""
    lines = [line.lstrip(tabs) if tabs else line for line in text_of(body).split("\n")]
    last = lines.pop() if lines else ""
    ends = text_of(end) == word and not last.strip("\t" if tabs else "") and body.start_point.column == 0
    # Before and after the last line: only the whole text has that.
    root = node
    while root.parent is not None:
        root = root.parent
    whole = root.text or b""
    after = whole[end.end_byte - root.start_byte :][:1]
    before = whole[: end.start_byte - root.start_byte].rpartition(b"\n")[2]
    # bash takes a line for the end only where nothing else stands on it.
    return ends and word not in lines and after in {b"", b"\n"} and not before.strip(b"\t")
