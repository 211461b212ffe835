"""Single-edit bugs in real libraries, with the library's own tests as the acceptance command.

Sources come from the package index when the benchmark runs, into a cache outside the tree.
"""

import asyncio
import hashlib
import json
import random
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.repair.case import Case, encoded
from benchmarks.repair.folder import Folder
from benchmarks.repair.mutation import Mutation
from benchmarks.repair.mutator import Mutator
from benchmarks.sdists import CACHE, fetched, texts
from domain import CommandRun

_LIST = Path(__file__).parent / "suites" / "libraries.toml"
_SEED = 20_261_121
_CHECK_S = 90.0
_OF_A_KIND = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    name: str
    version: str
    source: str
    """Folder or file that may be broken."""
    tests: str
    half: str
    sha256: str
    """Of the source distribution."""
    wide: bool = False
    """Broken in more ways: wrong names, attributes, exceptions and defaults, lost statements and calls, too."""
    count: int = 6


def libraries() -> list[Library]:
    """What ``suites/libraries.toml`` names."""
    return [Library(**fields) for fields in tomllib.loads(_LIST.read_text())["library"]]


def cases(half: str = "") -> Iterator[Case]:
    """Some bugs of each library that make at least one of its tests fail."""
    for library in libraries():
        if half not in ("", library.half):
            continue
        files = texts(fetched(library.name, library.version, library.sha256))
        for number, (path, mutation) in enumerate(asyncio.run(_killed(library, files, library.count))):
            broken = mutation.applied(files[path])
            line = files[path].split("\n")[mutation.line - 1].strip()
            yield Case(
                suite="libraries",
                name=f"{library.name}-{number}",
                half=library.half,
                files={**files, path: broken},
                hidden={},
                accept=f"python3 -m pytest -q -x {library.tests}",
                bug=f"{mutation.kind} {path}:{mutation.line}  {line}  →  {mutation.text}",
                original={path: files[path]},
            )


async def _killed(library: Library, files: Mapping[str, str], count: int) -> Sequence[tuple[str, Mutation]]:
    """Mutations that some test notices, the same ones each time; remembered beside the sources."""
    whole, command = hashlib.sha256(), f"python3 -m pytest -q -x {library.tests}"
    for name, text in files.items():
        whole.update(encoded(f"{name}\0{text}\0"))
    note = CACHE / f"{library.name}-{library.version}-{_SEED}-{whole.hexdigest()[:8]}.json"
    if not note.exists() and not (run := await tested(command, files)).ok:
        raise ValueError(f"{library.name} fails its own tests before it is broken:\n{run.stdout.head[-500:]!r}")
    known: list[list[int]] = json.loads(note.read_text()) if note.exists() else []
    every = _mutations(library, files)
    chosen = [every[place] for place, killed in known if killed]
    tried = len(known)
    order = list(range(len(every)))
    random.Random(_SEED).shuffle(order)  # noqa: S311 - a fixed choice, not a secret
    while len(chosen) < count and tried < len(order):
        place = order[tried]
        tried += 1
        path, mutation = every[place]
        run = await tested(command, {**files, path: mutation.applied(files[path])})
        killed = run.ended == "exit" and run.code == 1
        known.append([place, int(killed)])
        if killed:
            chosen.append(every[place])
        note.write_text(json.dumps(known))
    return chosen[:count]


def _mutations(library: Library, files: Mapping[str, str]) -> list[tuple[str, Mutation]]:
    own = [path for path in files if path.startswith(library.source) and path.endswith(".py") and "/test" not in path]
    if not library.wide:
        return [(path, mutation) for path in own for mutation in Mutator(files[path]).all()]
    every = [(path, mutation) for path in own for mutation in Mutator(files[path]).wide()]
    # A few of each kind, from all over the files: otherwise most would be of the two or three commonest kinds.
    mutations: list[tuple[str, Mutation]] = []
    for kind in sorted({mutation.kind for _, mutation in every}):
        alike = [pair for pair in every if pair[1].kind == kind]
        mutations += alike[:: max(1, len(alike) // _OF_A_KIND)][:_OF_A_KIND]
    return mutations


async def tested(command: str, files: Mapping[str, str]) -> CommandRun:
    """The tests of a library on these files."""
    with tempfile.TemporaryDirectory(prefix="signoff-mutant-") as folder:
        bench = Folder(root=Path(folder))
        for name, text in files.items():
            await bench.write(name, encoded(text))
        return await bench.run(
            ["sh", "-c", f"{command} -p no:cacheprovider"],
            env={"PYTHONPATH": f"{folder}/src:{folder}"},
            timeout_s=_CHECK_S,
        )
