"""Datasets for an evaluation: SWE-bench's JSON lines, suites of functions as HumanEval's, small bugs as YAML.

A line that cannot be read is counted apart with its number and its reason; it is never a case that failed.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from domain import Refused, value
from domain.text import json_value, yaml_value
from domain.weakening import is_test
from domain.work import Line, Prose
from service.eval.hidden_tests import patched_paths, pytest_of

LARGEST: Final = 64 << 20
"""Bytes of one dataset."""
TEXT: Final = 19_900
"""Characters of a problem statement that a task has room for; what is longer is cut, and says so."""
SOLUTION: Final = "solution.py"
CheckKind = Literal["repository", "function", "bug"]


@value
class EvalCase:
    """One thing to be done, and the tests that judge it, which the agent does not see."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    kind: CheckKind
    text: Prose
    repo: Line = ""
    """A path or a URL; empty: the repository is made of ``files``."""
    base: Line = "HEAD"
    files: Mapping[str, str] = Field(default_factory=dict[str, str])
    accept: Line | None = None
    """What the agent is told to make pass; None: it finds the repository's own."""
    image: str = ""
    """That its commands need; empty: an environment that the product sets up."""
    gold: str = ""
    """The change that people made."""
    test_patch: str = ""
    test_files: Mapping[str, str] = Field(default_factory=dict[str, str])
    test_command: str
    fail_to_pass: tuple[str, ...] = ()
    """Empty: the command's exit status judges."""
    pass_to_pass: tuple[str, ...] = ()


@value
class UnreadableLine:
    """A line of a dataset that is no case."""

    line: int
    reason: str


@value
class Dataset:
    """Cases in the order of their file, and the lines that are none."""

    name: str
    digest: str
    """SHA-256 of the file."""
    cases: tuple[EvalCase, ...]
    unreadable: tuple[UnreadableLine, ...] = ()


@value
class _SweBenchLine:
    instance_id: Annotated[str, Field(min_length=1, max_length=200)]
    repo: Annotated[str, Field(min_length=1)]
    base_commit: Annotated[str, Field(min_length=1)]
    problem_statement: Annotated[str, Field(min_length=1)]
    test_patch: str
    FAIL_TO_PASS: tuple[str, ...]
    PASS_TO_PASS: tuple[str, ...] = ()
    patch: str = ""
    image: str = ""
    accept: str | None = None
    test_cmd: str = ""


@value
class _FunctionLine:
    task_id: Annotated[str, Field(min_length=1, max_length=200)]
    prompt: Annotated[str, Field(min_length=1)]
    test: Annotated[str, Field(min_length=1)]
    entry_point: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,200}$")]
    canonical_solution: str = ""


@value
class SmallBug:
    """A small repository with a failing test, as ``service/bench/cases.yaml`` has them."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    about: Line = ""
    task: Prose
    files: Annotated[dict[str, str], Field(min_length=1)]
    accept: Line = "python3 -m pytest -q"


_SWE_BENCH = TypeAdapter(_SweBenchLine)
_FUNCTION = TypeAdapter(_FunctionLine)
_BUGS = TypeAdapter(tuple[SmallBug, ...])


def read_dataset(path: Path, *, repos: Path | None = None) -> Dataset:
    """Read a dataset in any of the three forms.

    Args:
        path: ``.jsonl`` or ``.json`` lines, or ``.yaml`` with small bugs.
        repos: folder of clones for repositories that are named ``owner/name``.

    Raises:
        Refused: ``dataset_invalid``: there is no such file, it is too large, or it has no case at all.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _invalid(path, str(error)) from error
    if len(data) > LARGEST:
        raise _invalid(path, f"it is larger than {LARGEST >> 20} MiB")
    digest = hashlib.sha256(data).hexdigest()
    text = data.decode("utf-8-sig", errors="replace")
    cases: list[EvalCase] = []
    unreadable: list[UnreadableLine] = []
    if path.suffix in {".yaml", ".yml"}:
        try:
            cases = [case_of_bug(bug) for bug in small_bugs(text)]
        except ValueError as error:
            raise _invalid(path, str(error)[:500]) from error
    else:
        known: set[str] = set()
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            try:
                case = _case_of_line(json_value(line), path, repos)
            except ValueError as error:
                unreadable.append(UnreadableLine(line=number, reason=_reason(error)))
                continue
            if case.id in known:
                unreadable.append(UnreadableLine(line=number, reason=f"the id {case.id} stands there twice"))
                continue
            known.add(case.id)
            cases.append(case)
    if not cases and not unreadable:
        raise _invalid(path, "it is empty")
    return Dataset(name=path.stem, digest=digest, cases=tuple(cases), unreadable=tuple(unreadable))


def selected(
    cases: Sequence[EvalCase], *, names: Sequence[str] = (), limit: int | None = None, sample: int | None = None
) -> tuple[EvalCase, ...]:
    """Return the named cases, of them ``limit`` at most: the first, or those that a seed draws, in the file's order.

    Raises:
        Refused: ``case_unknown``.
    """
    if unknown := sorted(set(names) - {case.id for case in cases}):
        raise Refused(
            f"There is no case {', '.join(unknown)[:300]}.",
            code="case_unknown",
            hint="There are: " + ", ".join(case.id for case in cases[:20]),
        )
    wanted = [case for case in cases if not names or case.id in names]
    if limit is None or limit >= len(wanted):
        return tuple(wanted)
    if sample is None:
        return tuple(wanted[:limit])
    # By position in a shuffled order: a larger limit with the same seed holds the smaller one's cases.
    order = list(range(len(wanted)))
    random.Random(sample).shuffle(order)  # noqa: S311  it draws a sample, and no secret
    return tuple(wanted[position] for position in sorted(order[:limit]))


def small_bugs(text: str) -> tuple[SmallBug, ...]:
    """Read small bugs as YAML. Raises ValueError, also where two have one name: their runs would be the same."""
    bugs = _BUGS.validate_python(yaml_value(text))
    if twice := [name for name, count in Counter(bug.name for bug in bugs).items() if count > 1]:
        raise ValueError(f"the name {twice[0]} stands there twice")
    return bugs


def case_of_bug(bug: SmallBug) -> EvalCase:
    """A small bug as a case: the tests that are there are laid over what the agent made, and must pass."""
    tests = {path: text for path, text in bug.files.items() if is_test(path)}
    return EvalCase(
        id=bug.name,
        kind="bug",
        text=bug.task,
        files=bug.files,
        accept=bug.accept,
        test_files=tests,
        test_command=bug.accept,
    )


def _case_of_line(document: Any, path: Path, repos: Path | None) -> EvalCase:
    keys: set[str] = set(document) if isinstance(document, dict) else set()
    if "instance_id" in keys:
        return _repository(document, path, repos)
    if "task_id" in keys:
        return _function(_FUNCTION.validate_python(_known(document, _FunctionLine)))
    raise ValueError("it has neither an instance_id (SWE-bench) nor a task_id (functions)")


def _repository(document: Mapping[str, Any], path: Path, repos: Path | None) -> EvalCase:
    lists: dict[str, Any] = {}
    for name in ("FAIL_TO_PASS", "PASS_TO_PASS"):
        names = document.get(name)
        # SWE-bench has lists as JSON in a string; its successors have them plain.
        lists[name] = json_value(names) if isinstance(names, str) else names
    line = _SWE_BENCH.validate_python(
        {**_known(document, _SweBenchLine), **{name: each for name, each in lists.items() if each is not None}}
    )
    if not line.FAIL_TO_PASS:
        raise ValueError("FAIL_TO_PASS is empty: nothing would prove a change")
    command = line.test_cmd or _test_command(line)
    cut = line.problem_statement[:TEXT]
    return EvalCase(
        id=line.instance_id,
        kind="repository",
        text=cut if cut == line.problem_statement else f"{cut}\n\n(cut: the statement is longer)",
        repo=_place(line.repo, path, repos),
        base=line.base_commit,
        accept=line.accept,
        image=line.image or str(document.get("image_name") or ""),
        gold=line.patch,
        test_patch=line.test_patch,
        test_command=command,
        fail_to_pass=line.FAIL_TO_PASS,
        pass_to_pass=line.PASS_TO_PASS,
    )


def _test_command(line: _SweBenchLine) -> str:
    """Pytest over the files of the patch that hold tests, and those that test names speak of."""
    named = [name.partition("::")[0] for name in line.FAIL_TO_PASS if "::" in name]
    paths = dict.fromkeys([*(p for p in patched_paths(line.test_patch) if is_test(p)), *named])
    files = [p for p in paths if p.endswith(".py") and not p.endswith(("conftest.py", "__init__.py"))]
    if not files:
        raise ValueError("no test file is named: say how they are run (test_cmd)")
    return pytest_of(files)


def _place(repo: str, path: Path, repos: Path | None) -> str:
    """Where a repository is: a URL, a path beside the dataset, a clone in ``repos``, else GitHub's."""
    if "://" in repo or Path(repo).is_absolute():
        return repo
    if repos is not None:
        for name in (repo, repo.replace("/", "__"), repo.rpartition("/")[2]):
            if (repos / name).is_dir():
                return str((repos / name).resolve())
    if (path.parent / repo).is_dir():
        return str((path.parent / repo).resolve())
    if repo.count("/") == 1 and not repo.startswith("."):
        return f"https://github.com/{repo}"
    raise ValueError(f"there is no repository {repo}")


def _function(line: _FunctionLine) -> EvalCase:
    stub = f"{line.prompt.rstrip()}\n    raise NotImplementedError\n"
    # The check says that it came to its end, in words that nothing else prints: a solution may end the process.
    mark = f"check::{hashlib.sha256(line.test.encode()).hexdigest()[:16]}"
    check = (
        f"from solution import *\nfrom solution import {line.entry_point}\n\n{line.test}\n\ncheck({line.entry_point})\n"
        f'print("=== short test summary info ===")\nprint("PASSED {mark}")\n'
    )
    body = f"{line.prompt.rstrip()}\n{line.canonical_solution}" if line.canonical_solution else ""
    return EvalCase(
        id=line.task_id.replace("/", "-"),
        kind="function",
        text=f"Implement the function {line.entry_point} in {SOLUTION}, as its docstring says. Change nothing else.",
        files={SOLUTION: stub},
        accept=f"python3 -m doctest {SOLUTION} && ! grep -q NotImplementedError {SOLUTION}",
        gold=_replaced(SOLUTION, stub, body) if body else "",
        test_files={"check_solution.py": check},
        test_command="python3 check_solution.py",
        fail_to_pass=(mark,),
    )


def _replaced(path: str, old: str, new: str) -> str:
    """A unified diff that replaces the whole of a file."""
    before, after = old.splitlines(), new.rstrip("\n").splitlines()
    head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,{len(before)} +1,{len(after)} @@\n"
    return head + "".join(f"-{line}\n" for line in before) + "".join(f"+{line}\n" for line in after)


def _known(document: Mapping[str, Any], line: type[Any]) -> dict[str, Any]:
    """The keys that a line's form has; datasets carry many more."""
    return {name: document[name] for name in line.__dataclass_fields__ if document.get(name) is not None}


def _reason(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
    return str(error)[:300]


def _invalid(path: Path, why: str) -> Refused:
    return Refused(
        f"{path} is no dataset: {why}",
        code="dataset_invalid",
        hint="SWE-bench's JSON lines, HumanEval's, or small bugs as YAML: docs/evaluation.md.",
    )
