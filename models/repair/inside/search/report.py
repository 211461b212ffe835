"""Search result as JSON: the best repairs with whole files and diffs, for the half outside the sandbox."""

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
    folder = f"{root}{os.sep}"
    names = [f"{trial.kind} at {trial.where}".replace(folder, "") for trial in best]
    options: list[Message] = []
    for what, trial in zip(names, best[:_OPTIONS]):  # noqa: B905 - Python 3.9
        changed: Message = {}
        diff: list[str] = []
        for path, text in trial.drafts.items():
            name = os.path.relpath(path, root)
            diff += unified_diff(files.code(path).text.splitlines(), text.splitlines(), name, name, lineterm="", n=1)
            # Bytes beside the text: only here is the file that says how its text is encoded.
            data = base64.b64encode(encoded(path, text)).decode("ascii")
            mark = "\ufeff" if has_mark(path) else ""
            changed[name] = {"text": mark + text, "data": data, "mode": Path(path).stat().st_mode & 0o777}
        options.append(
            {
                "what": what,
                "kind": trial.kind.replace(folder, ""),
                "rank": trial.rank,
                "sure": trial.sure,
                "files": changed,
                "diff": "\n".join(diff),
            }
        )
    return {"code": "ok", "options": options, "passing": len(best), "others": names}
