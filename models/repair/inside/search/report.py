"""The result of a search, as the outside reads it."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path

from ..analysis.overrides import encoded, has_mark
from ..analysis.project import Files
from ..analysis.wire import Message
from .trials import Trial

_OPTIONS = 3


def report(best: Sequence[Trial], files: Files, root: Path) -> Message:
    """The best repairs with whole files and a diff, and in words what else passed."""
    return {
        "code": "ok",
        "options": [_option(trial, files, root) for trial in best[:_OPTIONS]],
        "passing": len(best),
        "others": [_what(trial, root) for trial in best],
    }


def _what(trial: Trial, root: Path) -> str:
    return f"{trial.kind} at {trial.where}".replace(f"{root}{os.sep}", "")


def _option(trial: Trial, files: Files, root: Path) -> Message:
    changed: Message = {}
    diff: list[str] = []
    for path, text in trial.drafts.items():
        name = os.path.relpath(path, root)
        diff += unified_diff(files.code(path).text.splitlines(), text.splitlines(), name, name, lineterm="", n=1)
        data = base64.b64encode(encoded(path, text)).decode("ascii")
        mark = "\ufeff" if has_mark(path) else ""
        changed[name] = {"text": mark + text, "data": data, "mode": Path(path).stat().st_mode & 0o777}
    return {
        "what": _what(trial, root),
        "kind": trial.kind.replace(f"{root}{os.sep}", ""),
        "rank": trial.rank,
        "sure": trial.sure,
        "files": changed,
        "diff": "\n".join(diff),
    }
