"""Bugs that people made or mended: one hunk of a release put back to what the release before had.

The pairs of releases are those of ``tests/corpus/commits.toml``, without libraries that inform the engine. Each hunk of
their Python sources is a case where the newer release's own tests notice it. None of them was looked at while the
engine was written: all are for judging, and say what is left of its numbers on changes that nobody made up.
"""

import ast
import asyncio
import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.repair.case import Case
from benchmarks.repair.libraries import libraries, tested
from benchmarks.sdists import CACHE, fetched, texts
from domain.weakening import is_test
from tests.worlds.commits import RealCommit, commits

LARGEST_HUNK = 12
"""Lines on either side. A larger one is new code, which nobody expects of a repair."""
MOST = 8
"""Cases of one pair: a release that reworked everything would outweigh all others."""


@dataclass(frozen=True, slots=True)
class ReleaseHunk:
    """A place in a file of the newer release, and its lines in the older one."""

    path: str
    first: int
    last: int
    before: tuple[str, ...]

    def undone(self, text: str) -> str:
        """The file with these lines as they were."""
        lines = text.splitlines(keepends=True)
        return "".join((*lines[: self.first], *self.before, *lines[self.last :]))


def hunks(path: str, old: str, new: str) -> Iterator[ReleaseHunk]:
    """The hunks between two texts that are small, change what runs, and leave Python behind when they are undone."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal" or max(b - a, d - c) > LARGEST_HUNK:
            continue
        hunk = ReleaseHunk(path, c, d, tuple(before[a:b]))
        try:
            if ast.dump(_bare(hunk.undone(new))) != ast.dump(_bare(new)):
                yield hunk
        except SyntaxError:
            continue


def cases() -> Iterator[Case]:
    """The hunks whose undoing a test notices, of every pair in turn."""
    tuned = {library.name for library in libraries() if library.half == "tuned"}
    for commit in commits():
        if commit.name not in tuned:
            yield from _of(commit)


def _of(commit: RealCommit) -> Iterator[Case]:
    old, new = (
        texts(fetched(commit.name, version, sha))
        for version, sha in zip((commit.old, commit.new), commit.sha256, strict=True)
    )
    accept = f"python3 -m pytest -q -x {' '.join(commit.tests)}"
    every = [
        hunk
        for path, text in new.items()
        if path.endswith(".py") and not is_test(path) and path in old and old[path] != text
        for hunk in hunks(path, old[path], text)
    ]
    for number, hunk in enumerate(asyncio.run(_noticed(commit, accept, new, every))):
        yield Case(
            suite="releases",
            name=f"{commit.name}-{commit.new}-{number}",
            half="judged",
            files={**new, hunk.path: hunk.undone(new[hunk.path])},
            accept=accept,
            original={hunk.path: new[hunk.path]},
            bug=f"{hunk.path}:{hunk.first + 1}  {' '.join(' '.join(hunk.before).split())[:60]}",
        )


async def _noticed(
    commit: RealCommit, accept: str, files: Mapping[str, str], every: list[ReleaseHunk]
) -> list[ReleaseHunk]:
    """Those that make a test fail; remembered beside the sources."""
    print_ = hashlib.sha256(repr((accept, every)).encode(errors="replace")).hexdigest()[:8]
    note = CACHE / f"{commit.name}-{commit.new}-hunks-{print_}.json"
    if note.exists():
        return [every[place] for place in json.loads(note.read_text())]
    run = await tested(accept, files)
    if not run.ok:
        raise ValueError(f"{commit.id} fails its own tests as it is:\n{run.stdout.head[-500:]!r}")
    noticed: list[int] = []
    for place, hunk in enumerate(every):
        run = await tested(accept, {**files, hunk.path: hunk.undone(files[hunk.path])})
        if run.ended == "exit" and run.code == 1:
            noticed.append(place)
        if len(noticed) == MOST:
            break
    note.write_text(json.dumps(noticed))
    return [every[place] for place in noticed]


def _bare(text: str) -> ast.Module:
    """A module without what only people read: documentation, annotations."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        match node:
            case (
                ast.Module(body=[ast.Expr(value=ast.Constant(value=str())), *rest])
                | ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str())), *rest])
                | ast.ClassDef(body=[ast.Expr(value=ast.Constant(value=str())), *rest])
            ):
                node.body = rest or [ast.Pass()]
            case ast.arg():
                node.annotation = None
            case _:
                pass
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return tree
