"""``signoff jobs``: the work of the service, and what of it died."""

from typing import Annotated, cast

import typer
from rich.table import Table

from service import report
from service.jobs import STATES, Job, Jobs, State
from service.settings import read_settings
from service.terminal import JSON, out, print_json
from service.terminal import run as run_async
from service.wiring import House, now, open_house

app = typer.Typer(help="The work of the service, and what of it died.", no_args_is_help=True)
JOB = typer.Argument(help="Id of a job, or the beginning of it; a job is what the API calls a run.")


@app.command("list")
def list_jobs(
    state: Annotated[str | None, typer.Option("--state", help="waiting, working, dead, failed, stopped, done.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000)] = 50,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List the newest jobs.

    Example:
      signoff jobs list --state dead
    """
    if state not in {None, *STATES}:
        raise typer.BadParameter(f"use one of: {', '.join(STATES)}", param_hint="--state")

    async def work() -> None:
        async with open_house(read_settings()) as house:
            found = await _jobs(house).list(house.org, state=cast("State | None", state), limit=limit)
        if as_json:
            print_json([report.plain(job) for job in found])
            return
        table = Table("job", "thread", "state", "attempts", "since", "error", box=None)
        for job in found:
            table.add_row(job.id, job.thread, job.state, str(job.attempts), f"{job.updated_at:%m-%d %H:%M:%S}",
                          job.code or "")  # fmt: skip
        out().print(table if found else "There are no such jobs.")

    run_async(work, as_json=as_json)


@app.command()
def show(job: Annotated[str, JOB], as_json: Annotated[bool, JSON] = False) -> None:
    """Show a job: how often it was begun, who works on it, what went wrong."""

    async def work() -> None:
        async with open_house(read_settings()) as house:
            _print(await _jobs(house).get(job, house.org), as_json=as_json)

    run_async(work, as_json=as_json)


@app.command()
def retry(job: Annotated[str, JOB], as_json: Annotated[bool, JSON] = False) -> None:
    """Do a job again that died or failed, from where its thread stands. A server or a worker takes it up.

    Example:
      signoff jobs retry 0b7c
    """

    async def work() -> None:
        async with open_house(read_settings()) as house:
            turn = await _jobs(house).retry(job, house.org, now=now())
            if house.server is not None:
                from service.queue import hand_over  # noqa: PLC0415  an extra

                await hand_over(house.server, turn.id, org=turn.org, thread=turn.thread)
            _print(await _jobs(house).get(turn.id, house.org), as_json=as_json)

    run_async(work, as_json=as_json)


@app.command()
def cancel(job: Annotated[str, JOB], as_json: Annotated[bool, JSON] = False) -> None:
    """Stop a job that waits or works. Its thread keeps what was done and can go on later."""

    async def work() -> None:
        async with open_house(read_settings()) as house:
            _print(await _jobs(house).cancel(job, house.org, now=now()), as_json=as_json)

    run_async(work, as_json=as_json)


def _jobs(house: House) -> Jobs:
    return Jobs(engine=house.engine.runs.engine)


def _print(job: Job, *, as_json: bool) -> None:
    if as_json:
        print_json(report.plain(job))
        return
    out().print(f"job {job.id} is {job.state}", highlight=False)
    for name in ("thread", "attempts", "worker", "code", "error"):
        if said := getattr(job, name):
            out().print(f"  {name}: {said}", highlight=False, soft_wrap=True)
