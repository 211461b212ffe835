"""``signoff fix``: logs and files in on standard input, a diff and what it took out on standard output (F5, H6).

What proves the fix: the command that is named, else the tests among the files, else the assertions in the logs, written
down as tests again, else the checker that the kind of failure speaks of. Where the sandbox has none, the diff says so.
"""

import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import typer
from pydantic import Field, TypeAdapter, ValidationError

from domain import Refused, Task, value
from domain.acceptance import find_acceptance
from domain.evidence import FailureKind
from domain.progress import Attempt
from domain.text import Charsets, decoded, failure_kind, written
from domain.work import Line, Prose
from models.contract import SelectionContext
from models.routing import ProviderOrder
from service.cli.logged_tests import has_tests, remade
from service.cli.progress import Progress
from service.cli.terminal import err, print_json
from service.cli.terminal import run as run_async
from service.runs.runs import RunState
from service.settings import read_settings
from service.wiring.application import open_application

NAME = "test_from_the_logs.py"
COMMAND = f"python3 -m pytest -q {NAME}"
UNPROVED = "signoff: nothing in the sandbox can check this change"
"""Said by a check that cannot be made. It ends well: there is nothing that the change could be refused for."""

MAX_INPUT = 64 << 20
_SHAPE = 'Send {"logs": {"tests": "…"}, "files": {"path": "content"}}; see: signoff fix --help'


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
    """What a tool printed, by the name of the tool or of what it checks: ``tests``, ``types``, ``build``, ``mypy``."""
    files: Mapping[str, str | Raw]
    accept: Line | None = None
    task: Prose = ""

    @property
    def kind(self) -> FailureKind:
        """By what the logs say, else by what they are called."""
        return failure_kind("\n".join(self.logs.values()), self.logs)


_ORDER = TypeAdapter(FixRequest)


def fix(
    accept: Annotated[str | None, typer.Option("--accept", "-a", help="Command that must pass afterwards.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Progress on standard error.")] = False,
) -> None:
    """Read {"logs": {…}, "files": {…}} from standard input, print {"diff": …, "metrics": …}.

    A file is its text, written in the encoding that it declares (else UTF-8), or {"base64": …}, its bytes.

    Logs are by the name of a tool or of what it checks: tests, types, build, style, docs.

    What proves the fix: --accept or "accept", else the tests among the files, else the assertions in the logs, else the
    checker of that kind (tsc, mypy, go vet, …). Where the sandbox has none, "proved" is false.

    Optional keys: "accept" (the command that must pass) and "task" (what is wrong, in words).

    "metrics.providers" says who was to be asked and why, what each candidate came to, which was taken, and its tokens.

    Exit status 0: there is a diff, or nothing to do. 1: no diff; "error" has the code. 2: the input is refused.

    Examples:
      echo '{"logs": {"tests": "…"}, "files": {"app.py": "…", "test_app.py": "…"}}' | signoff fix
      echo '{"logs": {"types": "TS2307"}, "files": {"src/App.tsx": "…"}}' | signoff fix
      signoff fix --accept 'npx tsc --noEmit -p .' < order.json | jq -r .diff | git apply
    """
    started = time.monotonic()

    async def work() -> tuple[FixRequest, ProviderOrder, RunState]:
        if sys.stdin.isatty():
            raise Refused("Nothing comes in on standard input.", code="input_invalid", hint=_SHAPE)
        # One byte more than is taken: too much is noticed without being read.
        order = read_order(sys.stdin.buffer.read(MAX_INPUT + 1))
        with tempfile.TemporaryDirectory(prefix="signoff-fix-") as folder:
            order, command = provable(order, accept)
            lay_out(order, Path(folder))
            settings = read_settings()
            async with open_application(settings) as application:
                if verbose:
                    application.announce(err())
                task = Task(text=words(order), repo=folder, accept=command, deliver="patch", strategy=settings.strategy)
                expert = application.selection.choose_expert(task.text, tuple(order.files))
                context = SelectionContext(run="fix", org=application.org, task=task, expert=expert, failure=order.kind)
                turn, providers = await application.selection.would_ask(context, look=False)
                routed = ProviderOrder(providers=providers, reason=turn.reason)
                created = await application.engine.create(task)
                listen = Progress(err()) if verbose else None
                return order, routed, await application.engine.advance(created.id, listen)

    order, routed, standing = run_async(work, as_json=True)
    answer = result(order, standing, time.monotonic() - started, routed)
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
    if not raw.strip():
        raise Refused("Nothing came in on standard input.", code="input_invalid", hint=_SHAPE)
    try:
        # Some shells begin what they pipe with a byte order mark.
        order = _ORDER.validate_json(raw.removeprefix(b"\xef\xbb\xbf"))
    except ValidationError as error:
        what = "; ".join(dict.fromkeys(_wrong(e["loc"], e["type"], e["msg"]) for e in error.errors()[:10]))
        raise Refused(f"The input is not valid: {what}", code="input_invalid", hint=_SHAPE) from None
    if not order.files:
        raise Refused('"files" is empty: there is nothing to fix.', code="input_invalid", hint=_SHAPE)
    return order


def _wrong(place: tuple[int | str, ...], kind: str, message: str) -> str:
    """One thing that is wrong, in the words of who sent it."""
    match place:
        case ():
            return message
        case (key,) if kind == "unexpected_keyword_argument":
            return f'the key "{key}" is not known (known: logs, files, accept, task)'
        case (key,) if kind in {"missing", "missing_argument", "missing_keyword_only_argument"}:
            return f'"{key}" is missing'
        case ("files", str(path), *_):
            return f'the file "{path}" is neither a text nor {{"base64": …}}'
        case ("logs", str(name), *_):
            return f'the log "{name}" is no text'
        case _:
            return f'"{place[0]}": {message}'


def provable(order: FixRequest, accept: str | None) -> tuple[FixRequest, str | None]:
    """The order with what proves it: see the top of this file. None: the repository's own way is looked for.

    Raises:
        Refused: ``acceptance_not_found`` when nothing would prove a change of Python that a test asks for.
    """
    command = accept or order.accept
    python = all(name.endswith(".py") for name in order.files)
    texts = {name: file.text(name) if isinstance(file, Raw) else file for name, file in order.files.items()}
    if command or (python and has_tests(texts)):
        return order, command
    tests = remade(order.logs, texts) if python else None
    if tests is not None:
        return replace(order, files={**order.files, NAME: tests}), COMMAND
    if order.kind in {"types", "build", "style", "docs"}:
        own = not python and find_acceptance(tuple(texts), texts)
        return order, checked_by(order) or (None if own else f"echo {shlex.quote(UNPROVED)}")
    if python:
        raise Refused(
            "The files hold no test, and the logs no assertion about what the files define.",
            code="acceptance_not_found",
            hint='Send the failing test among the files, or "accept": the command that proves the change.',
        )
    return order, None


def checked_by(order: FixRequest) -> str | None:
    """The shell command that checks files for a kind of failure, and says so where the sandbox lacks the tool. Pure.

    None where no tool is known: a page of TypeScript without its ``tsconfig.json`` compiles nowhere.
    """
    names, logs, kind = sorted(order.files), "\n".join(order.logs.values()), order.kind
    python = shlex.join(name for name in names if name.endswith((".py", ".pyi")))
    tools: list[tuple[str, str]] = []
    if kind in {"types", "build"} and "tsconfig.json" in order.files:
        tools.append(("command -v tsc", "tsc --noEmit -p ."))
    if kind in {"types", "build"} and "go.mod" in order.files:
        tools.append(("command -v go", "go vet ./..."))
    if kind in {"types", "build"} and "Cargo.toml" in order.files:
        tools.append(("command -v cargo", "cargo check --quiet"))
    if python and kind == "types":
        checker = "pyright" if "(report" in logs else "mypy"
        tools.append((f"command -v {checker}", f"{checker} {python}"))
    if python and kind == "build":
        tools.append(("command -v python3", f"python3 -m py_compile {python}"))
    if python and kind == "style":
        tools.append(("command -v ruff", f"ruff check {python}"))
    if not tools:
        return None
    there, check = tools[0]
    # A project's own tool comes before the image's.
    path = 'PATH="$PWD/node_modules/.bin:$PATH"'
    return f"{path}; if {there} >/dev/null; then {check}; else echo {shlex.quote(UNPROVED)}; fi"


def lay_out(order: FixRequest, folder: Path) -> None:
    """Write the files into a fresh git repository.

    Raises:
        Refused: ``input_invalid`` for a path that leaves the folder, or that is a file and a folder at once.
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
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.base64 if isinstance(content, Raw) else written(content, name, Charsets()))
        except (OSError, UnicodeError) as error:
            what = f"{name!r} cannot be written: {getattr(error, 'strerror', None) or error}"
            raise Refused(what, code="input_invalid", hint="Give each file a path of its own.") from error
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


def result(
    order: FixRequest, standing: RunState, seconds: float, routed: ProviderOrder | None = None
) -> dict[str, Any]:
    """The answer: the diff, and what it took."""
    run, values = standing.run, standing.values
    attempts, proof, spent = values.get("attempts", ()), values.get("proof"), values.get("spent")
    report = proof.report if proof else None
    last = attempts[-1] if attempts else None
    diff = values.get("diff", "") if run.status == "delivered" else ""
    tokens = {"tokens_in": spent.tokens_in if spent else 0, "tokens_out": spent.tokens_out if spent else 0}
    metrics = {
        "run": run.id,
        "status": run.status,
        "failure_kind": order.kind,
        "provider": last.provider if last else "",
        "model": last.model if last else "",
        "reason": last.note if last else "",
        "candidates": [json.loads(TypeAdapter(type(c)).dump_json(c)) for c in last.candidates] if last else [],
        "providers": {
            "router_decision": {
                "stage": order.kind,
                "providers": list(routed.providers) if routed else [],
                "reason": routed.reason if routed else "",
            },
            "candidates": candidates(last),
            "selected": selected(last, diff, seconds) if diff else None,
            "trace": {"provider": last.provider if last else "", **tokens},
        },
        "seconds": round(seconds, 3),
        **tokens,
        "cost": str(spent.cost) if spent else "0",
        "proved": bool(proof and proof.run.ok and UNPROVED not in proof.run.stdout.text()),
        "tests_passed": report.passed if report else None,
        "tests_failed": report.failed + report.errors if report else None,
        "command": proof.command if proof else None,
        "exit_code": proof.run.code if proof else None,
    }
    answer: dict[str, Any] = {"diff": diff, "metrics": metrics}
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


def candidates(last: Attempt | None) -> list[dict[str, Any]]:
    """What the last attempt had to choose from, best first; the only one where nobody else was asked."""
    if last is None or not (last.candidates or last.provider):
        return []
    if not last.candidates:
        passed = bool(last.runs) and all(run.ok for run in last.runs)
        return [{"provider": last.provider, "index": 0, "passed": passed, "note": last.refused or last.note}]
    return [
        {
            "provider": each.provider,
            "index": place,
            "passed": each.builds and each.reproduction_passed and each.regression_passed,
            "note": each.note,
        }
        for place, each in enumerate(last.candidates)
    ]


def selected(last: Attempt | None, diff: str, seconds: float) -> dict[str, Any]:
    """Whose change the diff is, which of the candidates, its changed lines, and the milliseconds until it was green."""
    provider = last.provider if last else ""
    place = next((n for n, each in enumerate(candidates(last)) if each["provider"] == provider), 0)
    size = sum(line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"} for line in diff.splitlines())
    return {"provider": provider, "index": place, "diff_size": size, "ttg_ms": round(seconds * 1_000)}
