"""Tasks with a small repository each, and the tests that judge what came out."""

import shutil
import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

TASKS = Path(__file__).parent / "tasks"
ACCEPT = "python3 -m pytest -q"
IMAGE = "signoff-sandbox:latest"
JUDGE_S = 60.0
_GIT = ("git", "-c", "user.name=b", "-c", "user.email=b@example.invalid", "-c", "commit.gpgsign=false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One task: ``files`` is what the agent gets, ``judge`` is laid over its result and must pass."""

    id: str
    kind: Literal["bug", "feature", "untested"]
    text: str
    files: Mapping[str, str]
    judge: Mapping[str, str]
    solution: Mapping[str, str]

    @property
    def sources(self) -> Sequence[str]:
        """Paths that may have to change."""
        return [path for path in self.files if not path.startswith("tests/") and self.files[path]]

    @property
    def tests(self) -> Sequence[str]:
        """Paths of the tests that the agent sees."""
        return [path for path in self.files if path.startswith("tests/") and self.files[path]]


def cases() -> Sequence[Case]:
    """All tasks, in a fixed order: of each repository one in turn, of another kind each, so that a part is a sample."""
    by_file = [_read(tomllib.loads(file.read_text(encoding="utf-8"))) for file in sorted(TASKS.glob("*.toml"))]
    most = max(len(of_file) for of_file in by_file)
    return [of_file[(turn + n) % len(of_file)] for turn in range(most) for n, of_file in enumerate(by_file)]


def _read(document: Mapping[str, Any]) -> Sequence[Case]:
    files, tasks = document["files"], document["tasks"]
    base: dict[str, str] = {path: text.lstrip("\n") for path, text in files.items()}
    result: list[Case] = []
    for task in tasks:
        shown: dict[str, str] = base | {path: text.lstrip("\n") for path, text in task.get("tests", {}).items()}
        solution = dict[str, str]()
        for path, old, new in task.get("break", []):
            assert shown[path].count(old) == 1, f"{task['id']}: {old!r} does not occur once in {path}"
            solution[path] = shown[path]
            shown[path] = shown[path].replace(old, new)
        for path, old, new in task.get("solution", []):
            before = solution.get(path, shown[path])
            assert before.count(old) == 1, f"{task['id']}: {old!r} does not occur once in {path}"
            solution[path] = before.replace(old, new)
        judge = {path: text for path, text in shown.items() if path.startswith("tests/")}
        judge |= {path: text.lstrip("\n") for path, text in task.get("judge", {}).items()}
        result.append(
            Case(id=task["id"], kind=task["kind"], text=task["text"], files=shown, judge=judge, solution=solution)
        )
    return result


def lay_out(case: Case, folder: Path) -> None:
    """A git repository with the files of a case and one commit."""
    write(folder, case.files)
    write(folder, {".gitignore": "__pycache__/\n.pytest_cache/\n.aider*\n"})
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Start"]):
        subprocess.run([*_GIT, *command], cwd=folder, check=True, capture_output=True)


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Put texts into a folder."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def passes(case: Case, folder: Path) -> bool:
    """Whether the tests that judge pass on a tree; they run in the image, without a network, on a copy of it."""
    copy = folder.with_name(f"{folder.name}-judged")
    arguments = lay_judge(case, folder, copy)
    name = f"signoff-judge-{copy.name}-{uuid4().hex[:8]}"
    docker = ["docker", "run", "--rm", "--name", name, "--network", "none", "--memory", "1g", "--pids-limit", "256"]
    command = [*docker, "--user", "0", "-v", f"{copy}:/judged", "-w", "/judged", "--entrypoint", "python3", IMAGE]
    try:
        ended = subprocess.run([*command, *arguments], capture_output=True, timeout=JUDGE_S, check=False)
    except subprocess.TimeoutExpired:
        subprocess.run(["docker", "kill", name], capture_output=True, check=False)
        return False
    return ended.returncode == 0


def lay_judge(case: Case, folder: Path, copy: Path) -> Sequence[str]:
    """Copy a tree and lay the tests that judge over it; what to start Python with there."""
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".git", "__pycache__", ".pytest_cache"))
    # What an agent did to the tests, and to how pytest is set up, must not decide: ours lie over it.
    for stray in ("conftest.py", "tests/conftest.py", "pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        (copy / stray).unlink(missing_ok=True)
    write(copy, case.judge)
    tests = sorted(path for path in case.judge if Path(path).name.startswith("test_"))
    return ["-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
