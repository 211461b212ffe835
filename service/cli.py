"""The command ``signoff``."""

from importlib.metadata import version

import typer

from service import cli_approvals, cli_audit, cli_doctor, cli_fix, cli_outbox, cli_runs, cli_serve

app = typer.Typer(
    name="signoff",
    help="A self-hosted coding agent that proves its change and waits for your signature.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"signoff {version('signoff')}")
        raise typer.Exit


@app.callback()
def root(
    *, show_version: bool = typer.Option(False, "--version", callback=_version,
                                         is_eager=True, help="Print the version.")
) -> None:  # fmt: skip
    """A self-hosted coding agent that proves its change and waits for your signature."""


for name, command in {
    "run": cli_runs.run,
    "list": cli_runs.list_runs,
    "show": cli_runs.show,
    "diff": cli_runs.diff,
    "resume": cli_runs.resume,
    "refine": cli_runs.refine,
    "fork": cli_runs.fork,
    "cancel": cli_runs.cancel,
    "trace": cli_runs.trace,
    "fix": cli_fix.fix,
    "doctor": cli_doctor.doctor,
    "serve": cli_serve.serve,
}.items():
    app.command(name)(command)
app.add_typer(cli_approvals.app, name="approvals")
app.add_typer(cli_audit.app, name="audit")
app.add_typer(cli_outbox.app, name="outbox")


def main() -> None:
    """Entry point of the package."""
    app()
