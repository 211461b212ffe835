"""Fence parser: fenced blocks of an answer, and the prose between them (CommonMark, read leniently). Pure, linear.

What stands in a block may hold fences itself: those that are shorter than the block's own, those with an info string
and their ends, and all of them between the markers of a search and its replacement.
"""

import re
from dataclasses import dataclass

from models.dialects.markers import CLOSE, OPEN

_FENCE = re.compile(r"[ \t]{0,12}(`{3,}|~{3,})(.*)")
_NEAR = 2
"""Lines between a path and the fence that it stands before."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    info: str
    """What stands behind its fence."""
    body: str
    """Its lines, each with its line feed."""
    before: str = ""
    """The line of prose right before it."""
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in its parts."""

    blocks: tuple[Block, ...]
    prose: str


@dataclass(frozen=True, slots=True)
class _Fence:
    mark: str
    info: str
    indent: int
    crlf: bool
    one_line: bool = False

    def closes(self, other: "_Fence") -> bool:
        return not self.info and self.mark[0] == other.mark[0] and len(self.mark) >= len(other.mark)

    def opens_in(self, other: "_Fence") -> bool:
        return bool(self.info) and self.mark[0] == other.mark[0] and len(self.mark) >= len(other.mark)


def split(text: str, *, verbs: frozenset[str] = frozenset()) -> Answer:
    """Cut an answer into blocks and prose.

    Args:
        text: all of it.
        verbs: first words of info strings that begin a block of their own wherever they stand, but in Markdown.
    """
    lines, at, careful = text.split("\n"), 0, True
    blocks: list[Block] = []
    prose: list[str] = []
    while at < len(lines):
        fence = _fence_of(lines[at])
        if fence is None:
            prose.append(lines[at].rstrip("\r"))
            at += 1
            continue
        before = next((line.strip() for line in reversed(prose[-_NEAR:]) if line.strip()), "")
        if fence.one_line:
            blocks.append(Block(fence.info, "", before))
            at += 1
        else:
            end, closed, doubtful = _end(lines, at, fence, verbs if careful else frozenset(), careful=careful)
            if not closed and doubtful and careful:
                careful = False  # once for the whole answer: time stays linear
                end, closed, _ = _end(lines, at, fence, frozenset(), careful=False)
            body = lines[at + 1 : end]
            if fence.crlf:
                body = [line.removesuffix("\r") for line in body]
            if fence.indent:  # of a list, say: what its lines have of that indent is none of theirs
                body = [line[min(fence.indent, len(line) - len(line.lstrip(" \t"))) :] for line in body]
            blocks.append(Block(fence.info, "".join(f"{line}\n" for line in body), before, closed))
            # What ended the block may be the fence of the next one: that is not passed over.
            last = _fence_of(lines[end]) if closed and end < len(lines) else None
            at = end + (last is not None and last.closes(fence))
        prose.append("")
    return Answer(tuple(blocks), "\n".join(prose).strip())


def _fence_of(line: str) -> _Fence | None:
    if (match := _FENCE.match(line)) is None:
        return None
    mark, info = match[1], match[2].strip()
    one_line = False
    # CommonMark: no backticks in an info string. The whole block stands on this line, or it is code in prose.
    if mark[0] == "`" and "`" in info:
        inner = info.removesuffix(mark).strip()
        if inner == info or "`" * 3 in inner:
            return None
        info, one_line = inner, True
    return _Fence(mark, info, match.start(1), line.endswith("\r"), one_line)


def _end(
    lines: list[str], start: int, fence: _Fence, verbs: frozenset[str], *, careful: bool
) -> tuple[int, bool, bool]:
    """The line at which a block ends, whether something ended it, and whether fences inside it were passed over."""
    depth, in_group, doubtful = 0, False, False
    grouped = careful and not fence.info.lower().startswith("write")
    markdown = fence.info.lower().rstrip("`").endswith((".md", ".mdx", ".markdown", ".rst", "markdown"))
    for at in range(start + 1, len(lines)):
        line = lines[at]
        if grouped and OPEN.match(line):
            in_group = doubtful = True
        elif in_group and CLOSE.match(line):
            in_group = False
        # Between the markers of an edit a fence is text of the file that is edited.
        if in_group or (inner := _fence_of(line)) is None:
            continue
        if inner.closes(fence):
            if depth == 0:
                return at, True, doubtful
            depth -= 1
        elif careful and inner.opens_in(fence) and not inner.one_line:
            word = inner.info.split(maxsplit=1)[0].lower()
            # The block before it was not closed: in a file of Markdown such a fence would be its text.
            if word in verbs and not markdown:
                return at, True, doubtful
            depth, doubtful = depth + 1, True
    return len(lines), False, doubtful
