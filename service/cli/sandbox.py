"""``signoff sandbox``, ``signoff doctor``: set environments up, test this host, and probe everything a run needs."""

import asyncio
import secrets
import shutil
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.table import Table
from rich.text import Text

from domain import Refused
from sandbox import BackendOptions, Check, backend_named, bring, checkup
from sandbox.environments import Recipe, Setup, SetupProgress
from service import report
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.settings import Settings, read_settings
from service.wiring.application import Application, open_application
from service.wiring.coding.coder import probe_tools
from service.wiring.sandboxes import cluster_of, spec_of, without_meaning

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
        # A backend of its own and no pool: nothing that is kept ready is attacked.
        entry, checks = backend_named(settings.sandbox), list[Check]()
        options = BackendOptions(unhardened=settings.sandbox_unhardened, cluster=cluster_of(settings))
        backend = entry.open(options)
        try:
            async for each in checkup(entry, backend, spec_of(settings)):
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
        failed = [check.name for check in checks if not check.passed]
        held = f"[green]All {sum(check.ok for check in checks)} checks held.[/]"
        out().print(f"[bold red]{len(failed)} did not hold[/]: {', '.join(failed)}" if failed else held)
    raise typer.Exit(0 if good else 1)


@app.command()
def setup(
    repo: Annotated[str, typer.Option("--repo", "-r", help="A folder of a repository, or a URL.")] = ".",
    rev: Annotated[str, typer.Option("--rev", help="The revision whose environment it is.")] = "HEAD",
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what was detected; nothing is run.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Build it, also where it is there already.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Detect what a repository needs to be tested, install it with a network, and keep it for every run without one.

    Lock files are read first, then manifests and hints; a script `.signoff/setup.sh` takes the place of all that. What
    is installed runs in a sandbox of its own, which may reach the registries of SIGNOFF_SETUP_NETWORK. Runs do the
    same by themselves. Exit status 0: tests are found in it. 1: something is missing; the output says what.

    Examples:
      signoff sandbox setup --dry-run

      SIGNOFF_SETUP_NETWORK=registries signoff sandbox setup --repo ~/src/shop

      signoff sandbox setup --repo ~/src/shop --again --json
    """

    def told(now: SetupProgress) -> None:
        if not as_json:
            err().print(f"[{now.step}/{now.steps}] {now.title}", markup=False, highlight=False)

    async def work() -> tuple[Recipe, Setup | None]:
        async with open_application(read_settings()) as application:
            environments, store = application.environments, application.store
            run = f"setup-{secrets.token_hex(6)}"
            if environments is None:
                why = f"{application.settings.sandbox} keeps no environments."
                raise Refused(why, code="setup_unsupported", hint="Use Docker: SIGNOFF_SANDBOX=docker")
            pinned = await store.pin(run, repo, rev)
            try:
                await bring(store, run, pinned)
                recipe = await environments.recipe(run, pinned, await store.files(run, pinned.tree))
                if dry or recipe.empty:
                    return recipe, None
                if not environments.enabled:
                    raise Refused(
                        "Environments are not set up here: no registry may be reached.",
                        code="setup_off",
                        hint="Allow it: SIGNOFF_SETUP_NETWORK=registries, or hosts. See what was detected: --dry-run",
                    )
                made = await environments.prepare(run, pinned, recipe, progress=told, again=again, retry=True)
            finally:
                await store.drop(run)
        if made.code:
            raise Refused(made.message, code=made.code, hint=made.hint)
        return recipe, made

    recipe, made = run_async(work, as_json=as_json)
    if as_json:
        print_json({"recipe": report.plain(recipe), "environment": None if made is None else report.plain(made)})
    else:
        out().print(recipe_table(recipe))
        out().print(outcome_of(recipe, made), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if made is None or made.collected else 1)


def recipe_table(recipe: Recipe) -> Table:
    """Return the steps of a recipe as rows: what is done, and which file says so."""
    rows = Table(box=None, show_header=False, padding=(0, 1))
    for number, step in enumerate(recipe.steps, 1):
        rows.add_row(str(number), Text(step.title), Text(step.reason, style="dim"))
    return rows


def outcome_of(recipe: Recipe, made: Setup | None) -> str:
    """Say in words what came of a set-up."""
    if recipe.empty:
        return "Nothing has to be installed: the sandbox image has what this repository's tests need."
    asked = f" of Python {recipe.python}" if recipe.python else ""
    if made is None:
        system = f" Debian packages that it may need: {', '.join(recipe.system)}." if recipe.system else ""
        return f"Detected: {', '.join(recipe.languages)}{asked}.{system}"
    how = f"Built in {made.seconds:.1f} s" if made.built else f"There already, found in {made.seconds * 1_000:.0f} ms"
    size = f"{made.data_bytes / (1 << 20):.0f} MB on {made.base}"
    failed = "".join(f"\n{step.title} did not work:\n{step.output}" for step in made.steps if not step.ok)
    if made.collected:
        return f"{how}: {size}. Runs of this repository use it by themselves.{failed}"
    lacking = "; ".join(each.message for each in made.missing) or "the test runner finds an error"
    return f"{how}: {size}. But {lacking}:\n{made.output}{failed}"


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
    rows = Table(box=None, show_header=False, padding=(0, 1))
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold", max_width=48)
    rows.add_column(overflow="fold")
    for check in checks:
        hint = f"\n→ {check.hint}" if check.hint and not check.ok else ""
        rows.add_row(mark(check), check.name, Text(check.detail + hint))
    return rows


PYTHON = (3, 11)


def doctor(as_json: Annotated[bool, JSON] = False) -> None:
    """Probe Docker, the sandbox image, the model endpoint, forges and this machine.

    Exit status 0: a run can start. 1: something needed is missing; each line says what to do.
    """

    async def work() -> tuple[Check, ...]:
        async with open_application(read_settings()) as application:
            return (
                *_machine(application),
                *await network_checks(application.settings),
                *await application.backend.check(application.spec),
                *await application.store.check(),
                *await application.probe_models(),
                *await probe_tools(application.settings),
                *await application.probe_forges(),
            )

    checks = run_async(work, as_json=as_json)
    good = all(check.passed for check in checks)
    if as_json:
        print_json({"ok": good, "checks": [report.plain(check) for check in checks]})
    else:
        out().print(table(checks))
        out().print("Everything a run needs is here." if good else "Something is missing; see the arrows.")
    raise typer.Exit(0 if good else 1)


async def network_checks(settings: Settings) -> tuple[Check, ...]:
    """Say which proxy and which certificates every client has, and whether the proxy is there."""
    checks = list[Check]()
    proxies = {settings.proxy_for(url) for url in ("https://signoff.invalid", "http://signoff.invalid")} - {""}
    for proxy in sorted(proxies):
        parts = urlsplit(proxy)
        where = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
        host, _, port = where.rpartition(":")
        try:
            async with asyncio.timeout(5):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            problem = ""
        except (OSError, TimeoutError) as error:
            problem = f": {error or 'it does not answer'}"
        detail = f"{where}, not for {settings.no_proxy}{problem}"
        hint = "See HTTPS_PROXY and HTTP_PROXY: models, forges and web hooks are asked through it. docs/proxies.md"
        checks.append(Check(name="proxy", ok=not problem, detail=detail, hint=hint))
    if ranges := [name for name in settings.no_proxy.split(",") if "/" in name]:
        hint = "Most clients understand names, domains and single addresses there, and no ranges: name the hosts."
        checks.append(Check(name="NO_PROXY", ok=False, needed=False, detail=", ".join(ranges), hint=hint))
    if settings.ssl_cert_file is not None:
        besides = (
            f"the system's and those of {settings.ca}" if settings.ca else f"those of {settings.ssl_cert_file} alone"
        )
        checks.append(Check(name="certificates", ok=True, detail=besides))
    return tuple(checks)


def _machine(application: Application) -> tuple[Check, ...]:
    version = ".".join(map(str, sys.version_info[:3]))
    git = shutil.which("git")
    return (
        Check(name="python", ok=sys.version_info >= PYTHON, detail=version, hint="Install Python 3.11 or newer."),
        Check(name="git", ok=git is not None, detail=git or "not found", hint="Install git."),
        Check(name="home", ok=True, detail=str(application.settings.home)),
        Check(name="approvals", ok=True, detail=f"{application.people.mode} mode"),
        *(
            Check(
                name="settings",
                ok=False,
                needed=False,
                detail=f"{name} means nothing to {application.settings.sandbox}",
                hint="Leave it out, or choose another SIGNOFF_SANDBOX.",
            )
            for name in without_meaning(application.settings)
        ),
    )
