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

from domain import (
    AskAction,
    CodeChange,
    CoderAction,
    DoneAction,
    EditAction,
    EditBlock,
    FileEdit,
    OpenAction,
    RunAction,
    SearchAction,
)
from models.clients import structured
from models.dialects import markers
from models.dialects.blocks import VERBS, Part, part_of, place_of
from models.dialects.calls import called, spoken
from models.dialects.fences import Block, split
from models.dialects.reading import LONGEST_THOUGHT, Reading, checked

Edit = TypeVar("Edit", EditBlock, FileEdit)

_BEGIN = frozenset(VERBS)
_THOUGHT = re.compile(r"\s*<(think(?:ing)?)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_EXAMPLE = "Write one fenced block, for example:\n\n```open\nREADME.md\n```"


@cache
def instructions() -> str:
    """What the system prompt says about this dialect."""
    return Path(__file__).with_name("text.md").read_text(encoding="utf-8").strip()


def read(answer: str, *, cut: bool = False) -> Reading:
    """Read one answer.

    Args:
        answer: as it came, without its thoughts.
        cut: it ended at the limit of tokens: what it ends with is not whole.
    """
    parts, prose = parts_of(answer, cut=cut)
    lost = cut and (not parts or parts[-1] is None)
    whole = [part for part in parts if part is not None]
    if not whole:
        return cut_off(prose) if lost else _nothing(answer, prose)
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
            if not part.weak or first.weak:
                same.append(part)
        values = {"edits": tuple(edit for part in same for edit in part.edits)}
    else:
        values = dict(first.values)
    action, wrong = checked(first.kind, values)
    problem = wrong if action is None else _emptiness(action)
    if problem:
        return Reading(
            thought=prose,
            problem=f"The {first.kind} block cannot be used: {problem}.",
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


def parts_of(answer: str, *, cut: bool = False) -> tuple[list[Part | None], str]:
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
        unfenced = part_of(Block("edit", f"{pieces.prose}\n"))
        parts = [unfenced] if unfenced is not None and unfenced.edits else []
    if not parts:
        parts = list(_objects(answer))
    return [*parts, *([None] if lost else [])], pieces.prose[:LONGEST_THOUGHT]


def _of(block: Block) -> Iterator[Part]:
    try:
        part = part_of(block)
    except ValidationError:  # a path or a text that is longer than any may be
        part = Part(kind="edit", problem="The edit is too long: send it in smaller parts.", code="bad_arguments")
    if part is not None:
        yield part
    elif block.info.split(" ")[0].lower() in {"", "json", "tool_call", "tool_code", "xml"}:
        yield from _objects(block.body)


def _objects(text: str) -> Iterator[Part]:
    """What JSON in an answer means: a whole change as it was asked for before there were blocks, or tool calls."""
    if '"files_to_' in text or "'files_to_" in text:
        change = structured.read(text, CodeChange).value
        if change is not None and not change.empty:
            yield from of_change(change)
            return
    for name, arguments in spoken(text):
        action = called(name, arguments).action
        if isinstance(action, EditAction):
            yield Part(kind="edit", edits=tuple(unwrapped(edit) for edit in action.edits))
        elif action is not None:
            yield Part(
                kind=action.kind, values=tuple((key, item) for key, item in asdict(action).items() if key != "kind")
            )


def of_change(change: CodeChange) -> Iterator[Part]:
    """The parts of a change that came as one JSON object."""
    edits = [EditBlock(path=new.path, content=new.content, language=new.language) for new in change.files_to_create]
    edits += [
        EditBlock(path=edit.path, search=edit.search, replace=edit.replace, content=edit.content)
        for edit in change.files_to_update
    ]
    edits += [EditBlock(path=path, delete=True) for path in change.files_to_delete]
    if edits:
        yield Part(kind="edit", edits=tuple(map(unwrapped, edits)))
    for command in change.cmd_instructions:
        yield Part(kind="run", values=(("command", command),))
    if change.commit_message or change.notes:
        yield Part(kind="done", values=(("message", change.commit_message), ("notes", change.notes)))


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


def _nothing(answer: str, prose: str) -> Reading:
    empty = "Your answer was empty." if not answer.strip() else "There is no action in your answer, only words."
    return Reading(thought=prose, problem=empty, example=_EXAMPLE, code="no_action")


def _emptiness(action: CoderAction) -> str:
    """What an action lacks that its type does not ask for."""
    match action:
        case OpenAction(path=""):
            return "it names no file"
        case SearchAction(query=""):
            return "it says nothing to look for"
        case RunAction(command=""):
            return "it has no command"
        case AskAction(question=""):
            return "it asks nothing"
        case _:
            return ""


def _example(kind: str) -> str:
    lines = {
        "open": "```open\nsrc/app.py:1-80\n```",
        "search": "```search\ndef total\nin: src/\n```",
        "run": "```run\npython -m pytest -q\n```",
        "edit": "```edit src/app.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n```",
        "done": "```done\nAdd the sum\n```",
        "ask": "```ask\nWhich of the two formats is meant?\n```",
    }
    return f"Write it like this:\n\n{lines[kind]}"


def render(action: CoderAction, thought: str = "") -> str:
    """Write an action as an answer that ``read`` reads as the same one; of an edit both texts end with their line."""
    return f"{thought}\n\n{_blocks(action)}".lstrip("\n")


def _blocks(action: CoderAction) -> str:
    match action:
        case OpenAction():
            said = action.first or action.last or place_of(action.path) != (action.path, 0, 0)
            last = str(action.last) if action.last or not action.first else ""
            return _fenced("open", f"{action.path}:{action.first}-{last}\n" if said else f"{action.path}\n")
        case SearchAction():
            plain = action.how == "words" and ":" not in action.query
            query = action.query if plain else f"{action.how}: {action.query}"
            return _fenced("search", f"{query}\n" + (f"in: {action.where}\n" if action.where else ""))
        case RunAction():
            return _fenced("run", markers.ended(action.command))
        case DoneAction():
            return _fenced("done", action.message + "\n" + (f"\n{action.notes}\n" if action.notes else ""))
        case AskAction():
            return _fenced("ask", markers.ended(action.question))
        case EditAction():
            return "\n".join(_edits(action.edits))


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
    longest = max((len(run) for run in re.findall(rf"^[ \t]{{0,12}}({mark}{{3,}})", body, re.MULTILINE)), default=2)
    fence = mark * (longest + 1)
    return f"{fence}{info}\n{body}{fence}\n"
