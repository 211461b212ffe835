"""Repair one case and judge the repair."""

import ast
import resource
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.repair.case import Case, encoded
from benchmarks.repair.folder import Folder
from domain import Refused
from models.providers import ChangeRequest, Proposal
from models.repair import Repair


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    case: Case
    solved: bool
    code: str
    seconds: float
    cpu_s: float = 0.0
    """Processor time of the search and the tests it ran: what a busy machine does not change."""
    tried: int = 0
    passing: int = 0
    right: bool = False
    """The repair also passes the hidden tests; where there are none, it is the original again but for layout."""
    note: str = ""


async def attempt(case: Case, *, seconds: float, workers: int = 2) -> Verdict:
    """Lay the case out in a new folder and let the engine work on it, trying ``workers`` candidates at a time."""
    with tempfile.TemporaryDirectory(prefix="signoff-repair-bench-") as folder:
        root, search = Path(folder), f"{folder}-search"
        bench = Folder(root=root)
        await _lay(bench, case.files)
        began, used = time.monotonic(), _cpu_s()
        try:
            engine = Repair(folder=search, workers=workers)
            proposal = await engine.propose(ChangeRequest(accept=case.accept, seconds=seconds, hunks=case.hunks), bench)
        except Refused as refused:
            taken = time.monotonic() - began
            return Verdict(
                case=case,
                solved=False,
                code=refused.stable_code,
                seconds=taken,
                note=refused.message,
                cpu_s=_cpu_s() - used,
            )
        finally:
            shutil.rmtree(search, ignore_errors=True)
        return Verdict(
            case=case,
            solved=True,
            code="ok",
            seconds=time.monotonic() - began,
            tried=proposal.tried,
            cpu_s=_cpu_s() - used,
            passing=proposal.passing,
            right=await _right(case, proposal, bench),
            note=proposal.change.notes,
        )


def _cpu_s() -> float:
    """Of children that have ended; one case runs at a time in each process."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _right(case: Case, proposal: Proposal, bench: Folder) -> bool:
    await _lay(bench, {edit.path: edit.content or "" for edit in proposal.change.files_to_update})
    if not case.hidden:
        pairs = [((bench.root / path).read_text(), text) for path, text in case.original.items()]
        return all(ast.dump(ast.parse(repaired)) == ast.dump(ast.parse(original)) for repaired, original in pairs)
    await _lay(bench, case.hidden)
    paths = {"PYTHONPATH": f"{bench.root / 'src'}:{bench.root}"}
    run = await bench.run(["sh", "-c", case.judge or case.accept], env=paths, timeout_s=120)
    return run.ok


async def _lay(bench: Folder, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        await bench.write(path, encoded(text))
