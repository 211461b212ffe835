"""``signoff fix``: logs and files in on standard input, a diff out on standard output (F5).

Tests that the logs hold are written down as tests again, so that there is something to prove the fix with.
"""

import ast
import builtins
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer
from pydantic import Field, TypeAdapter, ValidationError

from domain import Charsets, Line, Prose, Refused, Task, decoded, failure_kind, python_tree, value, written
from service.cli.progress import Progress
from service.cli.terminal import err, print_json
from service.cli.terminal import run as run_async
from service.runs.runs import RunState
from service.settings import read_settings
from service.wiring.application import open_application

NAME = "test_from_the_logs.py"
COMMAND = f"python3 -m pytest -q {NAME}"

_TEST = re.compile(r"(^|/)(tests?/.*|test_[^/]*|[^/]*_test|tests)\.py$")
_SHOWN = re.compile(r"    def test\w*\(\):")
_FRAME = re.compile(r'File "[^"\n]+", line \d+, in test\w*\n\s+(\S.*)')
_EXAMPLE = re.compile(r"Failed example:\n\s+(\S.*)\nExpected:\n\s+(\S.*)\nGot")
_ASSERTED = {"assertEqual": "==", "assertIn": "in", "assertIs": "is", "assertNotEqual": "!=", "assertNotIn": "not in"}


def has_tests(files: Mapping[str, str]) -> bool:
    """Whether one of the files is one of tests."""
    return any(_TEST.search(path) for path in files)


def remade(logs: Mapping[str, str], files: Mapping[str, str]) -> str | None:
    """A file of tests made of the assertions in the logs that speak of names the files define; None without any."""
    # Names of modules and of what they define at their top, each with the import that brings it.
    defined: dict[str, str] = {}
    for path, text in files.items():
        parts = PurePosixPath(path.removeprefix("src/")).with_suffix("").parts
        parts = parts[:-1] if parts[-1:] == ("__init__",) else parts
        if not path.endswith(".py") or not parts or not all(part.isidentifier() for part in parts):
            continue
        module = ".".join(parts)
        defined.setdefault(
            parts[-1], f"import {module}" if len(parts) == 1 else f"from {'.'.join(parts[:-1])} import {parts[-1]}"
        )
        for name in top_names(text):
            defined.setdefault(name, f"from {module} import {name}")
    known = {*defined, *dir(builtins)}
    bodies: list[str] = []
    used: set[str] = set()
    for text in dict.fromkeys(text for log in logs.values() for text in failed_statements(log)):
        free = free_names(text)
        if free is not None and free & defined.keys() and free <= known:
            bodies.append(text)
            used |= free & defined.keys()
    if not bodies:
        return None
    imports = [defined[name] for name in sorted(used)]
    sources = "import sys\n\nsys.path.insert(0, 'src')\n" if any(path.startswith("src/") for path in files) else ""
    tests = [f"def test_{place}():\n{plain_body(body)}" for place, body in enumerate(bodies, 1)]
    return "\n\n\n".join(["\n".join([f"{sources}", *dict.fromkeys(imports)]).strip(), *tests]) + "\n"


def failed_statements(log: str) -> Iterator[str]:
    """Statements that failed: whole tests where they are shown, single assertions elsewhere."""
    log = log.replace("\r\n", "\n")
    for lines in shown_tests(log):
        yield "\n".join(line[8:] if line[4:8].isspace() else line[4:] for line in lines)
    for found in _FRAME.finditer(log):
        yield found[1]
    for found in _EXAMPLE.finditer(log):
        yield f"assert repr({found[1]}) == {found[2]!r}"


def shown_tests(log: str) -> Iterator[list[str]]:
    """Failing tests as pytest shows them: their lines up to the one that failed, which has a ``>`` in front."""
    lines: list[str] | None = None
    for line in log.split("\n"):
        if lines is None or (line and not line.startswith(("    ", ">   "))):
            lines = [] if _SHOWN.fullmatch(line) else None
            continue
        lines.append(line)
        if line.startswith(">   "):
            yield lines
            lines = None


def free_names(text: str) -> set[str] | None:
    """The names that statements need from outside; None when they are no Python, or assert nothing."""
    tree = python_tree(text)
    if tree is None:
        return None
    methods = (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)) and not any(m in _ASSERTED for m in methods):
        return None
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | (
        {"self"} if "self.assert" in text else set()
    )
    return {node.id for node in names} - stored


def plain_body(body: str) -> str:
    """The body of a test; assertions of unittest become plain ones."""
    tree = ast.parse(body)
    for place, node in enumerate(tree.body):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name), args=[one, other, *_])) if name in _ASSERTED:
                text = f"assert {ast.unparse(one)} {_ASSERTED[name]} {ast.unparse(other)}"
                tree.body[place] = ast.parse(text).body[0]
            case _:
                continue
    return "\n".join(f"    {line}" for line in ast.unparse(tree).splitlines())


def top_names(text: str) -> Iterator[str]:
    """Yield the names that a module defines at its top."""
    tree = python_tree(text)
    for node in tree.body if tree is not None else ():
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case _:
                continue


MAX_INPUT = 64 << 20


@value
class Raw:
    """A file by its bytes, for what is not UTF-8."""

    base64: bytes

    def text(self, path: str) -> str:
        """What is to be seen of it; nothing of a binary one."""
        file = decoded(self.base64, path)
        return file.view if file is not None else ""


@value
class FixRequest:
    """What comes in."""

    logs: dict[str, str] = Field(default_factory=dict)
    files: Mapping[str, str | Raw]
    accept: Line | None = None
    task: Prose = ""


_ORDER = TypeAdapter(FixRequest)


def fix(
    accept: Annotated[str | None, typer.Option("--accept", "-a", help="Command that must pass afterwards.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Progress on standard error.")] = False,
) -> None:
    """Read {"logs": {…}, "files": {…}} from standard input, print {"diff": …, "metrics": …}.

    A file is its text, written in the encoding that it declares (else UTF-8), or {"base64": …}, its bytes.

    Without a test among the files, the assertions in the logs become one.

    Optional keys: "accept" (the command that must pass) and "task" (what is wrong, in words).

    Example:
      echo '{"logs": {"tests": "…"}, "files": {"app.py": "…", "test_app.py": "…"}}' | signoff fix
    """
    started = time.monotonic()

    async def work() -> tuple[FixRequest, RunState]:
        order = read_order(sys.stdin.buffer.read(MAX_INPUT + 1))
        with tempfile.TemporaryDirectory(prefix="signoff-fix-") as folder:
            order, command = provable(order, accept)
            lay_out(order, Path(folder))
            settings = read_settings()
            async with open_application(settings) as application:
                if verbose:
                    application.announce(err())
                task = Task(text=words(order), repo=folder, accept=command, deliver="patch", strategy=settings.strategy)
                created = await application.engine.create(task)
                listen = Progress(err()) if verbose else _silent
                return order, await application.engine.advance(created.id, listen)

    order, standing = run_async(work, as_json=True)
    answer = result(order, standing, time.monotonic() - started)
    print_json(answer)
    raise typer.Exit(0 if "error" not in answer else 1)


def read_order(raw: bytes) -> FixRequest:
    """Parse standard input.

    Raises:
        Refused: ``input_too_large`` or ``input_invalid``, saying what is wrong.
    """
    if len(raw) > MAX_INPUT:
        raise Refused(
            "The input is larger than 64 MiB.", code="input_too_large", hint="Send only the files it is about."
        )
    try:
        return _ORDER.validate_json(raw)
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'input'}: {e['msg']}" for e in error.errors()[:5])
        raise Refused(
            f"The input is not valid: {what}",
            code="input_invalid",
            hint='Send {"logs": {"tests": "…"}, "files": {"path": "content"}}.',
        ) from None


def provable(order: FixRequest, accept: str | None) -> tuple[FixRequest, str | None]:
    """The order with what proves it: its own tests or command, else tests made of the assertions in its logs.

    Raises:
        Refused: ``acceptance_not_found`` when there is neither.
    """
    command = accept or order.accept
    python = all(name.endswith(".py") for name in order.files)
    texts = {name: file.text(name) if isinstance(file, Raw) else file for name, file in order.files.items()}
    if command or not python or has_tests(texts):
        return order, command
    made = remade(order.logs, texts)
    if made is None:
        raise Refused(
            "The files hold no test, and the logs no assertion about what the files define.",
            code="acceptance_not_found",
            hint='Send the failing test among the files, or "accept": the command that proves the change.',
        )
    return replace(order, files={**order.files, NAME: made}), COMMAND


def lay_out(order: FixRequest, folder: Path) -> None:
    """Write the files into a fresh git repository.

    Raises:
        Refused: ``input_invalid`` for a path that leaves the folder.
    """
    for name, content in order.files.items():
        path = PurePosixPath(name)
        if (
            path.is_absolute()
            or ".." in path.parts
            or ".git" in map(str.lower, path.parts)
            or "\0" in name
            or not path.parts
        ):
            raise Refused(
                f"{name!r} is not a path inside a repository.", code="input_invalid", hint="Use relative paths."
            )
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.base64 if isinstance(content, Raw) else written(content, name, Charsets()))
    # The files may hold attributes: nobody's configuration is there for them to name a program of.
    quiet = [
        "env",
        "-u",
        "GIT_DIR",
        "-u",
        "GIT_WORK_TREE",
        "-u",
        "GIT_INDEX_FILE",
        "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_GLOBAL=/dev/null",
        "GIT_TEMPLATE_DIR=",
        "git",
        "-C",
        str(folder),
        "-c",
        "user.name=Signoff",
        "-c",
        "user.email=signoff@localhost",
        "-c",
        "core.hooksPath=/dev/null",
    ]
    for words_ in (["init", "-q"], ["add", "-A", "-f"], ["commit", "-q", "--allow-empty", "-m", "As it came in"]):
        subprocess.run([*quiet, *words_], check=True, capture_output=True, timeout=300)


def words(order: FixRequest) -> str:
    """The task in words: given, or made from the logs."""
    logs = "\n\n".join(f"{name}:\n{text[-6_000:]}" for name, text in order.logs.items())
    return f"{order.task or 'Fix what the logs show.'}\n\n{logs}".strip()[:20_000]


def result(order: FixRequest, standing: RunState, seconds: float) -> dict[str, Any]:
    """The answer: the diff, and what it took."""
    run, values = standing.run, standing.values
    attempts, proof, spent = values.get("attempts", ()), values.get("proof"), values.get("spent")
    report = proof.report if proof else None
    last = attempts[-1] if attempts else None
    metrics = {
        "run": run.id,
        "status": run.status,
        "failure_kind": failure_kind("\n".join(order.logs.values())),
        "provider": last.provider if last else "",
        "model": last.model if last else "",
        "reason": last.note if last else "",
        "candidates": [json.loads(TypeAdapter(type(c)).dump_json(c)) for c in last.candidates] if last else [],
        "seconds": round(seconds, 3),
        "tokens_in": spent.tokens_in if spent else 0,
        "tokens_out": spent.tokens_out if spent else 0,
        "cost": str(spent.cost) if spent else "0",
        "tests_passed": report.passed if report else None,
        "tests_failed": report.failed + report.errors if report else None,
        "command": proof.command if proof else None,
        "exit_code": proof.run.code if proof else None,
    }
    answer: dict[str, Any] = {"diff": values.get("diff", "") if run.status == "delivered" else "", "metrics": metrics}
    if run.status == "delivered" and values.get("readable"):
        answer["readable_diff"] = values["readable"]
    if run.status not in {"delivered", "nothing_to_do"}:
        ending = run.ending
        answer["error"] = {
            "code": ending.code if ending else "failed",
            "message": ending.message if ending else "",
            "hint": ending.hint if ending else "",
        }
    return answer


def _silent(_: object) -> None:
    """Nobody listens."""
