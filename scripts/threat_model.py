"""Write the table of attacks into docs/threat-model.md from what happens: ``python scripts/threat_model.py``.

The column of gVisor comes from an engine of its own, which only root can start; without it those results stay.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sandbox import Docker, Spec
from sandbox.attacks import ATTACKS, OWN_KERNEL, Result, assail
from sandbox.docker.fault_injector import docker_arena
from tests.worlds.engine import engine_with_gvisor
from tests.worlds.gvisor import newer_gvisor

PAGE = ROOT / "docs" / "threat-model.md"
BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"


async def results(spec: Spec, address: str | None = None) -> list[Result]:
    backend = Docker(base_url=address)
    checks: list[Result] = []
    try:
        async for result in assail(ATTACKS, docker_arena(backend, spec)):
            print(f"{spec.runtime} {result.outcome:7} {result.name} {result.detail}", flush=True)
            checks.append(result)
    finally:
        await backend.close()
    return checks


def on_gvisor() -> list[Result]:
    place = Path(tempfile.mkdtemp(prefix="signoff-engine-"))
    spec = Spec(runtime="runsc")
    try:
        with engine_with_gvisor(place, spec.image, newer_gvisor()) as address:
            return asyncio.run(results(spec, address))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def table(found: list[Result], there: dict[str, str], day: str) -> str:
    held = sum(result.outcome == "held" for result in found)
    inside = sum(outcome == "inside" for outcome in there.values())
    rows = [f"| `{r.name}` | {r.expected} | {r.outcome} | {there.get(r.name, '')} |" for r in found]
    told = (
        f"{held} of {len(found)} attacks held on runc, {day}. On gVisor {len(there) - inside} held; {inside} end "
        "*inside*: its own kernel answers, and nothing gets out of it (why, for each: "
        "`sandbox/attacks/own_kernel.py`)."
    )
    return "\n".join([told, "", "| attack | what must happen | runc | gVisor |", "|---|---|---|---|", *rows])


def outcome(result: Result) -> str:
    """How one went on gVisor: an exception that is explained is not what is expected of Linux, and lets nothing out."""
    return "inside" if result.outcome != "held" and result.name in OWN_KERNEL else result.outcome


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    there = dict(re.findall(r"^\| `(\w+)` \| .+ \| \w+ \| (\w+) \|$", page, re.MULTILINE))
    results_ = asyncio.run(results(Spec()))
    if os.geteuid() == 0:
        there = {result.name: outcome(result) for result in on_gvisor()}
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = table(results_, there, f"{datetime.now(UTC):%Y-%m-%d}")
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", encoding="utf-8")
    good = all(r.outcome == "held" for r in results_) and set(there.values()) <= {"held", "inside"}
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
