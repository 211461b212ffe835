"""``signoff sandbox``: put this host to the test before anything that is not trusted runs on it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from domain import Refused
from sandbox import Check, Docker, checkup
from service import report
from service.images import built, image_name, named
from service.sandboxes import spec_of
from service.settings import Settings, read_settings
from service.terminal import JSON, err, out, print_json
from service.terminal import run as run_async

app = typer.Typer(help="Test the sandbox on this host.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Test the sandbox on this host."""


@app.command()
def check(as_json: Annotated[bool, JSON] = False) -> None:
    """Look at the engine, then try every promise and every attack we know on containers of this host.

    Takes a minute or two. Exit status 0: everything held. 1: something did not; each line says what to do.
    Nothing is left behind, and nothing outside of fresh containers is touched.

    Examples:
      signoff sandbox check

      SIGNOFF_SANDBOX_RUNTIME=runsc signoff sandbox check --json
    """

    async def work() -> list[Check]:
        settings = read_settings()
        backend, checks = docker_of(settings), list[Check]()
        try:
            async for each in checkup(backend, spec_of(settings)):
                checks.append(each)
                if not as_json:
                    err().print(line(each), highlight=False, soft_wrap=True)
        finally:
            await backend.close()
        return checks

    checks = run_async(work, as_json=as_json)
    good = all(each.passed for each in checks)
    if as_json:
        print_json({"ok": good, "checks": [report.plain(each) for each in checks]})
    else:
        out().print(table(checks))
        out().print(_verdict(checks))
    raise typer.Exit(0 if good else 1)


@app.command()
def image(
    repo: Annotated[Path, typer.Option("--repo", "-r", help="The project's folder.")] = Path(),
    wanted: Annotated[
        list[str] | None,
        typer.Option("--requirement", help="Exactly these instead of what the project's files name; several times."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What to call the image.")] = "",
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would be installed.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Build a sandbox image with the Python packages that a project's tests need.

    They are read from pyproject.toml (dependencies, and groups called test or dev), setup.cfg, setup.py and
    requirements files. Only wheels are taken, so nothing of theirs runs on this machine; runs stay without a network.

    Examples:
      signoff sandbox image --repo ~/src/shop

      signoff sandbox image --requirement "attrs>=23" --requirement hypothesis --name shop-sandbox
    """  # fmt: skip

    async def work() -> tuple[str, tuple[str, ...]]:
        found = tuple(wanted or await asyncio.to_thread(named, repo))
        called = name or image_name(repo)
        if not dry:
            await built(called, found, read_settings().sandbox_image)
        return called, found

    called, found = run_async(work, as_json=as_json)
    if as_json:
        print_json({"image": called, "requirements": found, "built": not dry})
        return
    out().print(*found, sep="\n", markup=False, highlight=False)
    if not dry:
        err().print(f"Now say: export SIGNOFF_SANDBOX_IMAGE={called}", markup=False, highlight=False)


def docker_of(settings: Settings) -> Docker:
    """Return the engine to test.

    Raises:
        Refused: ``unsafe_refused``: there is nothing to test where nothing protects.
    """
    if settings.sandbox != "docker":
        raise Refused("Commands run on this machine without any protection: there is nothing to check.",
                      code="unsafe_refused", hint="Use Docker: SIGNOFF_SANDBOX=docker")  # fmt: skip
    return Docker(unhardened=settings.sandbox_unhardened)


def line(check: Check) -> Text:
    """Return one check as it goes by."""
    return Text.assemble(mark(check), " ", check.name)


def mark(check: Check) -> Text:
    """Return ``ok``, ``no``, or ``--`` for advice."""
    if check.ok:
        return Text("ok", style="green")
    return Text("no", style="bold red") if check.needed else Text("--", style="yellow")


def table(checks: list[Check] | tuple[Check, ...]) -> Table:
    """Return the checks as rows: how it went, its name, what was found, and what to do."""
    made = Table(box=None, show_header=False, padding=(0, 1))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold", max_width=48)
    made.add_column(overflow="fold")
    for check in checks:
        hint = f"\n→ {check.hint}" if check.hint and not check.ok else ""
        made.add_row(mark(check), check.name, Text(check.detail + hint))
    return made


def _verdict(checks: list[Check]) -> str:
    failed = [check.name for check in checks if not check.passed]
    if not failed:
        return f"[green]All {sum(check.ok for check in checks)} checks held.[/]"
    return f"[bold red]{len(failed)} did not hold[/]: {', '.join(failed)}"
