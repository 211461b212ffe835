"""Repair provider: searches for a repair instead of asking a model.

Generate and validate in the sense of GenProg and its successors (Le Goues et al., 2012; Durieux and
Monperrus, 2016), with spectrum fault localisation. Everything that runs foreign code runs on the bench.
"""

import json
from asyncio import shield
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any, cast
from uuid import uuid4

from domain import CodeChange, CommandRun, FileEdit, Refused
from domain.reports import read_report
from domain.text import json_value
from models.contract import Listener
from models.providers import Bench, ChangeRequest, Proposal
from models.repair.bundle import bundle
from models.repair.wording import subject

_HINTS = {
    "no_failing_test": "Add a test that fails until the bug is repaired, or name it with --accept.",
    "no_repair_found": "Give it more time, name suspicious files, or configure a model: SIGNOFF_MODEL_BASE_URL.",
    "not_python": "The built-in repair engine works on Python only; configure a model: SIGNOFF_MODEL_BASE_URL.",
    "dependency_missing": "Set its environment up: signoff sandbox setup --repo PATH",
    "interpreter_missing": "Use a sandbox image that has python3, 3.9 or newer.",
}
_GRACE_S = 40.0
_NOT_FOUND = 127
_RESULT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Find an edit that makes the acceptance command pass, by trying many."""

    name: str = field(default="builtin-repair", init=False)
    repairs: bool = field(default=True, init=False)
    python: str = "python3"
    """The interpreter that runs the search inside the sandbox; the tests run with the command's own."""
    workers: int = 2
    folder: str = "/work/.signoff-repair"
    """Where the search is put inside the sandbox: outside the repository."""

    async def propose(self, job: ChangeRequest, bench: Bench, *, listener: Listener | None = None) -> Proposal:
        """Return one change that was seen to pass the acceptance command.

        Raises:
            Refused: ``no_failing_test``, ``no_repair_found``, ``not_python``, ``dependency_missing`` or
                ``interpreter_missing``.
        """
        say: Listener = listener or (lambda _: None)
        began = monotonic()
        folder = f"{self.folder}/{uuid4().hex[:12]}"
        say("looking for a repair: running the tests\n")
        try:
            result = await self._search(job, bench, folder, began, say)
        finally:
            # Shielded: a run that is cancelled leaves nothing in the sandbox either.
            await shield(bench.run(["rm", "-rf", folder]))
        # What passes in the search may fail in the command itself, which has steps and an environment of its own.
        reasons: list[str] = []
        for option in result["options"]:
            run = await self._accepted(job, bench, option, result, began)
            if run.ok:
                return proposal(self.name, job, run, option, result, seconds=monotonic() - began)
            reasons.append(f"{option['what']} passes in the search, not in the acceptance command: {why_not(run)}")
            say(f"{reasons[-1]}\n")
        raise _refused("no_repair_found", "\n".join(reasons))

    async def _search(
        self, job: ChangeRequest, bench: Bench, folder: str, began: float, say: Listener
    ) -> dict[str, Any]:
        await bench.write(f"{folder}/repair.zip", bundle())
        left = max(1.0, job.seconds - (monotonic() - began))
        request = {
            "command": job.accept,
            "seconds": left,
            "suspects": job.suspects,
            "workers": self.workers,
            "hunks": [asdict(hunk) for hunk in job.hunks],
        }
        await bench.write(f"{folder}/request.json", json.dumps(request).encode())
        argv = [self.python, "-I", f"{folder}/repair.zip", f"{folder}/request.json"]
        run = await bench.run(argv, timeout_s=left + _GRACE_S)
        say(run.stdout.text())
        if run.ended == "exit" and run.code == _NOT_FOUND:
            raise _refused("interpreter_missing", f"{self.python} is not in the sandbox.")
        try:
            data = await bench.read(f"{folder}/result.json", limit=_RESULT_BYTES)
        except Refused as error:
            output = f"{run.stderr.text()}\n{run.stdout.text()}".strip()[-1_000:]
            # Some shells and sandboxes say so in words and end with another code.
            if "No such file" in output or "not found" in output:
                raise _refused("interpreter_missing", f"{self.python} does not start: {output}") from error
            raise _refused("no_repair_found", f"The search ended early ({run.ended} {run.code}): {output}") from error
        result = search_result(data)
        if result["code"] != "ok":
            raise _refused(str(result["code"]), str(result.get("message", "")))
        return result

    async def _accepted(
        self, job: ChangeRequest, bench: Bench, option: Mapping[str, Any], result: Mapping[str, Any], began: float
    ) -> CommandRun:
        """Run the acceptance command itself on the changed files, and put them back."""
        originals = {path: await bench.read(path) for path in option["files"]}
        patience = max(30.0, 4 * job.seconds - (monotonic() - began))
        try:
            # The bytes that the search wrote: a text encoded anew might lose lines that it does not change.
            for path, changed in option["files"].items():
                await bench.write(path, b64decode(changed["data"]), mode=changed["mode"])
            return await bench.run(["sh", "-c", job.accept], env=result["env"], timeout_s=patience)
        finally:
            for path, data in originals.items():
                await shield(bench.write(path, data, mode=option["files"][path]["mode"]))


def search_result(data: bytes) -> dict[str, Any]:
    """Read what a search left behind: an object with a ``code``. Pure; the file was written where foreign code runs.

    Raises:
        Refused: ``no_repair_found`` for anything else.
    """
    try:
        result = json_value(data)
    except ValueError as error:
        raise _refused("no_repair_found", "The search left a result that cannot be read.") from error
    if not isinstance(result, dict) or "code" not in result:
        raise _refused("no_repair_found", "The search left a result that makes no sense.")
    return cast("dict[str, Any]", result)


def proposal(
    provider: str,
    job: ChangeRequest,
    run: CommandRun,
    option: Mapping[str, Any],
    result: Mapping[str, Any],
    *,
    seconds: float,
) -> Proposal:
    """The proposal of one repair that the acceptance command accepted; it says so when others pass as well. Pure."""
    passing = int(result["passing"])
    others = [f"* {what}" for what in result["others"] if what != option["what"]][:8]
    doubt = f"\n\n{passing} different edits pass, so the tests do not decide:\n" + "\n".join(others) if others else ""
    files = (FileEdit(path=path, content=changed["text"]) for path, changed in option["files"].items())
    change = CodeChange(
        expert=job.expert,
        files_to_update=tuple(files),
        notes=f"{option['what']}\n{option['diff']}{doubt}"[:20_000],
        commit_message=subject(option),
    )
    return Proposal(
        provider=provider,
        model=provider,
        change=change,
        duration_ms=1_000 * seconds,
        tried=int(result["tried"]),
        passing=passing,
        run=run,
        note=f"{option['what']}; {result['tried']} candidates in {result['seconds']} s, {passing} passed.",
    )


def why_not(run: CommandRun) -> str:
    """Why an acceptance command fails: what it says of its tests, else how it ended and what it printed last. Pure."""
    text = f"{run.stdout.text()}\n{run.stderr.text()}".strip()
    if run.ended != "exit":
        return f"it ended by {run.ended}"
    report = read_report(text)
    bad = [case.id for case in report.cases if case.outcome in {"failed", "error"}] if report else []
    if bad:
        return f"{', '.join(bad[:3])} fail{'s' if len(bad) == 1 else ''} there"
    words = f"; the tests pass ({report.summary}), so it asks for more than them" if report else ""
    return f"exit code {run.code}{words}: {text[-300:]}"


def _refused(code: str, message: str) -> Refused:
    return Refused(message[:2_000], code=code, hint=_HINTS.get(code, _HINTS["no_repair_found"]))
