"""Write the table of attacks into docs/threat-model.md from what happens: ``python scripts/threat_model.py``."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from sandbox import Docker, Spec
from sandbox.attacks import ATTACKS, Result, assail
from sandbox.checkup import docker_arena

PAGE = ROOT / "docs" / "threat-model.md"
BEGIN, END = "<!-- attacks: begin -->", "<!-- attacks: end -->"


async def results() -> list[Result]:
    backend = Docker()
    found: list[Result] = []
    try:
        async for result in assail(ATTACKS, docker_arena(backend, Spec())):
            print(f"{result.outcome:7} {result.name} {result.detail}", flush=True)
            found.append(result)
    finally:
        await backend.close()
    return found


def table(found: list[Result], day: str) -> str:
    held = sum(result.outcome == "held" for result in found)
    rows = [f"| `{r.name}` | {r.expected} | {r.outcome} |" for r in found]
    told = f"{held} of {len(found)} attacks held on runc, {day}."
    return "\n".join([told, "", "| attack | what must happen | runc |", "|---|---|---|", *rows])


def main() -> int:
    found = asyncio.run(results())
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    made = table(found, f"{datetime.now(UTC):%Y-%m-%d}")
    PAGE.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", encoding="utf-8")
    return 0 if all(result.outcome == "held" for result in found) else 1


if __name__ == "__main__":
    raise SystemExit(main())
