"""Entry: read a request, search, write the result. Runs inside the sandbox only."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

from .baseline import Baseline
from .lab import HostGone, Lab
from .patch import has_mark
from .project import Files, sources
from .search import Search, Trial
from .suspects import Weights
from .wire import Message

_BASELINE_SHARE = 0.4
_TRACE_SHARE = 0.15
_OPTIONS = 3
_STAGES = (0.12, 0.3, 0.6, 1.0)
_DEEPER = 1.2


class Refusal(Exception):
    """The search cannot start or found nothing; ``code`` says which."""

    def __init__(self, code: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.code, self.facts = code, facts


def _say(text: str) -> None:
    sys.stdout.write(f"{time.process_time():.1f} {time.monotonic() % 10000:.1f} {text}\n")
    sys.stdout.flush()


def _python_paths(root: Path) -> list[str]:
    source = root / "src"
    return [str(source), str(root)] if source.is_dir() else [str(root)]


def repair(request: Message) -> Message:
    """One search. Returns the change or raises Refusal."""
    began = time.monotonic()
    seconds = float(request["seconds"])
    until = began + seconds
    root = Path(os.path.realpath(request.get("root") or Path.cwd()))
    workers = int(request.get("workers") or min(2, os.cpu_count() or 1))
    with Lab(root, workers, _python_paths(root)) as lab:
        status, output = lab.start(request["command"], seconds * _BASELINE_SHARE)
        if status is not None:
            if status == 0:
                raise Refusal("no_failing_test", "The acceptance command passes already.")
            raise Refusal(
                "no_repair_found", "The acceptance command starts no test session that can be searched.", output=output
            )
        hello = lab.hosts["warm"].hello
        _say(f"{len(hello['items'])} tests collected")
        files = Files()
        paths = sources(root, {os.path.realpath(item["file"]) for item in hello["items"]})
        if not paths:
            raise Refusal("not_python", "There is no Python file beside the tests.")
        if "cold" in lab.hosts:
            lab.preload("cold", hello["modules"])
        baseline = Baseline(lab, paths)
        baseline.run(began + seconds * _BASELINE_SHARE)
        if not baseline.failing:
            raise Refusal("no_failing_test", "No test fails.", tests=len(baseline.tests))
        now = time.monotonic()
        baseline.trace_failing(now + (until - now) * _TRACE_SHARE)
        if not baseline.failing:
            raise Refusal("no_failing_test", "The tests that failed pass when they run alone.")
        baseline.trace_passing(baseline.failing, time.monotonic() + (until - now) * _TRACE_SHARE)
        _say(f"{len(baseline.failing)} of {len(baseline.tests)} tests fail")
        search = Search(lab, baseline, files, paths, _say, until)
        return _searched(search, files, root, request, began, until)


def _searched(search: Search, files: Files, root: Path, request: Message, began: float, until: float) -> Message:
    weights = search.weights(request.get("suspects", ()))
    count = sum(len(table) for table in weights.values())
    if not count:
        raise Refusal("no_repair_found", "The failing tests run no line of the project's own code.")
    _say(f"{count} suspicious lines in {len(weights)} files")
    _stages(search, weights, request.get("suspects", ()), until)
    tally = search.tally
    facts = {"tried": tally.tried, "late": tally.late, "invalid": tally.invalid, "partial": tally.partial, "cold": tally.cold,
             "seconds": round(time.monotonic() - began, 2)}  # fmt: skip
    options = search.best[:_OPTIONS]
    if not options:
        raise Refusal("no_repair_found", f"No single edit passes; {tally.tried} were tried.", **facts)
    return {
        "code": "ok",
        "options": [_option(trial, files, root) for trial in options],
        "passing": len(search.plausible),
        "others": [_what(trial, root) for trial in search.best],
        "env": {"PYTHONPATH": ":".join(_python_paths(root)), "PYTHONDONTWRITEBYTECODE": "1"},
        **facts,
    }


def _stages(search: Search, weights: Weights, suspects: Sequence[str], until: float) -> None:
    """Single edits first; from time to time a second edit on top of the best partial repairs."""
    singles = search.ranked(weights)
    began = time.monotonic()
    for share in _STAGES:
        search.explore(singles, began + share * (until - began))
        if search.plausible:
            return
        bases = search.bases()
        for place, base in enumerate(bases):
            now = time.monotonic()
            left = min(until - now, _DEEPER * (now - began))
            search.deepen(base, suspects, now + left / (len(bases) - place))
            if search.plausible:
                return
    search.retry_late()


def _what(trial: Trial, root: Path) -> str:
    return f"{trial.kind} at {os.path.relpath(trial.where, root)}"


def _option(trial: Trial, files: Files, root: Path) -> Message:
    changed: Message = {}
    diff: list[str] = []
    for path, text in trial.drafts.items():
        name = os.path.relpath(path, root)
        old = files.code(path).text
        diff += unified_diff(old.splitlines(), text.splitlines(), name, name, lineterm="", n=1)
        mark = "\ufeff" if has_mark(path) else ""
        changed[name] = {"text": mark + text, "mode": Path(path).stat().st_mode & 0o777}
    return {
        "what": _what(trial, root),
        "kind": trial.kind,
        "rank": trial.rank,
        "files": changed,
        "diff": "\n".join(diff),
    }


def main() -> None:
    """Run with the path of a request file; the result goes beside it."""
    path = Path(sys.argv[1])
    request = json.loads(path.read_text())
    try:
        result = repair(request)
    except Refusal as refusal:
        result = {"code": refusal.code, "message": str(refusal), **refusal.facts}
    except HostGone as gone:
        result = {"code": "no_repair_found", "message": str(gone)}
    path.with_name("result.json").write_text(json.dumps(result))
    _say(result["code"])


if __name__ == "__main__":
    main()
