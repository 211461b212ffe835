"""Tasks as the command line's options say them: text, repository, limits; what cannot be taken is refused by name."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from domain import Budget, Refused, Task
from domain.identity import ensure_no_credential
from sandbox.source import is_url

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
