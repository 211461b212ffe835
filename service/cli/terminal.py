"""Terminal: what every command shares, consoles, errors with codes, and one event loop."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from domain import SignoffError

T = TypeVar("T")
STOPPED = 130
"""The exit status after Ctrl-C."""
STOPPED_TEXT = "[yellow]Stopped.[/] Nothing is lost: signoff list, then signoff resume RUN"
JSON = typer.Option("--json", help="Print one JSON document instead of text.")


def out() -> Console:
    """Standard output; colours only on a terminal."""
    return Console(soft_wrap=False)


def err() -> Console:
    """Standard error, where progress goes."""
    return Console(stderr=True)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False, default=str)
    sys.stdout.write("\n")


def run(
    work: Callable[[], Awaitable[T]],
    *,
    as_json: bool = False,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> T:
    """Run a command's coroutine; an error of ours becomes its code, its message and its exit status."""

    async def coroutine() -> T:  # ``work`` may give any awaitable, and a runner takes nothing else
        return await work()

    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(coroutine())
    except SignoffError as error:
        fail(error, as_json=as_json)
    except KeyboardInterrupt:
        err().print(STOPPED_TEXT)
        raise typer.Exit(STOPPED) from None


def fail(error: SignoffError, *, as_json: bool) -> NoReturn:
    """Say what went wrong and leave.

    Raises:
        typer.Exit: always, with the error's exit status.
    """
    if as_json:
        print_json({"error": {"code": error.stable_code, "message": error.message, "hint": error.hint}})
    console = err()
    console.print(f"[bold red]error\\[{error.stable_code}][/] {escape(error.message)}", highlight=False, soft_wrap=True)
    if error.hint:
        console.print(f"  [dim]→[/] {escape(error.hint)}", highlight=False, soft_wrap=True)
    raise typer.Exit(error.exit_status)
