"""The command ``signoff``. A command's module is imported when the command is given, and not before."""

import gc
import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from types import ModuleType
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """Where a command is, and what the list of commands says about it."""

    module: str
    what: str
    """A function of the module, or ``app`` for a group of commands."""
    about: str


# The texts are those of the commands, written again so that ``--help`` imports none of them; a test compares them.
ENTRIES: Final[dict[str, CommandEntry]] = {
    "run": CommandEntry("cli.runs", "run", "Plan a change, make it, prove it, ask for the signature, deliver it."),
    "init": CommandEntry("cli.starter.init", "init", "Write a commented `.signoff/` and show what was detected."),
    "list": CommandEntry("cli.runs", "list_runs", "List the newest runs."),
    "show": CommandEntry("cli.runs", "show", "Show how a run stands, its steps, its evidence and its answer."),
    "diff": CommandEntry("cli.runs", "diff", "Print what a run changed so far, as a unified diff."),
    "resume": CommandEntry(
        "cli.runs", "resume", "Go on with a run where it stopped: after a signature, a crash, or a spent budget."
    ),
    "answer": CommandEntry("cli.runs", "answer", "Answer what the coder of a run asks; it goes on from there."),
    "refine": CommandEntry("cli.runs", "refine", "Ask for changes to what a run has made; it plans again from there."),
    "fork": CommandEntry(
        "cli.runs", "fork", "Start a new run from any step of an old one, with the files as they were."
    ),
    "cancel": CommandEntry("cli.runs", "cancel", "End a run for good; its open approvals are cancelled with it."),
    "trace": CommandEntry("cli.runs", "trace", "Print a run as a tree of spans with durations, tokens and cost."),
    "search": CommandEntry("cli.tasks", "search", "Find the passages of a repository that a question is about."),
    "fix": CommandEntry(
        "cli.fix", "fix", 'Read {"logs": {…}, "files": {…}} from standard input, print {"diff": …, "metrics": …}.'
    ),
    "doctor": CommandEntry(
        "cli.sandbox", "doctor", "Probe Docker, the sandbox image, the model endpoint, forges and this machine."
    ),
    "status": CommandEntry(
        "cli.operations.status",
        "status",
        "Show how the installation stands: database, queue, letters, approvals, Docker, disk.",
    ),
    "serve": CommandEntry(
        "cli.server", "serve", "Serve the API: LangGraph's clients, approvals, an OpenAI-compatible chat."
    ),
    "mcp": CommandEntry(
        "cli.server", "mcp", "Serve tasks to another agent as MCP tools, on standard input and output."
    ),
    "tools": CommandEntry(
        "cli.server",
        "tools",
        "Show the MCP servers whose tools the coder may use: what they offer, what is allowed, and the pins.",
    ),
    "worker": CommandEntry(
        "cli.server", "worker", "Perform runs that any server on the same database took in, until a signal says stop."
    ),
    "migrate": CommandEntry(
        "cli.operations.migration",
        "migrate",
        "Make or change the tables on the server of SIGNOFF_DATABASE_URL. Doing it twice changes nothing.",
    ),
    "backup": CommandEntry(
        "cli.operations.backup",
        "backup",
        "Copy the installation into a folder, while it goes on: rows, checkpoints, content of runs, audit, keys.",
    ),
    "restore": CommandEntry(
        "cli.operations.backup",
        "restore",
        "Make an installation from a backup, in an empty home and an empty database, migrated to this version.",
    ),
    "jobs": CommandEntry("cli.queue", "jobs_app", "The work of the service, and what of it died."),
    "approvals": CommandEntry("cli.approvals", "app", "Read what waits for a signature, and give or refuse it."),
    "prompts": CommandEntry(
        "cli.models", "prompts_app", "What the planner, the coder and the reviewer are told, in which versions."
    ),
    "bench": CommandEntry("bench.cli", "app", "Measure strategies and models on small bugs."),
    "eval": CommandEntry("eval.cli", "app", "Know how good it is: run a dataset, compare, judge."),
    "people": CommandEntry("people.cli", "app", "What is kept about a person: export, rename, erase."),
    "audit": CommandEntry("cli.audit", "app", "Verify and export the tamper-evident record."),
    "sandbox": CommandEntry("cli.operations.containers", "app", "Test the sandbox on this host."),
    "memory": CommandEntry(
        "cli.memory.commands", "app", "What runs remember: see, correct, pin, forget, export, rebuild."
    ),
    "models": CommandEntry(
        "cli.models", "app", "Which models there are, how their endpoints are, and who would be asked."
    ),
    "keys": CommandEntry("cli.keys", "app", "API keys of the service: list, add, give a standing, revoke."),
    "plans": CommandEntry(
        "cli.operations.plans", "app", "Plans with limits of a month: list, show what was used, set."
    ),
    "usage": CommandEntry(
        "cli.models",
        "show_usage",
        "Show calls, tokens and money by model, run, person or day, and what choosing saved.",
    ),
    "cache": CommandEntry(
        "cli.operations.cache", "app", "What is kept to be quicker: how long, how much; empty it, rebuild it."
    ),
    "outbox": CommandEntry("cli.queue", "outbox_app", "Letters on their way, and those that nobody took."),
}


class Commands(TyperGroup):
    """Lists every command from the table above, and imports the one that is called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands.update(
            {name: TyperCommand(name, help=entry.about, short_help=entry.about) for name, entry in ENTRIES.items()}
        )

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        # Only now, and not when the commands are listed: one module is imported and not all of them.
        return name, explained(load(name)) if name and command else command, rest


def load(name: str) -> TyperCommand | TyperGroup:
    """Import a command: the real one, with its options."""
    entry = ENTRIES[name]
    what = getattr(_imported(f"service.{entry.module}"), entry.what)
    if isinstance(what, typer.Typer):
        command: Any = get_group(what)
    else:
        alone = typer.Typer(rich_markup_mode="markdown", add_completion=False, context_settings=HELP)
        alone.command(name)(what)
        command = get_command(alone)
    command.name = name
    return command


def _imported(module: str) -> ModuleType:
    """Import without collecting garbage meanwhile: there is none, and looking for it takes a fifth of the time."""
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


def explained(command: Any) -> Any:
    """The command with its examples as lines of their own."""
    for each in (command, *getattr(command, "commands", {}).values()):
        each.help = with_examples(each.help or "")
    return command


def with_examples(text: str) -> str:
    """A docstring whose indented lines stay lines on a terminal."""
    before, mark, lines = re.sub(r"\n +\n", "\n\n", text).partition("Example")
    if not mark:
        return text
    head, *examples = [line.strip() for line in lines.splitlines() if line.strip()]
    return "\n\n".join([before.strip(), f"Example{head}", "\b\n" + "  \n".join(f"`{line}`" for line in examples)])


HELP: Final[dict[str, Sequence[str]]] = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="signoff",
    cls=Commands,
    help="A self-hosted coding agent that proves its change and waits for your signature.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    context_settings=HELP,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"signoff {version('signoff')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    show_version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """A self-hosted coding agent that proves its change and waits for your signature."""


def main() -> None:
    """Entry point of the package."""
    app()
