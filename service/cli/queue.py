"""``signoff jobs``, ``signoff outbox``: turns in the queue and letters on their way, and what of them died."""

from typing import Annotated, Literal, cast

import typer
from rich.markup import escape
from rich.table import Column, Table

from approvals.storage import StoredOutbox
from database import now
from service import report
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.queue.jobs import STATES, State, TurnJob, TurnJobs
from service.report import harmless
from service.settings import read_settings
from service.wiring.application import Application, open_application

jobs_app = typer.Typer(help="The work of the service, and what of it died.", no_args_is_help=True)
JOB = typer.Argument(help="Id of a job, or the beginning of it; a job is what the API calls a run.")


@jobs_app.command("list")
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
        async with open_application(read_settings()) as application:
            items = await _jobs(application).list(application.org, state=cast("State | None", state), limit=limit)
        if as_json:
            print_json([report.plain(job) for job in items])
            return
        table = Table("job", "thread", "state", "attempts", "since", "error", box=None)
        for job in items:
            table.add_row(
                job.id, job.thread, job.state, str(job.attempts), f"{job.updated_at:%m-%d %H:%M:%S}", job.code or ""
            )
        out().print(table if items else "There are no such jobs.")

    run_async(work, as_json=as_json)


@jobs_app.command()
def show(job: Annotated[str, JOB], as_json: Annotated[bool, JSON] = False) -> None:
    """Show a job: how often it was begun, who works on it, what went wrong."""

    async def work() -> None:
        async with open_application(read_settings()) as application:
            _print(await _jobs(application).get(job, application.org), as_json=as_json)

    run_async(work, as_json=as_json)


@jobs_app.command()
def retry(job: Annotated[str, JOB], as_json: Annotated[bool, JSON] = False) -> None:
    """Do a job again that died or failed, from where its thread stands. A server or a worker takes it up.

    Example:
      signoff jobs retry 0b7c
    """

    async def work() -> None:
        async with open_application(read_settings()) as application:
            turn = await _jobs(application).retry(job, application.org, now=now())
            # A queue has to be told; an embedded server looks at the rows by itself.
            if application.server is not None:
                from service.queue.procrastinate import hand_over  # noqa: PLC0415  an extra

                await hand_over(application.server, turn.id, org=turn.org, thread=turn.thread)
            _print(await _jobs(application).get(turn.id, application.org), as_json=as_json)

    run_async(work, as_json=as_json)


@jobs_app.command()
def cancel(job: Annotated[str, JOB], as_json: Annotated[bool, JSON] = False) -> None:
    """Stop a job that waits or works. Its thread keeps what was done and can go on later."""

    async def work() -> None:
        async with open_application(read_settings()) as application:
            _print(await _jobs(application).cancel(job, application.org, now=now()), as_json=as_json)

    run_async(work, as_json=as_json)


def _jobs(application: Application) -> TurnJobs:
    return TurnJobs(engine=application.engine.runs.engine)


def _print(job: TurnJob, *, as_json: bool) -> None:
    if as_json:
        print_json(report.plain(job))
        return
    out().print(f"job {job.id} is {job.state}", highlight=False)
    for name in ("thread", "attempts", "worker", "code", "error"):
        if detail := getattr(job, name):
            out().print(f"  {name}: {detail}", highlight=False, soft_wrap=True)


outbox_app = typer.Typer(help="Letters on their way, and those that nobody took.", no_args_is_help=True)
LETTER_STATES = ("waiting", "sent", "dead")


@outbox_app.command("list")
def list_letters(
    state: Annotated[str | None, typer.Option("--state", help="waiting, sent or dead.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000)] = 50,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List the newest letters: about approvals to configured endpoints, about runs to their web hooks."""
    if state not in {None, *LETTER_STATES}:
        raise typer.BadParameter(f"use one of: {', '.join(LETTER_STATES)}", param_hint="--state")
    only = cast("Literal['waiting', 'sent', 'dead'] | None", state)

    async def work() -> None:
        async with open_application(read_settings()) as application:
            box = StoredOutbox(engine=application.engine.runs.engine, clock=now)
            items = await box.list(application.org, state=only, limit=limit)
        if as_json:
            print_json([report.plain(item) for item in items])
            return
        table = Table(Column("letter", min_width=36), "about", "to", "state", "tries", "next", "error", box=None)
        for item in items:
            # What an endpoint is called and answered comes from outside.
            to, error = (escape(harmless(each)) for each in (item.endpoint or item.url, item.error[:60]))
            due = f"{item.due_at:%m-%d %H:%M}"
            table.add_row(item.id, item.letter.topic, to, item.state, str(item.attempts), due, error)
        out().print(table if items else "There are no letters.")

    run_async(work, as_json=as_json)


@outbox_app.command()
def replay(
    letter: Annotated[str, typer.Argument(help="Id of a dead letter.")], as_json: Annotated[bool, JSON] = False
) -> None:
    """Send a dead letter again, under the same message id. The service takes it on its next round."""

    async def work() -> None:
        async with open_application(read_settings()) as application:
            box = StoredOutbox(engine=application.engine.runs.engine, clock=now)
            item = await box.replay(letter, application.org)
        if as_json:
            print_json(report.plain(item))
        else:
            out().print(f"letter {item.id} is waiting again")

    run_async(work, as_json=as_json)
