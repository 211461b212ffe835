"""How long does a large repository take? ``python -m benchmarks.search_scale [FILES]``.

The files are made as they are read, from words that are as unevenly spread as those of real code (Zipf), so that
100,000 of them need no disk. One of them has 50 MB, one is minified, one is binary.
"""

import asyncio
import random
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from retrieval import Finder, IndexFolder

WORDS, LINES, QUESTIONS, KEPT = 40_000, 120, 25, 5_000
ODD = {
    "data/huge.json": b"[" + b"1234567," * (50 << 17) + b"1]",
    "web/app.js": b"var a=1;" * 20_000,
    "blob.dat2": b"\0" * 9_000,
}


@dataclass(slots=True)
class MadeTree:
    """Files made of a seed, as ``Versioned``."""

    count: int
    read_files: int = 0
    _texts: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Of files that were read lately: making them takes longer than searching them."""
    _words: tuple[str, ...] = ()
    _weights: tuple[float, ...] = ()
    _versions: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        draw = random.Random(1)  # noqa: S311  a fixed draw, no secret
        parts = ["".join(draw.choices("bcdfglmnprst", k=2)) + draw.choice("aeiou") for _ in range(900)]
        self._words = tuple(
            f"{draw.choice(parts)}{draw.choice(parts)}_{draw.choice(parts)}{draw.choice(parts)}" for _ in range(WORDS)
        )
        self._weights = tuple(accumulate(1 / (rank + 10) for rank in range(WORDS)))
        names = [f"src/p{n % 97}/m{n % 1_013}/file_{n}.py" for n in range(self.count - len(ODD))]
        self._versions = {path: f"{n:040x}" for n, path in enumerate((*names, *ODD))}

    async def files(self) -> Sequence[str]:
        return tuple(self._versions)

    async def versions(self) -> Mapping[str, str]:
        return self._versions

    async def private(self) -> frozenset[str]:
        return frozenset()

    async def read(self, path: str) -> bytes:
        return self.text(path)

    async def read_many(self, paths: Sequence[str], *, limit: int) -> Mapping[str, bytes]:
        self.read_files += len(paths)
        if len(self._texts) > KEPT:
            self._texts.clear()
        self._texts |= {path: self.text(path) for path in paths if path not in self._texts and path not in ODD}
        texts = {path: self._texts[path] if path in self._texts else ODD[path] for path in paths}
        return {path: data for path, data in texts.items() if len(data) <= limit}

    def text(self, path: str) -> bytes:
        if path in ODD:
            return ODD[path]
        draw = random.Random(path)  # noqa: S311
        words = draw.choices(self._words, cum_weights=self._weights, k=LINES * 5)
        lines: list[str] = []
        for at in range(0, len(words), 50):
            body = [
                f"    {a} = {b}({c}, {d}.{e})" for a, b, c, d, e in zip(*[iter(words[at : at + 50])] * 5, strict=True)
            ]
            lines += [f"def {words[at]}({words[at + 1]}):", *body, "", ""]
        return "\n".join(lines).encode()

    def question(self, number: int) -> str:
        draw = random.Random(number)  # noqa: S311
        return " ".join(draw.choices(self._words, cum_weights=self._weights, k=14))


async def measure_tree(count: int, home: Path) -> dict[str, float]:
    """Seconds of the first index, milliseconds of warm questions, and the most memory that this process had."""
    tree = MadeTree(count)
    began = time.perf_counter()
    processor = time.process_time()
    index = IndexFolder(home).of("made")
    finder = Finder(tree, index=index, seconds=36_000)
    coverage = (await finder.ranked(tree.question(0))).coverage
    first_s, first_cpu_s = time.perf_counter() - began, time.process_time() - processor
    print(f"first: {coverage}")
    read = tree.read_files
    timings: list[float] = []
    for number in range(2 * QUESTIONS):
        # Each once to have its records, then again as a coder asks that looks around.
        began = time.process_time()
        await finder.ranked(tree.question(number % QUESTIONS))
        timings.append((time.process_time() - began) * 1_000)
    anew = IndexFolder(home).of("made")
    began = time.process_time()
    again = (await Finder(tree, index=anew, seconds=36_000).ranked(tree.question(0))).coverage
    opened_ms = (time.process_time() - began) * 1_000
    warm = sorted(timings[QUESTIONS:])
    return {
        "files": count,
        "first_index_s": first_s,
        "first_index_cpu_s": first_cpu_s,
        "question_p50_ms": warm[len(warm) // 2],
        "question_max_ms": warm[-1],
        "new_question_p50_ms": sorted(timings[:QUESTIONS])[QUESTIONS // 2],
        "new_process_question_ms": opened_ms,
        "read_again": again.added,
        "read_in_all": read,
        "index_mb": size_of(home) / 2**20,
        "most_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024,
    }


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def main(arguments: Sequence[str]) -> None:
    count = int(arguments[0]) if arguments else 20_000
    with TemporaryDirectory() as home:
        for name, value in asyncio.run(measure_tree(count, Path(home))).items():
            print(f"{name:>24} {value:,.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
