"""Entry point of the repair search: reads a request, searches, writes the result. Runs inside the sandbox only."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .analysis.project import Files, sources
from .analysis.wire import Message
from .runner.baseline import Baseline
from .runner.hosts import QUIET, HostGone, HostPool
from .runner.start import NamedTests, Refusal, lacking, namesakes, started
from .search.candidates import Candidates
from .search.jobs import Jobs
from .search.report import report
from .search.search import RepairSearch
from .search.settle import chosen

_BASELINE_SHARE = 0.4
_TRACE_SHARE, _PASSING_SHARE = 0.15, 0.08
"""Of the time left, for the lines of failing tests and of passing ones, which only make lines less suspicious."""
_CONTROL_SHARE, _NEXT_SHARE = 0.04, 0.4
"""For failing tests that are run again as things stand; for the next session of the command to come up."""
_CONTROLS, _LAST_CONTROLS, _LAST_CONTROL_S = 1, 8, 2.0
"""How often each is run again before the search, and after it found something; the time for the latter."""
_NOW_AND_THEN = "The tests that failed pass when they run alone, or now and then."
_STAGES = (0.12, 0.3, 0.6, 1.0)
"""Shares of the time after which partial repairs are looked at."""
_STAGES_OF_ONE = (0.5, 1.0)
"""The same where all tests fail in one way: nothing to look at but what ran out of time."""
_AGAIN = 0.08
"""Time for such candidates after each stage."""
_SURVEYING = 0.2
"""Time to choose partial repairs, as a share of what is left."""
_PROOF_SHARE, _PROOF = 0.2, 1.2
"""Time kept for the acceptance command itself: a share of all, and how much longer it takes than it took here."""
_PROBING_S = 4.0
"""Time to see which of several repairs behaves like most."""
_DEEPER = 0.6
"""Time for second edits, as a share of the time spent on single ones so far."""


def _say(text: str) -> None:
    # A file's name may be no text: then it is shown with escapes.
    sys.stdout.write(text.encode(errors="backslashreplace").decode() + "\n")
    sys.stdout.flush()


def python_paths(root: Path) -> list[str]:
    """Folders from which an uninstalled checkout imports."""
    source = root / "src"
    return [str(source), str(root)] if source.is_dir() else [str(root)]


def repair(request: Message) -> Message:
    """One search: the result, or a Refusal."""
    began = time.monotonic()
    until = began + float(request["seconds"])
    root = Path(os.path.realpath(request.get("root") or Path.cwd()))
    workers = int(request.get("workers") or min(2, os.cpu_count() or 1))
    with HostPool(root, workers, python_paths(root)) as pool:
        named = started(pool, request["command"], until)
        files = Files()
        starting = time.monotonic() - began
        paths, baseline = _observed(pool, named, until)
        candidates = Candidates(
            baseline,
            files,
            paths,
            suspects=request.get("suspects", ()),
            hunks=request.get("hunks", ()),
            loaded=pool.hosts["warm"].hello["loaded"],
        )
        count = sum(len(table) for table in candidates.weights().values())
        if not count:
            raise Refusal("no_repair_found", "The failing tests run no line of the project's own code.")
        _say(f"{len(baseline.failing)} of {len(baseline.tests)} tests fail; {count} suspicious lines")
        proof = starting + sum(test.seconds for test in baseline.tests.values() if not test.bad)
        until -= min(_PROOF_SHARE * (until - began), _PROOF * proof)
        jobs = Jobs(baseline, files)
        search = RepairSearch(pool, baseline, jobs, until, lambda text: _say(text.replace(f"{root}{os.sep}", "")))
        _stages(search, candidates, until, several=len(jobs.representatives()) > 1)
        facts = {
            **vars(search.tally),
            "env": {
                "PYTHONPATH": ":".join(python_paths(root)),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTEST_ADDOPTS": f"{os.environ.get('PYTEST_ADDOPTS', '')} {QUIET}".strip(),  # noqa: TID251 - the sandbox's
            },
        }
        if not search.plausible:
            lacking("\n".join(test.message for test in baseline.failing if test.error == "collect"), pool.root)
            raise Refusal("no_repair_found", f"No edit passes; {search.tally.tried} candidates were tried.", **facts)
        # Once more, and more often: what was found while a test happened to pass must not be offered.
        baseline.control(time.monotonic() + _LAST_CONTROL_S, _LAST_CONTROLS)
        if not baseline.failing:
            raise Refusal("no_failing_test", _NOW_AND_THEN, **facts)
        return {**report(chosen(pool, jobs, search.plausible, time.monotonic() + _PROBING_S), files, root), **facts}


def _observed(pool: HostPool, named: NamedTests, until: float) -> tuple[list[str], Baseline]:
    """The first session of the command in which a test fails: the files that may hold the bug, and what tests do.

    Raises:
        Refusal: ``no_failing_test``, ``not_python``, ``dependency_missing`` or ``no_repair_found``.
    """
    while True:
        tests = pool.hosts["warm"].hello["items"]
        paths = sources(pool.root, {os.path.realpath(item["file"]) for item in tests if not item["doc"]})
        if not paths:
            raise Refusal("not_python", "There is no Python file beside the tests.")
        try:
            return paths, _ran(pool, paths, named, until)
        except Refusal as refusal:
            if refusal.code != "no_failing_test":
                raise
            status, output = pool.following(_NEXT_SHARE * (until - time.monotonic()))
            if status:
                why = f"{refusal} The command ends with exit code {status} all the same: {output[-500:]}"
                raise Refusal(refusal.code, why) from refusal
            if status == 0:
                raise


def _ran(pool: HostPool, paths: Sequence[str], named: NamedTests, until: float) -> Baseline:
    """Run the tests as things stand, and the failing and nearby ones again with their lines recorded."""
    if "cold" in pool.hosts:
        pool.preload("cold", pool.hosts["warm"].hello["modules"])
    baseline = Baseline(pool, paths)
    _say(f"{len(baseline.tests)} tests collected")
    now = time.monotonic()
    baseline.run(now + (until - now) * _BASELINE_SHARE)
    baseline.leave_out(named)
    broken = "\n".join(test.message for test in baseline.failing if test.error == "collect")
    namesakes(broken)
    if broken and all(test.error == "collect" for test in baseline.failing):
        lacking(broken, pool.root)
    if not baseline.failing:
        raise Refusal("no_failing_test", "No test fails.")
    now = time.monotonic()
    left = until - now
    baseline.trace_failing(now + left * _TRACE_SHARE)
    baseline.control(time.monotonic() + left * _CONTROL_SHARE, _CONTROLS)
    if not baseline.failing:
        raise Refusal("no_failing_test", _NOW_AND_THEN)
    baseline.trace_passing(baseline.failing, time.monotonic() + left * _PASSING_SHARE)
    return baseline


def _stages(search: RepairSearch, candidates: Candidates, until: float, *, several: bool) -> None:
    """Single edits first; from time to time a second edit on top of the best partial repairs."""
    singles = candidates.ranked()
    began = time.monotonic()
    for share in _STAGES if several else _STAGES_OF_ONE:
        search.explore(singles, began + share * (until - began))
        now = time.monotonic()
        bases = [] if search.plausible else search.bases(now + _SURVEYING * (until - now))
        for place, base in enumerate(bases):
            now = time.monotonic()
            left = min(until - now, _DEEPER * (now - began))
            search.deepen(base, candidates, now + left / (len(bases) - place))
            if search.plausible:
                break
        if search.plausible:
            return
        search.retry(time.monotonic() + _AGAIN * (until - began))
    search.retry(until)


def main() -> None:
    """Run with the path of a request file; the result goes beside it."""
    path = Path(sys.argv[1])
    began = time.monotonic()
    try:
        result: Message = repair(json.loads(path.read_text()))
    except Refusal as refusal:
        result = {"code": refusal.code, "message": str(refusal), **refusal.facts}
    except HostGone as gone:
        result = {"code": "no_repair_found", "message": str(gone)}
    result["seconds"] = round(time.monotonic() - began, 1)
    path.with_name("result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
