"""``signoff sandbox list``, ``sweep``: containers of sandboxes on the engine of this machine, and those of nobody."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from domain import Refused
from sandbox import Docker
from service import report
from service.cli.sandbox import app
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.settings import read_settings
from service.wiring.sandboxes import docker_of


def engine() -> Docker:
    """The engine of the settings. Raises ``setup_unsupported`` where sandboxes are no containers."""
    settings = read_settings()
    if (docker := docker_of(settings)) is None:
        why = f"The sandboxes of {settings.sandbox} are no containers."
        raise Refused(why, code="setup_unsupported", hint="Use Docker: SIGNOFF_SANDBOX=docker")
    return docker


@app.command("list")
def list_containers(as_json: Annotated[bool, JSON] = False) -> None:
    """List the containers of sandboxes on this machine: whose they are, for which run, since when.

    `abandoned` is one whose process is gone; `sweep` removes those. `others` belong to a process that lives, or to one
    that cannot be seen from here (in a container of its own, say).

    Example:
      signoff sandbox list
    """
    containers = run_async(lambda: engine().held(), as_json=as_json)
    if as_json:
        print_json([report.plain(each) for each in containers])
        return
    rows = Table("container", "run", "state", "minutes", "whose", box=None)
    for each in containers:
        rows.add_row(each.name, each.run or "(kept ready)", each.state, f"{each.age_s / 60:.0f}", each.owner)
    out().print(rows if containers else "There are no containers of sandboxes.")


@app.command()
def sweep(
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", min=0, help="Minutes; also removes those of others that are older."),
    ] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Remove containers of sandboxes that nobody owns any more. A run whose container is removed goes on in another.

    Examples:
      signoff sandbox sweep

      signoff sandbox sweep --older-than 120
    """

    async def work() -> Sequence[Any]:
        docker = engine()
        old = float("inf") if older_than is None else older_than * 60
        leaked = [each for each in await docker.held() if each.owner == "abandoned" or each.age_s > old]
        await docker.release([each.name for each in leaked])
        return leaked

    removed = run_async(work, as_json=as_json)
    if as_json:
        print_json([report.plain(each) for each in removed])
        return
    out().print(*(each.name for each in removed), sep="\n", highlight=False)
    out().print(f"{len(removed)} removed", highlight=False)
