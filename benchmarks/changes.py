"""Real changes of one commit each, as a dataset for ``signoff eval``: found, computed by running them, made again.

``python -m benchmarks.changes find FOLDER``: look for commits in the clones in FOLDER (``OWNER+NAME/repo``), and write
what was found. ``python -m benchmarks.changes recipes LOG …``: keep it as recipes. ``python -m benchmarks.changes make
FOLDER OUT.jsonl [tuned|held|OWNER/NAME …]``: make the dataset that the recipes name.

A recipe (``changes.json``) has a commit and digests; the content stays in the clones. Which tests a change mends (fail
to pass) and which it must not break (pass to pass) is computed both times by running them, in an environment that the
product sets up: ``make`` refuses a change whose tests do not come to what the recipe says. One half of the
repositories may inform how we work, the other half only judges it. Needs Docker, the images, and
``SIGNOFF_SETUP_NETWORK``.
"""

import asyncio
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from benchmarks.commits import Commit
from domain import SignoffError
from domain.weakening import is_test
from sandbox import Workspaces, bring
from service.eval.hidden_tests import HiddenRun, HiddenTests, fail_to_pass, pass_to_pass, pytest_of
from service.settings import read_settings
from service.wiring.application import Application, open_application

RECIPES = Path(__file__).with_suffix(".json")
SINCE = "2017-01-01"
FILES, LINES = 3, 120
"""Files of the product that a change may touch, and lines in them that it may add and remove."""
LOOKED_AT = 1_500
"""Commits of a history, from the newest."""
TRIED, WANTED = 16, 4
"""Changes of a repository: computed at most, and taken."""
TESTS_S = 240.0
LEAST_WORDS = 3
"""Of a message that says what is wrong."""
_MENDS = re.compile(
    r"\b(fix|bug|handl|rais|support|allow|correct|avoid|ensure|prevent|crash|error|wrong|add|issue|accept|return)|#\d",
    re.IGNORECASE,
)
"""How a message begins to speak of a change in what a program does."""


@dataclass(frozen=True)
class Change:
    """A commit, and what its tests come to."""

    repo: str
    commit: str
    patch: str
    """SHA-256 of the change without its tests, as of the other three digests."""
    test_patch: str
    fail_to_pass: str
    pass_to_pass: str
    fails: int
    passes: int


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def parts(commit: Commit) -> tuple[str, str, tuple[str, ...]]:
    """The change without its tests, its tests, and the files of tests that there are afterwards."""
    words = ["--no-renames", "--no-color", "--no-ext-diff", f"{commit.sha}^", commit.sha]
    changed = commit.git("diff-tree", "-r", "--name-status", *words).decode().splitlines()
    tests = [line.split("\t", 1)[1] for line in changed if is_test(line.split("\t", 1)[1])]
    product = [line.split("\t", 1)[1] for line in changed if not is_test(line.split("\t", 1)[1])]
    there = [line.split("\t", 1)[1] for line in changed if line[0] != "D"]
    runs = tuple(p for p in tests if p in there and PurePosixPath(p).suffix == ".py" and _holds_tests(p))

    def patch(paths: Sequence[str]) -> str:
        text = commit.git("diff-tree", "-p", "--binary", *words, "--", *paths) if paths else b""
        return text.decode(errors="surrogateescape")

    return patch(product), patch(tests), runs


def _holds_tests(path: str) -> bool:
    name = PurePosixPath(path).name
    return name.startswith("test") or name.endswith("_test.py") or name == "tests.py"


def candidates(clone: Path, repo: str) -> Iterator[Commit]:
    """Commits that change little in the product and something in its tests, from the newest."""
    whole = Commit(clone=clone, repo=repo, sha="HEAD")
    words = ["--no-merges", f"--since={SINCE}", f"-{LOOKED_AT}", "--numstat", "--no-renames", "--format=%x00%H%x09%s"]
    for block in whole.git("log", *words).decode(errors="replace").split("\0")[1:]:
        head, *rows = [line for line in block.splitlines() if line.strip()]
        sha, _, subject = head.partition("\t")
        numbers = [row.split("\t") for row in rows]
        tests = [path for _, _, path in numbers if is_test(path) and path.endswith(".py")]
        product = [(a, d) for a, d, path in numbers if not is_test(path) and path.endswith(".py")]
        odd = any(a == "-" for a, _, _ in numbers)
        lines = 0 if odd else sum(int(a) + int(d) for a, d in product)
        small = tests and product and not odd and len(product) <= FILES and lines <= LINES
        if small and len(subject.split()) >= LEAST_WORDS and _MENDS.search(subject):
            yield Commit(clone=clone, repo=repo, sha=sha)


@dataclass(frozen=True)
class Computing:
    """Sets environments up and runs tests in them."""

    application: Application
    tests: HiddenTests

    async def __call__(self, commit: Commit) -> tuple[Change, Mapping[str, Any]] | str:
        """Compute a change and its line of the dataset, or say why it is none."""
        run = f"change-{commit.sha[:12]}"
        patch, test_patch, files = parts(commit)
        if not files:
            return "no file of tests that pytest would run"
        store, environments = self.application.store, self.application.environments
        assert environments is not None
        try:
            pinned = await store.pin(run, str(commit.clone), f"{commit.sha}^")
            await bring(store, run, pinned)
            paths = await store.files(run, pinned.tree)
            recipe = await environments.recipe(run, pinned, paths)
            if not recipe.empty:
                made = await environments.prepare(run, pinned, recipe)
                if made.code:
                    return f"no environment: {made.code} {made.message[:300]}"
            command = pytest_of(files)
            before = await self.tests(run, pinned.tree, command, test_patch=test_patch, timeout_s=TESTS_S)
            if before.end == "ran" and "failed" not in before.statuses.values():
                return f"mends no test ({len(before.statuses)} ran)"  # what passes already is not mended
            after = await self.tests(run, pinned.tree, command, change=patch, test_patch=test_patch, timeout_s=TESTS_S)
        except SignoffError as error:
            return f"{error.stable_code}: {error.message[:200]}"
        finally:
            await self.application.store.drop(run)
        if (why := _unusable(before) or _unusable(after)) is not None:
            return why
        mends, keeps = fail_to_pass(before.statuses, after.statuses), pass_to_pass(before.statuses, after.statuses)
        if not mends:
            return f"mends no test ({len(after.statuses)} ran)"
        if lost := [n for n, s in before.statuses.items() if s == "passed" and after.statuses.get(n) == "failed"]:
            return f"breaks {len(lost)} tests"
        listed = [json.dumps(names) for names in (mends, keeps)]
        change = Change(
            repo=commit.repo,
            commit=commit.sha,
            patch=digest(patch),
            test_patch=digest(test_patch),
            fail_to_pass=digest(listed[0]),
            pass_to_pass=digest(listed[1]),
            fails=len(mends),
            passes=len(keeps),
        )
        line = {
            "instance_id": f"{commit.repo.replace('/', '__')}-{commit.sha[:12]}",
            "repo": str(commit.clone),
            "base_commit": commit.git("rev-parse", f"{commit.sha}^").decode().strip(),
            "problem_statement": commit.question(),
            "patch": patch,
            "test_patch": test_patch,
            "FAIL_TO_PASS": listed[0],
            "PASS_TO_PASS": listed[1],
            "test_cmd": command,
        }
        return change, line


def _unusable(ran: HiddenRun) -> str | None:
    if ran.end != "ran":
        return f"{ran.end}: {ran.message[-150:]}"
    # 2: pytest could not collect, which the missing change may be the reason of.
    return None if ran.statuses or ran.code == 2 else f"no test ran: {ran.message[-150:]}"


def clone_of(folder: Path, repo: str) -> Path:
    top = folder / repo.replace("/", "+") / "repo"
    return top / ".git" if (top / ".git").is_dir() else top


async def find(folder: Path, repos: Sequence[str], log: Path, known: Sequence[Mapping[str, Any]]) -> None:
    """Compute changes of the repositories, a line of JSON for each in ``log``; what is there is not computed again."""
    seen = {each["commit"] for each in known}
    async with open_application(read_settings()) as application:
        computing = open_computing(application)
        for repo in repos:
            taken = sum(each["repo"] == repo and "patch" in each for each in known)
            tried = sum(each["repo"] == repo for each in known)
            for commit in candidates(clone_of(folder, repo), repo):
                if taken >= WANTED or tried >= TRIED or (tried >= TRIED / 2 and not taken):
                    break
                if commit.sha in seen:
                    continue
                result = await computing(commit)
                tried += 1
                entry = {"repo": repo, "commit": commit.sha, "why": result} if isinstance(result, str) else None
                taken += entry is None
                row = entry or asdict(result[0])  # type: ignore[call-overload,index]
                with log.open("a") as lines:
                    lines.write(json.dumps(row) + "\n")
                print(repo, commit.sha[:12], row.get("why") or f"{row['fails']} + {row['passes']}", flush=True)


def write_recipes(entries: Sequence[Mapping[str, Any]]) -> None:
    """Keep what was found; every second repository is held apart."""
    by_repo: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        if "patch" in entry:
            by_repo.setdefault(entry["repo"], []).append(entry)
    halves: dict[str, list[Mapping[str, Any]]] = {"tuned": [], "held": []}
    for number, repo in enumerate(sorted(by_repo)):
        halves["held" if number % 2 else "tuned"] += by_repo[repo]
    RECIPES.write_text(json.dumps(halves, indent=1) + "\n", encoding="utf-8")
    print({half: len(each) for half, each in halves.items()}, len(by_repo), "repositories")


async def make(folder: Path, out: Path, wanted: Sequence[str]) -> int:
    """Write the dataset of the halves and repositories that are wanted; how many did not come to what they say."""
    recipes: Mapping[str, Sequence[Mapping[str, Any]]] = json.loads(RECIPES.read_text(encoding="utf-8"))
    off = 0
    async with open_application(read_settings()) as application:
        computing = open_computing(application)
        with out.open("w", encoding="utf-8") as lines:
            listed = [(half, entry) for half, entries in recipes.items() for entry in entries]
            for entry in [entry for half, entry in listed if {half, entry["repo"]} & set(wanted)]:
                change = Change(**entry)
                clone = clone_of(folder, change.repo)
                result = await computing(Commit(clone=clone, repo=change.repo, sha=change.commit))
                if isinstance(result, str) or result[0] != change:
                    off += 1
                    print(f"{change.repo} {change.commit[:12]}: not what the recipe says ({result})"[:300], flush=True)
                else:
                    lines.write(json.dumps(result[1]) + "\n")
                    lines.flush()
    return off


def open_computing(application: Application) -> Computing:
    environments = application.environments
    restore = environments.restore if environments is not None else None
    workspaces = Workspaces(application.backend, application.store, application.spec, restore=restore)
    return Computing(application, HiddenTests(store=application.store, workspaces=workspaces))


def main(words: Sequence[str]) -> None:
    match words:
        case ["find", folder, log, *repos]:
            kept = Path(log)
            known = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
            asyncio.run(find(Path(folder), repos, kept, known))
        case ["recipes", *logs]:
            write_recipes([json.loads(line) for log in logs for line in Path(log).read_text().splitlines()])
        case ["make", folder, out, *wanted]:
            raise SystemExit(asyncio.run(make(Path(folder), Path(out), wanted or ["tuned", "held"])))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
