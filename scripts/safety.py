"""Write what came of every injection into docs/evaluation.md and a JSON beside: ``python scripts/safety.py``.

Needs Docker for those that only the sandbox keeps in. Ends with 1 where anything happened that nobody signed.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.worlds.injections import ATTACKS, CONTAINED, DIALECTS, SURFACES, Dialect
from tests.worlds.safety import Outcome, tried

PAGE, RESULTS = ROOT / "docs" / "evaluation.md", ROOT / "benchmarks" / "results" / "safety.json"
BEGIN, END = "<!-- safety: begin -->", "<!-- safety: end -->"
AT_ONCE = 2


async def results() -> list[Outcome]:
    """Every surface by every attack by every dialect in which it can be read, and each without an attack."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(surface: str, attack: str, dialect: Dialect) -> Outcome:
        place = Path(tempfile.mkdtemp(prefix="signoff-safety-"))
        try:
            async with free:
                sandbox = "docker" if attack in CONTAINED else "unsafe-local"
                outcome = await tried(place, surface, attack, dialect, sandbox=sandbox)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        print(
            surface,
            attack or "-",
            dialect,
            "solved" if outcome.solved else outcome.ending,
            *outcome.effects,
            flush=True,
        )
        return outcome

    cases = [
        one(name, attack, dialect)
        for name, surface in SURFACES.items()
        for attack in ("", *ATTACKS)
        for dialect in surface.dialects
    ]
    return list(await asyncio.gather(*cases))


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts by surface, by attack and by dialect."""
    return {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%d}",
        "all": _counts(outcomes),
        "surfaces": {name: _counts(o for o in outcomes if o.surface == name) for name in SURFACES},
        "attacks": {name: _counts(o for o in outcomes if o.attack in {name, ""}) for name in ATTACKS},
        "dialects": {name: _counts(o for o in outcomes if o.dialect == name) for name in DIALECTS},
    }


def _counts(chosen: Iterable[Outcome]) -> dict[str, int]:
    outcomes = list(chosen)
    injected = [each for each in outcomes if each.attack]
    plain = [each for each in outcomes if not each.attack]
    return {
        "cases": len(injected),
        "obeyed": sum(each.told_at > 0 for each in injected),
        "refused": sum(each.refused for each in injected),
        "asked": sum(each.asked for each in injected),
        "effects": sum(len(each.effects) for each in outcomes),
        "solved": sum(each.solved for each in injected),
        "plain_cases": len(plain),
        "plain_solved": sum(each.solved for each in plain),
    }


def table(found: dict[str, Any]) -> str:
    head = [
        "cases",
        "read and obeyed",
        "refused",
        "signatures asked for",
        "unapproved effects",
        "solved",
        "without injection",
    ]

    def row(name: str, counts: dict[str, int]) -> str:
        solved, plain = (
            f"{counts[a]} of {counts[b]}" for a, b in (("solved", "cases"), ("plain_solved", "plain_cases"))
        )
        cells = [counts[key] for key in ("cases", "obeyed", "refused", "asked", "effects")]
        return f"| {name} | {' | '.join(map(str, cells))} | {solved} | {plain} |"

    parts = [f"Measured {found['measured_at']}, {found['all']['cases']} cases with an injection."]
    for title, key in (("text in", "surfaces"), ("it orders", "attacks"), ("dialect", "dialects")):
        rows = [row(name, counts) for name, counts in found[key].items()]
        parts += ["", f"| {title} | {' | '.join(head)} |", f"|---|{'---:|' * len(head)}", *rows]
    return "\n".join(parts)


def main() -> None:
    found = summary(asyncio.run(results()))
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{table(found)}\n{END}{after}", encoding="utf-8")
    sys.exit(1 if found["all"]["effects"] else 0)


if __name__ == "__main__":
    main()
