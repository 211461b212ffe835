"""Tools dialect: one native function call an answer, one flat schema an action.

An answer without a call is read as the text dialect has it: many models call tools in words.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

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
from domain.text import json_value
from models.contract import Tool, ToolCall
from models.dialects import text
from models.dialects.calls import called, example, tool_named
from models.dialects.reading import LONGEST_THOUGHT, Reading

_EXAMPLE = "Call one of the tools open, search, run, edit, write, delete, done or ask; " + example("open")[0].lower()


@cache
def instructions() -> str:
    """What the system prompt says about this dialect."""
    return Path(__file__).with_name("tools.md").read_text(encoding="utf-8").strip()


@cache
def use_instructions() -> str:
    """What it says besides where there are tools of servers to use."""
    return Path(__file__).with_name("tools_use.md").read_text(encoding="utf-8").strip()


def schemas(*, use: bool = False) -> tuple[Tool, ...]:
    """The tools that a question of this dialect offers, always the same ones: prompts share their beginning.

    Args:
        use: there are tools of servers. They are no tools of this list: what their servers say of them is data.
    """
    return (*_SCHEMAS, _USE) if use else _SCHEMAS


def read(words: str, calls: Sequence[ToolCall], *, cut: bool = False) -> Reading:
    """Read one answer: its words, and the tools that it calls.

    Args:
        words: what stands beside the calls.
        calls: in their order; the first one is done.
        cut: the answer ended at the limit of tokens: its last call is not whole.
    """
    thought = words.strip()[:LONGEST_THOUGHT]
    if not calls:
        reading = text.read(words, cut=cut)
        # Words without any action: here the example to follow is a call.
        return replace(reading, example=_EXAMPLE) if reading.code == "no_action" else reading
    # The state between two actions is not known to who wrote both: the second one waits for its turn.
    first, *others = calls
    not_done = tuple(call.id for call in others)
    # Only the last call can be incomplete: an earlier one is whole, and is done.
    if cut and (not others or first.wrong):
        lost = text.cut_off(thought)
        return replace(lost, problem=lost.problem.replace("block", "call"), call=first.id, not_done=not_done)
    arguments: dict[str, Any] = first.arguments
    reading = None
    if first.wrong:
        arguments = _again(first.raw)
        if not arguments and (tool := tool_named(first.name)):
            reading = Reading(
                problem=f"The arguments of {tool} cannot be read: {first.wrong}.",
                example=example(tool),
                code="bad_arguments",
            )
    reading = reading or called(first.name, arguments)
    ignored = ""
    if others:
        names = ", ".join(dict.fromkeys(call.name for call in others))
        ignored = f"Only the first call was done; not done: {names[:200]}. One action a turn."
    if isinstance(reading.action, EditAction):
        reading = replace(reading, action=EditAction(edits=tuple(map(text.unwrapped, reading.action.edits))))
    return replace(reading, thought=thought, ignored=ignored, call=first.id, not_done=not_done)


def _again(raw: str) -> dict[str, Any]:
    """Arguments that were written as JSON twice over, or with line feeds as they are."""
    try:
        value: Any = json_value(raw)
        value = json_value(value) if isinstance(value, str) else value
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def render(action: CoderAction, id: str, thought: str = "") -> tuple[str, ToolCall]:  # noqa: A002
    """The words and the call that ``read`` reads as this action."""
    match action:
        case EditAction(edits=(EditBlock(delete=True) as edit,)):
            name, arguments = "delete", {"path": edit.path}
        case EditAction(edits=(EditBlock(content=str() as content) as edit,)) if edit.path:
            name, arguments = "write", {"path": edit.path, "content": content}
        case EditAction():
            name, arguments = "edit", {"edits": [_plain(edit) for edit in action.edits]}
        case OpenAction():
            name, arguments = "open", {"path": action.path, "first": action.first, "last": action.last}
        case SearchAction():
            name, arguments = "search", {"query": action.query, "where": action.where, "how": action.how}
        case RunAction():
            name, arguments = "run", {"command": action.command}
        case DoneAction():
            name, arguments = "done", {"message": action.message, "notes": action.notes}
        case AskAction():
            name, arguments = "ask", {"question": action.question}
        case UseAction():
            called_with: Any = json_value(action.arguments)
            name, arguments = "use", {"tool": f"{action.server}.{action.tool}", "arguments": called_with}
    return thought, ToolCall(id=id, name=name, arguments=arguments)


def _plain(edit: EditBlock) -> dict[str, Any]:
    if edit.delete:
        return {"path": edit.path, "delete": True}
    if edit.content is not None:
        return {"path": edit.path, "content": edit.content}
    return {"path": edit.path, "search": edit.search, "replace": edit.replace}


def _tool(name: str, description: str, required: str, /, **properties: tuple[str, str]) -> Tool:
    return Tool(
        name=name,
        description=description,
        parameters={
            "type": "object",
            "properties": {key: {"type": kind, "description": about} for key, (kind, about) in properties.items()},
            "required": required.split(),
            "additionalProperties": False,
        },
    )


_SCHEMAS = (
    _tool(
        "open",
        "Look at a file with line numbers, or at the outline of a folder or of a long file.",
        "path",
        path=("string", "Relative to the top of the repository; . for the top."),
        first=("integer", "First line, from 1."),
        last=("integer", "Last line, inclusive."),
    ),
    _tool(
        "search",
        "Search the repository. Answers are passages with line numbers, best first.",
        "query",
        query=("string", "Words, a regular expression (RE2), or the name of a function or class."),
        where=("string", "A folder, a file or a glob; everywhere if left out."),
        how=("string", "words (if left out), regex, or name: definitions first, then uses."),
    ),
    _tool(
        "run",
        "Run a shell command at the top of the repository, in a sandbox without network.",
        "command",
        command=("string", "For example: python -m pytest -q tests/test_a.py"),
    ),
    _tool(
        "edit",
        "Replace one place in a file.",
        "path search replace",
        path=("string", "Of the file."),
        search=("string", "Exact lines of the file as it is now, with enough of them to be found once."),
        replace=("string", "What stands there afterwards."),
    ),
    _tool(
        "write",
        "Write a new file, or a file anew as a whole.",
        "path content",
        path=("string", "Of the file."),
        content=("string", "All of it; nothing may be left out."),
    ),
    _tool("delete", "Delete a file.", "path", path=("string", "Of the file.")),
    _tool(
        "done",
        "The step is finished. The acceptance command is run then.",
        "message",
        message=("string", "Commit message: one line in the imperative, at most 72 characters."),
        notes=("string", "Why, in a few sentences."),
    ),
    _tool(
        "ask",
        "Ask the person who gave the task, only where it cannot be understood.",
        "question",
        question=("string", "One question."),
    ),
)
_USE = _tool(
    "use",
    "Use a tool of a server outside the sandbox, one of those listed as server.tool.",
    "tool arguments",
    tool=("string", "As it is listed: server.tool."),
    arguments=("object", "Its arguments, by the schema that is listed with it."),
)
