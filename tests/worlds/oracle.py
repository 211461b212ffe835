"""An oracle: it knows the change of a real commit, and says of it only what it has been shown.

``Oracle`` decides the next action from the conversation alone, so that a question that is asked again after a crash is
answered alike. ``OracleServer`` speaks for it as an OpenAI-compatible endpoint, in native calls where tools are
offered, in fenced blocks elsewhere; ``clumsy`` writes what it means as badly as real models do.
"""

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from domain.coder import CoderAction, DoneAction, EditAction, EditBlock, OpenAction, RunAction, SearchAction
from domain.text import shortened
from models.dialects import text, tools
from tests.wire.openai_answers import Received
from tests.wire.openai_server import OpenAIServer

Files = Mapping[str, str]
MOST = 2_400
"""Characters of one edit: what an answer of 1,000 tokens holds."""
AROUND = 30
"""Lines above and below a change that are opened."""
_WIDTHS = (400, 500)
"""Characters of a line that a search and an opened file show."""
_NUMBERED = re.compile(r"^ *\d+ ")
"""What stands before a line that was opened, or that a search found."""
_PIECE = re.compile(r"\bpiece (\d+) of \d+")
_LOST = re.compile(r"^Edit (\d+) \(.*\) was not made: ")


@dataclass(frozen=True, slots=True)
class Piece:
    """One edit, and the old lines it quotes."""

    edit: EditBlock
    first: int = 0
    """Line of the file where it begins, as the file is when its turn comes; 0: a new file, or one that goes."""
    last: int = 0


def pieces(base: Files, gold: Files) -> tuple[Piece, ...]:
    """Cut the way from one tree to another into edits that are found once and fit into an answer."""
    cut: list[Piece] = []
    for path in sorted({*base, *gold}):
        if base.get(path) == gold.get(path):
            continue
        if path not in gold:
            cut.append(Piece(EditBlock(path=path, delete=True)))
        elif path not in base:
            cut += _written(path, gold[path].splitlines(keepends=True))
        else:
            cut += _changed(path, base[path].splitlines(keepends=True), gold[path].splitlines(keepends=True))
    return tuple(cut)


def _written(path: str, lines: Sequence[str]) -> Iterator[Piece]:
    head, *rest = _parts(lines) or [[]]
    yield Piece(EditBlock(path=path, content="".join(head)))
    yield from _appended(path, list(head), len(head), rest)


def _changed(path: str, old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    now = list(old)
    shift = 0
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        at, gone = i1 + shift, _parts(old[i1:i2])
        while len(gone) > 1:  # a long stretch goes in pieces, from its end
            tail = gone.pop()
            start = at + sum(map(len, gone))
            yield _edit(path, now, start, start + len(tail), ())
            del now[start : start + len(tail)]
        taken = len(gone[0]) if gone else 0
        head, *rest = _parts(new[j1:j2]) or [[]]
        yield _edit(path, now, at, at + taken, head)
        now[at : at + taken] = head
        yield from _appended(path, now, at + len(head), rest)
        shift += (j2 - j1) - (i2 - i1)


def _appended(path: str, now: list[str], at: int, parts: Sequence[Sequence[str]]) -> Iterator[Piece]:
    for part in parts:
        yield _edit(path, now, at, at, part)
        now[at:at] = part
        at += len(part)


def _parts(lines: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = []
    size = MOST
    for line in lines:
        if size + len(line) > MOST:
            parts.append([])
            size = 0
        parts[-1].append(line)
        size += len(line)
    return parts


def _edit(path: str, now: Sequence[str], first: int, last: int, new: Sequence[str]) -> Piece:
    """Replace lines, quoting as many around them as it takes to be found once."""
    whole = "".join(now)
    above, below = first, last
    for _ in range(len(now) + 1):
        quoted = "".join(now[above:below])
        once = whole.find(quoted) == whole.rfind(quoted)  # counted with overlaps
        if quoted.strip() and once and (below - above) - (last - first) >= min(2, len(now)):
            break
        above, below = max(0, above - 1), min(len(now), below + 1)
    quoted = "".join(now[above:below])
    written = "".join((*now[above:first], *new, *now[last:below]))
    return Piece(EditBlock(path=path, search=quoted, replace=written), above + 1, max(below, above + 1))


@dataclass(slots=True, kw_only=True)
class Oracle:
    """Say what comes next. ``stuck`` holds what it could not do, and why."""

    pieces: Sequence[Piece]
    message: str
    clumsy: bool = False
    stuck: list[str] = field(default_factory=list)

    def next(self, messages: Sequence[Mapping[str, Any]]) -> tuple[str, CoderAction, int]:
        """The thought, the action, and how often it was said before."""
        own = [_said(each) for each in messages if each.get("role") == "assistant"]
        shown = _lines(str(each.get("content") or "") for each in messages if each.get("role") != "assistant")
        shown |= {line.strip() for each in own for line in each.splitlines()}
        tried = [int(number) for each in own for number in _PIECE.findall(each)]
        made = _made(messages)
        at = next((number for number in range(len(self.pieces)) if number + 1 not in made), len(self.pieces))
        if at >= len(self.pieces):
            return "Everything is in its place.", DoneAction(message=self.message), 0
        piece, edit = self.pieces[at], _as_shown(self.pieces[at].edit, shown)
        missing = [line for line in (edit.search or "").splitlines() if line.strip() and line.strip() not in shown]
        thought = f"This is piece {at + 1} of {len(self.pieces)}."
        times = tried.count(at + 1)
        if times >= 4:
            self.stuck.append(f"{edit.path}: refused {times} times: {messages[-1].get('content')!s:.600}")
        if not missing:
            several = [edit] if self.clumsy else [edit, *self._behind(at, shown, made)]
            named = ", ".join(f"piece {at + n} of {len(self.pieces)}" for n in range(1, len(several) + 1))
            return f"This is {named}.", EditAction(edits=tuple(several)), times
        looked = f"Where is {edit.path}?"
        if not any(looked in each for each in own):
            return looked, SearchAction(query=_distinctive(missing), where=""), 0
        place = OpenAction(path=edit.path, first=max(1, piece.first - AROUND), last=piece.last + AROUND)
        opening = f"Lines {place.first} to {place.last} of {edit.path}, for the piece at {at + 1}."
        if any(opening in each for each in own):
            self.stuck.append(f"{edit.path}: not shown although it was opened: {missing[:3]}")
            return thought, EditAction(edits=(edit,)), times
        return opening, place, 0

    def _behind(self, at: int, shown: Collection[str], made: Collection[int]) -> Iterator[EditBlock]:
        """The pieces after this one that were shown too and fit into the same answer."""
        size = _size(self.pieces[at].edit)
        for number, piece in enumerate(self.pieces[at + 1 :], at + 2):
            edit = _as_shown(piece.edit, shown)
            size += _size(edit)
            quoted = [line.strip() for line in (edit.search or "").splitlines() if line.strip()]
            if number in made or size > 2 * MOST or not all(line in shown for line in quoted):
                break
            yield edit


def _as_shown(edit: EditBlock, shown: Collection[str]) -> EditBlock:
    """The edit with lines that are too long to be shown quoted as they were shown."""
    if edit.search is None or edit.replace is None:
        return edit
    old = edit.search.splitlines()
    short = {line: cut for line in old for most in _WIDTHS if (cut := shortened(line, most)).strip() in shown}
    search, new = (
        "".join(
            f"{short.get(line[:-1], line[:-1])}\n" if line.endswith("\n") else line
            for line in text.splitlines(keepends=True)
        )
        for text in (edit.search, edit.replace)
    )
    return replace(edit, search=search, replace=new)


def _size(edit: EditBlock) -> int:
    return len(edit.search or "") + len(edit.replace or edit.content or "")


def _said(message: Mapping[str, Any]) -> str:
    calls = [str(each["function"]["arguments"]) for each in message.get("tool_calls") or ()]
    spoken: list[str] = []
    for call in calls:
        try:
            spoken += [str(value) for value in _texts(json.loads(call))]
        except ValueError:
            spoken.append(call)
    return "\n".join((str(message.get("content") or ""), *spoken))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        yield str(value)


def _lines(contents: Iterator[str]) -> set[str]:
    every = [line for content in contents for line in content.splitlines()]
    return {line.strip() for line in every} | {_NUMBERED.sub("", line).strip() for line in every}


def _made(messages: Sequence[Mapping[str, Any]]) -> set[int]:
    """The pieces that were sent and not refused, by what came of each."""
    made: set[int] = set()
    for each, result in pairwise(messages):
        sent = [int(number) for number in _PIECE.findall(_said(each))] if each.get("role") == "assistant" else []
        lines = str(result.get("content") or "").splitlines()
        lost = {int(number) for line in lines for number in _LOST.findall(line)}
        if any(line.startswith("Not done") for line in lines):
            continue
        made |= {piece for number, piece in enumerate(sent, 1) if number not in lost}
    return made


def _distinctive(lines: Sequence[str]) -> str:
    """The longest word of them."""
    return max((word for line in lines for word in re.findall(r"[A-Za-z_]\w{2,}", line)), key=len, default="the")


def clumsily(action: CoderAction, number: int) -> tuple[CoderAction, str]:
    """The same action as a bad typist writes it, and what is odd about it."""
    if not isinstance(action, EditAction) or action.edits[0].search is None:
        return action, ""
    edit = action.edits[0]
    search, new = edit.search or "", edit.replace or ""
    lines = f"{search}{new}".splitlines(keepends=True)
    kind = ("tabs", "crlf", "blanks", "prefix", "two", "fenced", "elided", "")[number % 8]
    if any(not line.endswith("\n") or line[:-1] != line[:-1].rstrip() for line in lines):
        kind = "prefix"  # what is about white space at line ends cannot be told from a bad copy
    if kind == "tabs" and not edit.path.endswith(".py"):
        kind = "crlf"  # in prose a tab may stand for two, three, four or eight columns
    if kind == "tabs":
        edit = replace(edit, search=_tabbed(search), replace=_tabbed(new))
    elif kind == "crlf":
        edit = replace(edit, search=search.replace("\n", "\r\n"), replace=new.replace("\n", "\r\n"))
    elif kind == "blanks":
        edit = replace(edit, search=search.replace("\n", "  \n"))
    elif kind == "prefix":
        edit = replace(edit, path=("a/", "./", "/workspace/repo/")[number % 3] + edit.path)
    elif kind == "fenced":
        edit = replace(edit, search=f"```python\n{search}```", replace=f"```python\n{new}```")
    elif kind == "elided":
        lines = search.splitlines(keepends=True)
        edit = replace(edit, search="".join((*lines[:1], "    # ... existing code ...\n", *lines[-1:])))
    return replace(action, edits=(edit,)), kind


def _tabbed(code: str) -> str:
    return re.sub(r"^(?: {4})+", lambda found: "\t" * (len(found[0]) // 4), code, flags=re.MULTILINE)


class OracleServer(OpenAIServer):
    """An endpoint whose coder is an oracle; it plans one step, and is content with every change.

    It remembers by what the conversation says, so its context is as long as it takes.
    """

    def __init__(self, oracle: Oracle, *, native: bool, **given: Any) -> None:
        super().__init__(
            supports=("json_schema", "json_object", *(["tools"] if native else [])), max_model_len=2_000_000, **given
        )
        self.oracle, self.native = oracle, native
        self.odd: list[str] = []

    def next_step(self, request: Received) -> dict[str, Any]:
        if request.form == "plan":
            return {"answer": {"goal": "Do it", "steps": [{"id": "all", "title": "Make the change"}]}}
        if request.form == "review":
            return {"answer": {"status": "ok", "final_answer_markdown": "Done."}}
        if request.form != "text":
            return {"status": 400, "message": f"no such form: {request.form}"}
        thought, action, times = self.oracle.next(request.body["messages"])
        kind = ""
        if self.oracle.clumsy and not times:
            number = int(found[1]) if (found := _PIECE.search(thought)) else 0
            action, kind = clumsily(action, number)
            self.odd.append(kind)
        if self.native and request.body.get("tools"):
            words, call = tools.render(action, "1", thought)
            calls = [(call.name, call.arguments)]
            if kind == "two":
                calls.append(("run", {"command": "python3 --version"}))
            return {"answer": words, "calls": calls}
        answer = text.render(action, thought)
        if kind == "two":
            answer += "\n" + text.render(RunAction(command="python3 --version"))
        return {"answer": answer}
