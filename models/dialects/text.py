"""Text dialect: one action an answer, in fenced blocks whose info string is the verb; code never stands in JSON.

Answers are read leniently, because models were trained on other forms: a shell block runs, a block of code with a path
edits, a unified diff edits, a tool call in words calls. What cannot be understood is said in one sentence.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from domain import CodeChange, FileEdit
from domain.coder import (
    AskAction,
    CoderAction,
    DoneAction,
    EditAction,
    EditBlock,
    OpenAction,
    RunAction,
    SearchAction,
    UseAction,
)
from models.clients import structured
from models.dialects import markers
from models.dialects.blocks import VERBS, ParsedBlock, parse_block, place_of
from models.dialects.calls import called, spoken
from models.dialects.fences import Block, split
from models.dialects.reading import LONGEST_THOUGHT, Reading, checked

Edit = TypeVar("Edit", EditBlock, FileEdit)

_BEGIN = frozenset(VERBS)
_THOUGHT = re.compile(r"\s*<(think(?:ing)?)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_NEEDED = {
    "open": ("path", "it names no file"),
    "search": ("query", "it says nothing to look for"),
    "run": ("command", "it has no command"),
    "ask": ("question", "it asks nothing"),
}
"""What an action has to have, and what is wrong where it is empty."""
_EXAMPLE = "Write one fenced block, for example:\n\n```open\nREADME.md\n```"


@cache
def instructions() -> str:
    """What the system prompt says about this dialect."""
    return Path(__file__).with_name("text.md").read_text(encoding="utf-8").strip()


@cache
def use_instructions() -> str:
    """What it says besides where there are tools of servers to use."""
    return Path(__file__).with_name("text_use.md").read_text(encoding="utf-8").strip()


def read(answer: str, *, cut: bool = False) -> Reading:
    """Read one answer.

    Args:
        answer: as it came, without its thoughts.
        cut: it ended at the limit of tokens: what it ends with is not whole.
    """
    parts, prose = parsed_blocks(answer, cut=cut)
    lost = cut and (not parts or parts[-1] is None)
    whole = [part for part in parts if part is not None]
    if not whole:
        empty = "Your answer was empty." if not answer.strip() else "There is no action in your answer, only words."
        none = Reading(thought=prose, problem=empty, example=_EXAMPLE, code="no_action")
        return cut_off(prose) if lost else none
    # An illustration is acted on only where the answer has nothing else.
    plain = [part for part in whole if not part.weak]
    first = (plain or whole)[0]
    begun = whole.index(first)
    if first.code:
        return Reading(thought=prose, problem=first.problem, example=_example(first.kind), code=first.code)
    same = [first]
    if first.kind == "edit":
        for part in whole[begun + 1 :]:
            if part.kind != "edit" or part.code:
                break
            # Edits that follow one another are one action: a change of several places is rated and run once.
            if not part.weak or first.weak:
                same.append(part)
        values = {"edits": tuple(edit for part in same for edit in part.edits)}
    else:
        values = dict(first.values)
    action, wrong = checked(first.kind, values)
    # An empty text is a value of its type, and still no action.
    key, emptiness = _NEEDED.get(first.kind, ("", ""))
    wrong = wrong or (emptiness if key and not getattr(action, key) else "")
    if wrong:
        return Reading(
            thought=prose,
            problem=f"The {first.kind} block cannot be used: {wrong}.",
            example=_example(first.kind),
            code="bad_arguments",
        )
    rest = [part for part in whole if part not in same and not part.weak]
    notes = [part.problem for part in same if part.problem]
    if lost:
        notes.append("Your answer was cut off: its last block is not done. Send it again, smaller.")
    if rest:
        kinds = ", ".join(dict.fromkeys(part.kind for part in rest))
        notes.append(f"Only the first action was done ({first.kind}); not done: {kinds}. One action an answer.")
    return Reading(action=action, thought=prose, ignored=" ".join(notes))


def parsed_blocks(answer: str, *, cut: bool = False) -> tuple[list[ParsedBlock | None], str]:
    """The parts of an answer in their order, and its prose; None in the last place: a block that was cut off."""
    start = 0
    while thought := _THOUGHT.match(answer, start):
        start = thought.end()
    answer = answer[start:]
    if answer.lstrip().startswith("{") and (parts := list(_objects(answer))):
        return [*parts], ""
    pieces = split(answer, verbs=_BEGIN)
    blocks = list(pieces.blocks)
    lost = bool(cut and blocks and not blocks[-1].closed)
    if lost:
        blocks.pop()
    parts = [part for block in blocks for part in _of(block)]
    if not parts and markers.has_markers(pieces.prose):
        # Markers without any fence; the path stands on the line before.
        unfenced = parse_block(Block("edit", f"{pieces.prose}\n"))
        parts = [unfenced] if unfenced is not None and unfenced.edits else []
    if not parts:
        parts = list(_objects(answer))
    return [*parts, *([None] if lost else [])], pieces.prose[:LONGEST_THOUGHT]


def _of(block: Block) -> Iterator[ParsedBlock]:
    try:
        part = parse_block(block)
    except ValidationError:  # a path or a text that is longer than any may be
        part = ParsedBlock(kind="edit", problem="The edit is too long: send it in smaller parts.", code="bad_arguments")
    if part is not None:
        yield part
    elif block.info.split(" ")[0].lower() in {"", "json", "tool_call", "tool_code", "xml"}:
        yield from _objects(block.body)


def _objects(text: str) -> Iterator[ParsedBlock]:
    """What JSON in an answer means: a whole change as it was asked for before there were blocks, or tool calls."""
    if '"files_to_' in text or "'files_to_" in text:
        change = structured.read(text, CodeChange).value
        if change is not None and not change.empty:
            yield from of_change(change)
            return
    for name, arguments in spoken(text):
        action = called(name, arguments).action
        if isinstance(action, EditAction):
            yield ParsedBlock(kind="edit", edits=tuple(unwrapped(edit) for edit in action.edits))
        elif action is not None:
            yield ParsedBlock(
                kind=action.kind, values=tuple((key, item) for key, item in asdict(action).items() if key != "kind")
            )


def of_change(change: CodeChange) -> Iterator[ParsedBlock]:
    """The parts of a change that came as one JSON object."""
    edits = [EditBlock(path=new.path, content=new.content, language=new.language) for new in change.files_to_create]
    edits += [
        EditBlock(path=edit.path, search=edit.search, replace=edit.replace, content=edit.content)
        for edit in change.files_to_update
    ]
    edits += [EditBlock(path=path, delete=True) for path in change.files_to_delete]
    if edits:
        yield ParsedBlock(kind="edit", edits=tuple(map(unwrapped, edits)))
    for command in change.cmd_instructions:
        yield ParsedBlock(kind="run", values=(("command", command),))
    if change.commit_message or change.notes:
        yield ParsedBlock(kind="done", values=(("message", change.commit_message), ("notes", change.notes)))


def unwrapped(edit: Edit) -> Edit:
    """The edit without the fences that a model put around code which stands in a string already.

    A fence in one of search and replace alone is text of the file: that is how a block comes into a page.
    """
    search, new = unfenced(edit.search), unfenced(edit.replace)
    if search == edit.search or new == edit.replace:
        search, new = edit.search, edit.replace
    return replace(edit, content=unfenced(edit.content), search=search, replace=new)


def unfenced(text: str | None) -> str | None:
    """A text without the fence around all of it."""
    if text is None or not text.lstrip().startswith("```"):
        return text
    pieces = split(text.strip())
    whole = len(pieces.blocks) == 1 and not pieces.prose and pieces.blocks[0].closed
    return pieces.blocks[0].body if whole else text


def cut_off(prose: str) -> Reading:
    """The reading of an answer that ended before anything in it was whole."""
    return Reading(
        thought=prose,
        problem="Your answer was cut off before its block was complete, so nothing was done.",
        example="Say less, and send a smaller edit: single places by SEARCH and REPLACE, one file at a time.",
        code="answer_cut",
    )


def _example(kind: str) -> str:
    lines = {
        "open": "```open\nsrc/app.py:1-80\n```",
        "search": "```search\ndef total\nin: src/\n```",
        "run": "```run\npython -m pytest -q\n```",
        "edit": "```edit src/app.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n```",
        "done": "```done\nAdd the sum\n```",
        "ask": "```ask\nWhich of the two formats is meant?\n```",
        "use": '```use tickets.search\n{"query": "total"}\n```',
    }
    return f"Write it like this:\n\n{lines[kind]}"


def render(action: CoderAction, thought: str = "") -> str:
    """Write an action as an answer that ``read`` reads as the same one; of an edit both texts end with their line."""
    match action:
        case OpenAction():
            # A path that would be read as one with lines ("a:1") is written with lines, too: then it is read right.
            lines = action.first or action.last or place_of(action.path) != (action.path, 0, 0)
            last = str(action.last) if action.last or not action.first else ""
            block = _fenced("open", f"{action.path}:{action.first}-{last}\n" if lines else f"{action.path}\n")
        case SearchAction():
            plain = action.how == "words" and ":" not in action.query
            query = action.query if plain else f"{action.how}: {action.query}"
            block = _fenced("search", f"{query}\n" + (f"in: {action.where}\n" if action.where else ""))
        case RunAction():
            block = _fenced("run", markers.ended(action.command))
        case DoneAction():
            block = _fenced("done", action.message + "\n" + (f"\n{action.notes}\n" if action.notes else ""))
        case AskAction():
            block = _fenced("ask", markers.ended(action.question))
        case UseAction():
            block = _fenced(f"use {action.server}.{action.tool}", markers.ended(action.arguments))
        case EditAction():
            block = "\n".join(_edits(action.edits))
    return f"{thought}\n\n{block}".lstrip("\n")


def _edits(edits: Sequence[EditBlock]) -> list[str]:
    blocks: list[str] = []
    for edit in edits:
        if edit.delete:
            blocks.append(_fenced(f"delete {edit.path}", ""))
        elif edit.content is not None:
            content = markers.marked(edit.content)
            verb = (
                "write"
                if markers.has_markers(content) or content.startswith(("--- ", "@@ ", "diff --git "))
                else "edit"
            )
            blocks.append(_fenced(f"{verb} {edit.path}", content))
        else:
            blocks.append(_fenced(f"edit {edit.path}", markers.rendered([edit])))
    return blocks


def _fenced(info: str, body: str) -> str:
    mark = "~" if "`" in info else "`"
    # Longer than every fence in the text, as CommonMark has it: a file of Markdown comes back whole.
    longest = max((len(run) for run in re.findall(rf"^[ \t]{{0,12}}({mark}{{3,}})", body, re.MULTILINE)), default=2)
    fence = mark * (longest + 1)
    return f"{fence}{info}\n{body}{fence}\n"
