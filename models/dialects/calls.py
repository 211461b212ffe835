"""Tool calls of the coder: a name and arguments as models write them, read as an action or as what is wrong. Pure."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, cast

from domain.text import json_value
from models.clients.structured import embedded
from models.dialects.reading import Reading, checked

NAMES = ("open", "search", "run", "edit", "write", "delete", "done", "ask", "use")
_NAMES_OF = {
    "open": "open_file read read_file view view_file cat list list_files list_directory ls",
    "search": "grep find search_files search_code codebase_search",
    "run": "bash shell execute exec run_command execute_command terminal run_shell_command",
    "edit": "str_replace edit_file replace search_replace replace_in_file str_replace_editor",
    "write": "write_file create create_file write_to_file new_file",
    "delete": "delete_file remove rm",
    "done": "finish submit complete attempt_completion",
    "ask": "question ask_user ask_followup_question",
    "use": "use_tool call_tool mcp use_mcp_tool",
}
_ALIASES = {alias: name for name, aliases in _NAMES_OF.items() for alias in aliases.split()}
_KEYS = {
    "path": ("path", "file", "filename", "file_path", "filepath", "file_name", "target_file", "directory", "dir"),
    "first": ("first", "start", "start_line", "line_start", "from", "line", "offset"),
    "last": ("last", "end", "end_line", "line_end", "to"),
    "query": ("query", "pattern", "q", "text", "name", "regex", "keyword", "keywords"),
    "where": ("where", "in", "path", "folder", "directory", "dir", "glob", "include"),
    "how": ("how", "kind", "mode", "type"),
    "command": ("command", "cmd", "script", "code", "commands"),
    "search": ("search", "old", "old_string", "old_str", "old_text", "find", "original", "before"),
    "replace": ("replace", "new", "new_string", "new_str", "new_text", "replacement", "updated", "after"),
    "content": ("content", "contents", "file_text", "text", "new_content", "code", "body", "file_content"),
    "message": ("message", "commit_message", "summary", "result", "title"),
    "notes": ("notes", "note", "reason", "why", "description"),
    "question": ("question", "text", "message", "q", "prompt"),
    "tool": ("tool", "name", "tool_name"),
    "server": ("server", "server_name"),
    "arguments": ("arguments", "args", "input", "parameters", "params"),
}
_EXAMPLES: dict[str, dict[str, Any]] = {
    "open": {"path": "src/app.py", "first": 1, "last": 80},
    "search": {"query": "def total", "where": "src/"},
    "run": {"command": "python -m pytest -q"},
    "edit": {"path": "src/app.py", "search": "return a - b", "replace": "return a + b"},
    "write": {"path": "src/new.py", "content": "VALUE = 1\n"},
    "delete": {"path": "src/old.py"},
    "done": {"message": "Add the sum"},
    "ask": {"question": "Which of the two formats is meant?"},
    "use": {"tool": "tickets.search", "arguments": {"query": "total"}},
}
_MCP = "mcp__"
"""Begins the name of a tool of a server, where a model knows it as ``mcp__server__tool``."""
_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([\w.-]{1,64})>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([\w.-]{1,64})>\n?(.*?)\n?(?:</parameter>|\Z)", re.DOTALL)
_PAIR = 2
_MOST = 40
"""Calls that are read out of one answer."""


def example(name: str) -> str:
    """The right call of a tool, in words for the model."""
    return f"The right call: {name}({json.dumps(_EXAMPLES[name], ensure_ascii=False)})"


def tool_named(name: str) -> str:
    """The tool of ours that a name means; empty: none."""
    if name.startswith(_MCP):
        return "use"
    plain = name.strip().lower().rsplit(".", 1)[-1].replace("-", "_").replace(" ", "_")
    return plain if plain in NAMES else _ALIASES.get(plain, "")


def called(name: str, arguments: Mapping[str, Any]) -> Reading:
    """Read one call."""
    tool = tool_named(name)
    if not tool:
        return Reading(
            problem=f"There is no tool {name[:60]!r}. There are: {', '.join(NAMES[:-1])}.",
            example=example("open"),
            code="unknown_tool",
        )
    if name.startswith(_MCP):
        arguments = {"tool": name.removeprefix(_MCP), "arguments": arguments}
    values, wrong = _values(tool, arguments)
    # edit, write and delete are one action of the domain, with edits of three kinds.
    action, kind = None, "edit" if tool in {"edit", "write", "delete"} else tool
    if not wrong:
        action, wrong = checked(kind, values)
    if action is None:
        return Reading(
            problem=f"The call of {tool} cannot be used: {wrong}.", example=example(tool), code="bad_arguments"
        )
    return Reading(action=action)


def _values(tool: str, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The values of an action, and what is wrong with the arguments."""
    args = {key.lower(): value for key, value in arguments.items() if value is not None}
    match tool:
        case "open":
            first, last = _of(args, "first"), _of(args, "last")
            # Editors that models were trained with name both lines in one list.
            lines: Any = args.get("view_range", args.get("lines"))
            if isinstance(lines, list) and len(cast("list[Any]", lines)) == _PAIR:
                first, last = lines
            return {"path": _argument(args, "path") or ".", "first": _number(first), "last": _number(last)}, ""
        case "search":
            how = str(_of(args, "how") or "").lower()
            if how not in {"words", "regex", "name"}:
                how = "regex" if {"regex", "pattern"} & args.keys() else "words"
            values = {"query": _argument(args, "query"), "where": _argument(args, "where") or "", "how": how}
        case "run":
            command = _of(args, "command")
            # Words of a command in a list: joined with quotes, so that a space in one stays in it.
            values = {"command": shlex.join(map(str, command)) if isinstance(command, list) else _text(command)}
        case "done":
            return {"message": _argument(args, "message") or "", "notes": _argument(args, "notes") or ""}, ""
        case "ask":
            values = {"question": _argument(args, "question")}
        case "use":
            return use_values(_argument(args, "tool"), _of(args, "arguments"), server=_argument(args, "server"))
        case _:
            return _edits(tool, args)
    missing = [key for key in ("query", "command", "question") if key in values and not str(values[key] or "").strip()]
    return values, f"{missing[0]} is missing" if missing else ""


def use_values(tool: str | None, arguments: Any, *, server: str | None = "") -> tuple[dict[str, Any], str]:
    """The values of a call of a server's tool, and what is wrong with it.

    Args:
        tool: ``server.tool``, in the spellings that models know; the name alone where the server stands apart.
        arguments: an object, or its JSON.
        server: where it stands apart.
    """
    tool, server = (tool or "").strip(), (server or "").strip()
    if not server:
        server, tool = next((tool.split(mark, 1) for mark in ("__", ".", "/") if mark in tool), ("", tool))
    if not server or not tool:
        return {}, "it names no tool as server.tool"
    if isinstance(arguments, str) or arguments is None:
        try:
            arguments = json_value(arguments) if arguments and arguments.strip() else {}
        except ValueError:
            return {}, "its arguments are no JSON object"
    if not isinstance(arguments, dict):
        return {}, "its arguments are no JSON object"
    try:
        # One spelling: the same call has the same bytes, whoever signs them.
        text = json.dumps(arguments, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return {}, "its arguments are no JSON object"
    return {"server": server, "tool": tool, "arguments": text}, ""


def _edits(tool: str, args: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    several: Any = args.get("edits", args.get("changes", args.get("replacements"))) if tool == "edit" else None
    items: list[Any] = [several] if isinstance(several, dict) else several if isinstance(several, list) else [args]
    edits, path = list[dict[str, Any]](), _argument(args, "path")
    for item in items:
        if not isinstance(item, dict):
            return {}, "each of edits is an object with search and replace"
        each = {str(key).lower(): value for key, value in cast("dict[Any, Any]", item).items() if value is not None}
        # Several edits of one file name it once, beside them.
        edit: dict[str, Any] = {"path": _argument(each, "path") or path}
        search, content = _argument(each, "search"), _argument(each, "content")
        if tool == "delete" or each.get("delete") is True:
            edit["delete"] = True
        elif tool == "write" or (search is None and content is not None):
            edit["content"] = content
        else:
            edit |= {"search": search, "replace": _argument(each, "replace")}
        missing = [key for key, part in edit.items() if part is None or (key == "path" and not part)]
        if missing:
            return {}, f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
        edits.append(edit)
    return {"edits": edits}, "" if edits else "edits is empty"


def _of(args: Mapping[str, Any], key: str) -> Any:
    """An argument under any of the names that models give it."""
    return next((args[alias] for alias in _KEYS[key] if alias in args), None)


def _argument(args: Mapping[str, Any], key: str) -> str | None:
    return _text(_of(args, key))


def _text(value: Any) -> str | None:
    """A string, or what it stands for: lines in a list, a number."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(line, str) for line in cast("list[Any]", value)):
        return "\n".join(line.removesuffix("\n") for line in cast("list[str]", value))
    return str(value) if isinstance(value, int | float) else json.dumps(value, ensure_ascii=False, default=str)


def _number(value: Any) -> int:
    digits = str(value).strip() if value is not None else ""
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else 0  # noqa: PLR2004


def spoken(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the calls that an answer makes in words: ``<tool_call>``, Qwen's ``<function=…>``, JSON with a name."""
    # Qwen's own form: its parameters are text between tags and no JSON.
    if "<function=" in text:
        for match in islice(_FUNCTION.finditer(text), _MOST):
            yield match[1], {each[1]: each[2] for each in _PARAMETER.finditer(match[2])}
        return
    pieces = [match[1] for match in islice(_CALL.finditer(text), _MOST)] if "<tool_call>" in text else [text]
    for piece in pieces:
        for value in islice(embedded(piece), _MOST):
            if (call := call_in(value)) is not None:
                yield call


def call_in(value: dict[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The name and the arguments in an object; None: it is no call."""
    inner = value.get("function")
    if isinstance(inner, dict):
        value = cast("dict[str, Any]", inner)
    name: Any = next(
        (value[key] for key in ("name", "tool", "action", "kind", "function", "tool_name") if key in value), None
    )
    arguments: Any = next(
        (value[key] for key in ("arguments", "parameters", "input", "args", "params", "action_input") if key in value),
        None,
    )
    if isinstance(name, str) and tool_named(name):
        if isinstance(arguments, str):
            try:
                arguments = json_value(arguments)
            except ValueError:
                return None
        if arguments is None:
            arguments = {key: each for key, each in value.items() if key not in {"tool", "action", "kind", "function"}}
            if arguments.get("name") == name:
                del arguments["name"]
        return (name, cast("dict[str, Any]", arguments)) if isinstance(arguments, dict) else None
    # {"open": {…}}: the key is the name.
    if len(value) == 1:
        ((key, only),) = value.items()
        if tool_named(key) and isinstance(only, dict):
            return key, cast("dict[str, Any]", only)
    return None
