"""What a person at the terminal makes of an action: in the options of a command, in a file, or in their editor."""

import json
import shlex
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from approvals import canonical, refusal
from domain import Action

_ACTION = TypeAdapter(Action)


def edited(
    action: Action, message: str | None, commands: list[str] | None, file: Path | None, *, editor: str
) -> Action:
    """Return the action as the person wants it.

    Raises:
        Refused: ``action_invalid`` when nothing was changed, or what was written is no action.
    """
    arguments: dict[str, Any] = dict(action.arguments)
    if message is not None:
        arguments["message"] = message
    if commands:
        arguments["commands"] = list(commands)
    if message is not None or commands:
        return replace(action, arguments=arguments)
    return _read(_text(file) if file is not None else _in_editor(action, editor))


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise refusal("action_invalid", f"{file} cannot be read: {error}") from error


def _in_editor(action: Action, editor: str) -> str:
    """Open the editor on the complete action, and return what was saved."""
    if not sys.stdin.isatty():
        raise refusal("action_invalid", "There is no terminal to edit at: give --message, --command or --file.")
    text = json.dumps(json.loads(canonical(action)), indent=2, ensure_ascii=True)
    with tempfile.TemporaryDirectory(prefix="signoff-edit-") as folder:
        file = Path(folder) / "action.json"
        file.write_text(f"{text}\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(file)], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise refusal("action_invalid", f"The editor {editor!r} did not end well: {error}") from error
        return _text(file)


def _read(text: str) -> Action:
    try:
        return _ACTION.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise refusal("action_invalid", f"This is no complete action: {where}: {first['msg']}") from error
