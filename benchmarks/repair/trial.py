"""Repair one case and judge the repair."""

import ast
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.repair.case import Case
from benchmarks.repair.folder import Folder
from domain import Refused
from models.contract import Job
from models.repair import Repair


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    case: Case
    solved: bool
    code: str
    seconds: float
    tried: int = 0
    passing: int = 0
    hidden: bool = False
    """True when the repair also passes the tests that the engine did not see."""
    exact: bool = False
    """True when the repaired files are the original ones again, layout aside."""
    note: str = ""


async def attempt(case: Case, *, seconds: float) -> Verdict:
    """Lay the case out in a new folder and let the engine work on it."""
    with tempfile.TemporaryDirectory(prefix="signoff-repair-bench-") as made:
        bench = Folder(root=Path(made))
        await _lay(bench, case.files)
        began = time.monotonic()
        try:
            proposal = await Repair(folder=f"{made}-search").propose(Job(accept=case.accept, seconds=seconds), bench)
        except Refused as refused:
            taken = time.monotonic() - began
            return Verdict(case=case, solved=False, code=refused.stable_code, seconds=taken, note=refused.message)
        taken = time.monotonic() - began
        await _lay(bench, {edit.path: edit.content or "" for edit in proposal.change.files_to_update})
        await _lay(bench, case.hidden)
        exact = bool(case.original) and all(
            _same((Path(made) / path).read_text(), text) for path, text in case.original.items()
        )
        run = await bench.run(["sh", "-c", case.accept], timeout_s=120) if case.hidden else None
        return Verdict(
            case=case, solved=True, code="ok", seconds=taken, tried=proposal.tried, passing=proposal.passing,
            hidden=run.ok if run else exact, exact=exact, note=proposal.change.notes,
        )  # fmt: skip


async def _lay(bench: Folder, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        await bench.write(path, text.encode())


def _same(one: str, other: str) -> bool:
    return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
