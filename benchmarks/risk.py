"""How fast commands are rated, and how well: the published corpus of dangerous and of everyday commands.

``python -m benchmarks risk`` measures; the commands lie in ``tests/corpus``.
"""

import statistics
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from domain import TIERS, Tier
from risk import RiskEngine

CORPUS = Path(__file__).parents[1] / "tests" / "corpus"
ROUNDS = 5


def dangerous(folder: Path = CORPUS) -> Iterator[tuple[str, Tier]]:
    """Every dangerous command and the lowest tier that is acceptable."""
    for group in yaml.safe_load((folder / "dangerous.yaml").read_text(encoding="utf-8")):
        yield from ((command, group["at_least"]) for command in group["commands"])


def harmless(folder: Path = CORPUS) -> Iterator[tuple[str, Tier]]:
    """Every everyday command and its right tier in a sealed sandbox."""
    for group in yaml.safe_load((folder / "harmless.yaml").read_text(encoding="utf-8")):
        yield from ((command, group["tier"]) for command in group["commands"])


def microseconds(engine: RiskEngine, commands: list[str]) -> float:
    """The median over all commands of the best of a few tries each."""
    best: list[float] = []
    for command in commands:
        tries: list[float] = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            engine.command(command)
            tries.append((time.perf_counter() - start) * 1_000_000)
        best.append(min(tries))
    return statistics.median(best)


def measure() -> Mapping[str, float]:
    engine = RiskEngine()
    bad, good = list(dangerous()), list(harmless())
    low = sum(engine.command(command).tier == "low" for command, _ in bad)
    over = sum(TIERS.index(engine.command(command).tier) > TIERS.index(tier) for command, tier in good)
    return {
        "risk.classify_p50_us": round(microseconds(engine, [command for command, _ in (*bad, *good)]), 1),
        "risk.dangerous_rated_low": float(low),
        "risk.harmless_overrated_pct": round(100 * over / len(good), 2),
    }
