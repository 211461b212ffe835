"""``signoff audit``: who did what to which approval, and proof that nobody changed the record."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from service import report
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.people import cli as people
from service.settings import read_settings
from service.wiring.application import open_application

app = typer.Typer(help="Verify and export the tamper-evident record.", no_args_is_help=True)


@app.command()
def verify(as_json: Annotated[bool, JSON] = False) -> None:
    """Check every line of the chain; exit status 1 when anything was changed, removed or cut off."""

    async def work() -> bool:
        async with open_application(read_settings()) as application:
            result = await application.audit.verify(application.org)
        if as_json:
            print_json(report.plain(result))
        elif result.holds:
            out().print(f"[green]intact[/]: {result.lines} lines")
        else:
            out().print(f"[bold red]not intact[/]: {len(result.flaws)} flaws")
            for flaw in result.flaws:
                out().print(f"  line {flaw.seq}: {flaw.message}")
        return result.holds

    if not run_async(work, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def checkpoint(as_json: Annotated[bool, JSON] = False) -> None:
    """Sign how the record stands and hand that to the witness (SIGNOFF_AUDIT_WITNESS); also happens by itself."""

    async def work() -> None:
        async with open_application(read_settings()) as application:
            signed = await application.audit.checkpoint(application.org)
        if as_json:
            print_json(report.plain(signed) if signed else None)
        else:
            out().print(
                f"line {signed.seq} is witnessed: {signed.hash}" if signed else "There is nothing to witness yet."
            )

    run_async(work, as_json=as_json)


@app.command()
def export(
    subject: Annotated[str | None, typer.Option("--subject", help="Only what this person did.")] = None,
    to: Annotated[Path | None, typer.Option("--to", help="File; standard output if empty.")] = None,
) -> None:
    """Write the record as JSON lines.

    Example:
      signoff audit export --subject alice > alice.jsonl
    """

    async def work() -> None:
        lines: list[str] = []
        async with open_application(read_settings()) as application:
            async for line in application.audit.export(application.org, subject=subject):
                lines.append(json.dumps(line, default=str, ensure_ascii=False))  # noqa: PERF401
        # Written at its end: a chain that cannot be read leaves no half of a file.
        text = "".join(f"{line}\n" for line in lines)
        if to is None:
            sys.stdout.write(text)
        else:
            to.write_text(text, encoding="utf-8")

    run_async(work)


@app.command()
def erase(
    subject: Annotated[str, typer.Argument(help="Whom to forget, by the name in the record.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; there is no way back.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Forget a person: as `signoff people erase`, which see."""
    people.erase(subject, yes=yes, as_json=as_json)
