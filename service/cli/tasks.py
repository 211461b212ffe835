"""Tasks and questions as the command line's options say them, and ``signoff search``, which only asks."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from domain import Budget, Refused, Task
from domain.identity import ensure_no_credential
from sandbox.source import is_url
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.report import harmless
from service.settings import read_settings
from service.wiring.application import open_application
from service.wiring.search import MOST_TOKENS, SearchAnswer

STEPS = typer.Option("--max-steps", min=1, help="Turns of the coder in all. The last one is proved and delivered, too.")
COST = typer.Option("--max-cost", min=0, help="In the currency of the catalogue.")
TOKENS = typer.Option("--max-tokens", min=0, help="Tokens in and out together.")
MINUTES = typer.Option("--max-minutes", min=0.01, help="Wall time.")
SANDBOX = typer.Option("--max-sandbox-seconds", min=0.01, help="Seconds of commands in sandboxes.")


def budget_of(steps: int, cost: float, tokens: int, minutes: float, sandbox_seconds: float) -> Budget:
    """The limits of a run, as its options say; money without the noise of binary fractions."""
    return Budget(
        max_steps=steps,
        max_cost=Decimal(str(cost)),
        max_tokens=tokens,
        max_minutes=minutes,
        max_sandbox_seconds=sandbox_seconds,
    )


def task_of(**fields: Any) -> Task:
    """The task of these fields. Raises Refused ``task_invalid``, naming the first that is wrong."""
    try:
        return Task(**fields)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise Refused(
            f"The task cannot be taken: {wrong['loc'][0]}: {wrong['msg']}",
            code="task_invalid",
            hint="Options are text in UTF-8, of a sensible length: signoff run --help",
        ) from None


def text_of(text: str) -> str:
    """What is said, without blanks around it. Raises Refused ``task_invalid`` where nothing is."""
    if not text.strip():
        raise Refused("The task is empty.", code="task_invalid", hint='Say what is to be done: --task "Fix …"')
    return text.strip()


def repository(repo: str) -> str:
    """A URL as it is, a folder by its whole path. Raises Refused ``not_a_repository``."""
    # Before it is written into a row, a log or a span.
    ensure_no_credential(repo)
    if is_url(repo):
        return repo
    try:
        return str(Path(repo).expanduser().resolve())
    except (OSError, RuntimeError, ValueError) as error:  # A loop of links, a name that is too long, nobody's home.
        raise Refused(
            f"{repo[:500]!r} is no folder: {error}",
            code="not_a_repository",
            hint="Name a folder with a git repository in it.",
        ) from error


def one_of(text: str, option: str, allowed: tuple[str, ...]) -> Any:
    """An option's value, if it is one of those that are known. Raises Refused ``option_invalid``."""
    if text in allowed:
        return text
    raise Refused(f"{option} {text!r} is not known.", code="option_invalid", hint=f"Use one of: {', '.join(allowed)}.")


TOLD_FROM = 2_000
"""Files from which on the progress of a first index is shown."""


def search(
    query: Annotated[str, typer.Argument(help="Words, a sentence, or the output of a command that failed.")],
    repo: Annotated[str, typer.Option(help="A folder or a URL.")] = ".",
    rev: Annotated[str, typer.Option(help="What names a commit; what is not committed is not searched.")] = "HEAD",
    tokens: Annotated[int, typer.Option(min=100, max=MOST_TOKENS, help="How much is shown.")] = 2_500,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Find the passages of a repository that a question is about.

    The first question of a repository reads it; the next one reads what changed since.

    Examples:
      signoff search "where is the session cookie signed"
      signoff search "$(pytest 2>&1 | tail -50)" --repo ../shop --json
    """

    async def work() -> SearchAnswer:
        asked, place = text_of(query), repository(repo)
        async with open_application(read_settings()) as application:
            return await application.search.in_repository(
                place,
                asked,
                rev=rev,
                org=application.org,
                budget_tokens=tokens,
                progress=_shown_on(err()),
            )

    answer = run_async(work, as_json=as_json)
    if as_json:
        print_json(answer.document())
        return
    for passage in answer.passages:
        cite, why = (escape(harmless(each)) for each in (passage.cite, passage.why))
        out().print(f"[bold]{cite}[/]  [dim]{why}[/]", highlight=False)
        for number, line in enumerate(passage.text.split("\n"), passage.start_line):
            out().print(f"[dim]{number:>6}[/] {escape(harmless(line))}", highlight=False, soft_wrap=True)
        out().print()
    left = ", ".join(f"{count:,} {reason}" for reason, count in answer.skipped.items())
    counted = (
        f"{answer.files:,} files searched at {answer.commit[:12]}, {answer.added:,} of them read for this question"
    )
    err().print(f"[dim]{counted}{f'; not searched: {left}' if left else ''}[/]", highlight=False)
    if not answer.complete:
        err().print("Time was up before all files were read: ask again, and it goes on from there.")


def _shown_on(console: Console) -> Callable[[int, int], None]:
    """Says every tenth part of a long first index."""
    shown = 0

    def progress(done: int, of: int) -> None:
        nonlocal shown
        if of >= TOLD_FROM and (tenth := done * 10 // of) > shown:
            shown = tenth
            console.print(f"[dim]{done:,} of {of:,} files indexed[/]", highlight=False)

    return progress
