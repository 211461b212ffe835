"""Does the text of a commit find the lines that the commit changed? ``python -m benchmarks.commits FOLDER``.

FOLDER holds clones, ``OWNER+NAME/repo``. ``commits.json`` names the commits and has a digest of each question and of
the regions it should lead to; both are read out of the clone, so nothing of those repositories lies here. A question
is the commit's message without code, trailers, links and numbers of issues. A region is a run of lines of the parent
that the commit changes in files that are neither tests nor beside the product; it is found where half of its lines
are shown within the budget. Half of the repositories may inform the ranking, the other half only judges it.
"""

import asyncio
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from domain.weakening import is_test
from retrieval import Finder, IndexFolder, passages_of
from retrieval.bm25 import PROSE_K1, Bm25
from retrieval.chunks import Chunk, chunk
from retrieval.file_filter import MAX_BYTES, is_code, is_text, select_files
from retrieval.packing import fit, join
from retrieval.terms import STOP, bag, query_terms

BUDGET = 6_000
"""Tokens, as the planner has."""
RECIPE = Path(__file__).with_name("commits.json")
ASIDE = re.compile(
    r"(^|/)(docs?|examples?|benches|benchmarks?|scripts|tools|fixtures|testdata|testing/data|playgrounds?|\.github"
    r"|stress-test|tests-\w+|sandbox|packages-private|build|vendor)(/|$)|(^|/)(setup|conf|noxfile|conftest|tasks)\.py$"
    r"|_test\.|testresources|\.d\.ts$|-test/|tests?\.rs$|^dist/|/__tests__/|^xtask|\.conf(ig)?\.[cm]?[jt]s$|[Gg]runtfile"
    r"|rollup|(^|/)docs?_|_example"
)
"""What a question is not about; a part of how the commits were chosen, and not of the search."""
_TRAILER = re.compile(
    r"^\s*(?:(?:fix(?:es|ed)?|close[sd]?|ref[s]?|see|pr|bug|issue|related|resolves?)[:\s]+\S*#?\d*\s*$"
    r"|(?:signed-off-by|co-authored-by|reviewed-by|cc|change-id)\s*:)",
    re.IGNORECASE,
)
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+")
_NEAR = 3
"""Changed lines with at most so many between them are one region."""

Region = tuple[int, int]
Passages = list[tuple[str, int, int]]
"""Path, first and last line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of a clone."""

    clone: Path
    repo: str
    sha: str

    def git(self, *args: str, stdin: bytes = b"") -> bytes:
        command = ["git", "-C", str(self.clone), *args]
        return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout

    def question(self) -> str:
        """The message as somebody would tell it who does not know the change."""
        return question_of(self.git("log", "-1", "--format=%B", self.sha).decode(errors="replace"))

    def regions(self) -> dict[str, list[Region]]:
        """What is to be found: lines of the parent, by path."""
        patch = self.git("diff-tree", "-p", "-U0", "--no-renames", "--no-color", f"{self.sha}^", self.sha)
        return regions_of(patch.decode(errors="replace"))

    def digest(self) -> str:
        return hashlib.sha256(json.dumps([self.question(), self.regions()]).encode()).hexdigest()


@dataclass(slots=True)
class ParentTree:
    """The files before a commit, as ``Versioned``."""

    commit: Commit
    _versions: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        for line in self.commit.git("ls-tree", "-r", "-z", "-l", f"{self.commit.sha}^").split(b"\0"):
            meta, _, path = line.partition(b"\t")
            parts = meta.split()
            # A snapshot lacks its largest files, and says so in place of their size.
            if len(parts) == len(("mode", "blob", "hash", "size")) and parts[3].isdigit():
                self._versions[path.decode(errors="replace")] = parts[2].decode()

    async def files(self) -> Sequence[str]:
        return tuple(self._versions)

    async def versions(self) -> Mapping[str, str]:
        return self._versions

    async def private(self) -> frozenset[str]:
        return frozenset()

    async def read(self, path: str) -> bytes:
        return (await self.read_many([path], limit=1 << 30))[path]

    async def read_many(self, paths: Sequence[str], *, limit: int) -> Mapping[str, bytes]:
        names = [self._versions[path] for path in paths if path in self._versions]
        if not names:
            return {}
        out, at, contents = self.commit.git("cat-file", "--batch", stdin="\n".join(names).encode() + b"\n"), 0, {}
        for name in names:
            end = out.index(b"\n", at)
            size = int(out[at:end].split()[2])
            contents[name] = out[end + 1 : end + 1 + size]
            at = end + size + 2
        texts = ((path, contents[self._versions[path]]) for path in paths if path in self._versions)
        return {path: data for path, data in texts if len(data) <= limit}


def question_of(message: str) -> str:
    """A commit's message without code, trailers, links, numbers of issues, and lists that squashing left."""
    message = re.sub(r"```.*?(```|\Z)", "\n", message, flags=re.DOTALL)
    lines = [each for each in message.split("\n") if not each.startswith(("    ", "\t")) and not _TRAILER.match(each)]
    bullets = [each for each in lines if re.match(r"^\s*[*] ", each)]
    if any(re.match(r"^-{5,}$", each) for each in lines) or len(bullets) > 4:
        lines = [each for each in lines if not re.match(r"^\s*[*] |^-{5,}$", each)]
    text = re.sub(r"https?://\S+|\(?(?:[\w-]+/[\w-]+)?#\d+\)?", "", "\n".join(lines))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def regions_of(patch: str) -> dict[str, list[Region]]:
    """The lines that a patch changes of files that were there; of an insertion the line before it."""
    regions: dict[str, list[Region]] = {}
    old, path = "", ""
    for line in patch.split("\n"):
        if line.startswith("diff --git"):
            path = ""
        elif line.startswith("--- "):
            old = line[4:]
        elif line.startswith("+++ "):
            path = "" if "/dev/null" in {old, line[4:]} else old[2:]
        elif path and (hunk := _HUNK.match(line)):
            first, count = max(int(hunk[1]), 1), int(hunk[2] or 1)
            last = first + max(count, 1) - 1
            runs = regions.setdefault(path, [])
            if runs and first - runs[-1][1] <= _NEAR:
                runs[-1] = runs[-1][0], max(runs[-1][1], last)
            else:
                runs.append((first, last))
    return {
        each: runs for each, runs in regions.items() if is_code(each) and not is_test(each) and not ASIDE.search(each)
    }


def shares(passages: Passages, regions: Mapping[str, Sequence[Region]]) -> tuple[float, float]:
    """Which share of the regions, and of their files, is shown."""
    shown: dict[str, set[int]] = {}
    for path, first, last in passages:
        shown.setdefault(path, set()).update(range(first, last + 1))
    runs = [(path, first, last) for path, each in regions.items() for first, last in each]
    hit = [len(shown.get(p, set()) & set(range(a, b + 1))) * 2 >= b - a + 1 for p, a, b in runs]
    return sum(hit) / len(hit), sum(path in shown for path in regions) / len(regions)


async def signoff(tree: ParentTree, question: str, indexes: IndexFolder) -> Passages:
    """What the planner is shown."""
    finder = Finder(tree, index=indexes.of(tree.commit.repo), seconds=3_600)
    passages = passages_of(await finder.ranked(question), budget_tokens=BUDGET)
    return [(p.path, p.start_line, p.end_line) for p in passages]


async def plain_bm25(tree: ParentTree, question: str, _: IndexFolder) -> Passages:
    """Okapi BM25 over the same chunks with the same terms, and nothing else."""
    chunks = [c for path, data in (await _texts(tree)).items() for c in chunk(path, data.decode(errors="replace"))]
    scores = Bm25([bag(c.text) for c in chunks], k1=PROSE_K1, b=0.75).scores(query_terms(question))
    order = sorted(range(len(chunks)), key=lambda index: -scores[index])
    return _packed([(chunks[index], scores[index], "") for index in order[:150] if scores[index] > 0])


async def rarest_words(tree: ParentTree, question: str, _: IndexFolder) -> Passages:
    """What one gets with ripgrep: the lines with the five rarest words of the question, ten lines around each."""
    texts = await _texts(tree)
    words = {word.encode() for word in re.findall(r"\w{3,}", question) if word.lower() not in STOP}
    counts = {word: sum(data.count(word) for data in texts.values()) for word in words}
    rarest = sorted((word for word in words if counts[word]), key=lambda word: (counts[word], word))[:5]
    pieces: list[tuple[Chunk, float, str]] = []
    for number, word in enumerate(rarest):
        for path, data in texts.items():
            rows = data.decode(errors="replace").split("\n")
            for at in [row for row, text in enumerate(rows) if word.decode() in text][:5]:
                first, last = max(0, at - 10), min(len(rows), at + 11)
                pieces.append(
                    (Chunk(path, first + 1, last, "\n".join(rows[first:last])), 1.0 / (1 + number), word.decode())
                )
    return _packed(pieces[:150])


SEARCHES: Mapping[str, Callable[[ParentTree, str, IndexFolder], Awaitable[Passages]]] = {
    "signoff": signoff,
    "BM25 over chunks": plain_bm25,
    "ripgrep of the rarest words": rarest_words,
}


async def _texts(tree: ParentTree) -> dict[str, bytes]:
    paths = select_files(await tree.files())
    return {path: data for path, data in (await tree.read_many(paths, limit=MAX_BYTES)).items() if is_text(data)}


def _packed(ranked: Sequence[tuple[Chunk, float, str]]) -> Passages:
    return [(p.path, p.first, p.last) for p in join(fit(ranked, budget_tokens=BUDGET, near={}))]


def commits(folder: Path, half: str) -> Iterator[Commit]:
    """The commits of a half, as the recipe names them. Raises SystemExit where a clone says something else."""
    for repo, named in json.loads(RECIPE.read_text())[half].items():
        for sha, digest in named.items():
            commit = Commit(clone=folder / repo.replace("/", "+") / "repo", repo=repo, sha=sha)
            if commit.digest() != digest:
                raise SystemExit(f"{repo} {sha}: not the question and regions that the recipe was made with")
            yield commit


async def measure_half(folder: Path, half: str, searches: Sequence[str]) -> dict[str, list[tuple[str, float, float]]]:
    """Repository, share of regions and share of files, for every commit and search."""
    results: dict[str, list[tuple[str, float, float]]] = {name: [] for name in searches}
    with TemporaryDirectory() as home:
        indexes = IndexFolder(Path(home))
        for commit in commits(folder, half):
            tree, question, regions = ParentTree(commit), commit.question(), commit.regions()
            for name in searches:
                passages = await SEARCHES[name](tree, question, indexes)
                results[name].append((commit.repo, *shares(passages, regions)))
    return results


def show(half: str, results: Mapping[str, Sequence[tuple[str, float, float]]], console: Console) -> None:
    """Print the mean over commits, and that of each repository."""
    for name, rows in results.items():
        table = Table(title=f"{name}, {half}: {len(rows)} commits, {BUDGET:,} tokens", title_justify="left")
        for column in ("repository", "commits", "regions", "files"):
            table.add_column(column, justify="left" if column == "repository" else "right")
        for repo in (*dict.fromkeys(repo for repo, _, _ in rows), ""):
            own = [row for row in rows if repo in {"", row[0]}]
            regions, files = (sum(row[n] for row in own) / len(own) for n in (1, 2))
            table.add_row(repo or "all", str(len(own)), f"{regions:.3f}", f"{files:.3f}")
        console.print(table)


def main(arguments: Sequence[str]) -> None:
    folder, half = Path(arguments[0]), arguments[1] if len(arguments) > 1 else "held"
    began = time.perf_counter()
    show(half, asyncio.run(measure_half(folder, half, arguments[2:] or list(SEARCHES))), Console())
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
