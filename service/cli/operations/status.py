"""``signoff status``: how the installation stands, by the readings of ``/metrics``, and which runbook is due."""

from collections.abc import Sequence
from typing import Annotated

import typer

from sandbox import Check
from service import report
from service.cli.sandbox import table
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.plans.documents import warning_line
from service.plans.metering import PlanUse
from service.settings import read_settings
from service.wiring.application import Application, open_application
from service.wiring.readings import EngineReadings, read_database, read_files
from service.wiring.sandboxes import docker_of
from telemetry import GaugeReading, Waiting

QUEUE_S, QUERY_S, LETTER_S, APPROVAL_S, FREE = 300.0, 0.25, 900.0, 4 * 3_600.0, 0.1
"""From where on something is not well: as the alerts have it (``deploy/prometheus/rules.yaml``)."""
SHOWN = 5
"""Organisations that one line names."""
CALLED = ("high", "critical")
"""Tiers whose questions somebody is called for, as there."""


def status(as_json: Annotated[bool, JSON] = False) -> None:
    """Show how the installation stands: database, queue, letters, approvals, Docker, disk.

    Exit status 0: all is well. 1: something is not; each line names the page of docs/runbooks/ that says what to do.

    Examples:
      signoff status

      signoff status --json
    """

    async def work() -> tuple[Check, ...]:
        async with open_application(read_settings()) as application:
            return await checks(application)

    checked = run_async(work, as_json=as_json)
    well = all(check.ok for check in checked)
    if as_json:
        print_json({"ok": well, "checks": [report.plain(check) for check in checked]})
    else:
        out().print(table(checked))
    raise typer.Exit(0 if well else 1)


async def checks(application: Application) -> tuple[Check, ...]:
    """Look at everything that an alert is about. Raises ``DatabaseUnavailable``."""
    read = await read_database(application.engine.runs.engine, application.engine.clock())
    numbers = by_name([*read.readings, *read_files(application.settings.home)])
    engine = docker_of(application.settings)
    if engine is not None:
        numbers |= by_name(await EngineReadings(engine=engine)())
    plans = of_plans(await application.plans.uses()) if application.plans is not None else ()
    return (*of_database(numbers), of_approvals(read.waiting), *plans, *of_machine(numbers))


def by_name(readings: Sequence[GaugeReading]) -> dict[tuple[str, ...], float]:
    """Numbers by name and labels, the prefix left out."""
    return {(each.name.removeprefix("signoff_"), *each.labels.values()): each.amount for each in readings}


def of_database(numbers: dict[tuple[str, ...], float]) -> tuple[Check, ...]:
    """What the tables tell of."""
    query, oldest = numbers["database_query_seconds",], numbers["queue_oldest_age_seconds",]
    dead, lost = int(numbers["queue_turns", "dead"]), int(numbers["letters", "dead"])
    waiting, working = int(numbers["queue_turns", "waiting"]), int(numbers["queue_turns", "working"])
    due = numbers["oldest_letter_age_seconds",]
    return (
        Check(name="database", ok=query <= QUERY_S, detail=f"{query * 1_000:.0f} ms a query", hint=page("database")),
        Check(
            name="queue",
            ok=oldest <= QUEUE_S,
            detail=f"{waiting} wait, {working} work; the oldest has waited {oldest:.0f} s",
            hint=page("queue"),
        ),
        Check(name="dead jobs", ok=not dead, detail=str(dead), hint=page("dead-jobs")),
        Check(
            name="letters",
            ok=not lost and due <= LETTER_S,
            detail=f"{int(numbers['letters', 'waiting'])} wait, {lost} dead",
            hint=page("letters"),
        ),
    )


def of_approvals(waiting: Sequence[Waiting]) -> Check:
    """Questions that wait for a person."""
    late = [each for each in waiting if each.tier in CALLED and each.age_s > APPROVAL_S]
    detail = f"{len(waiting)} wait, {len(late)} for more than {APPROVAL_S / 3_600:.0f} hours"
    return Check(name="approvals", ok=not late, detail=detail, hint=page("stuck-approvals"))


def of_plans(uses: Sequence[PlanUse]) -> tuple[Check, ...]:
    """Organisations that have come to an end of their plan, whose payment failed, or whose plan is gone."""
    noted = [warning_line(use) or f"the file has no plan {use.current.missing}" for use in uses if _is_noted(use)]
    orgs = [use.org for use in uses if _is_noted(use)]
    lines = [f"{org}: {line}" for org, line in zip(orgs, noted, strict=True)]
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    detail = "; ".join(lines[:SHOWN]) + more if lines else f"{len(uses)} organisations within their plans"
    return (Check(name="plans", ok=not lines, detail=detail, hint="docs/plans.md"),)


def _is_noted(use: PlanUse) -> bool:
    return bool(use.warnings or use.current.grace_until or use.current.missing)


def of_machine(numbers: dict[tuple[str, ...], float]) -> tuple[Check, ...]:
    """What this machine tells of: its disk, and its engine where sandboxes are containers."""
    free = numbers["home_bytes", "free"] / max(1.0, numbers["home_bytes", "total"])
    disk = Check(name="disk", ok=free >= FREE, detail=f"{free:.0%} free", hint=page("disk-full"))
    if (up := numbers.get(("sandbox_engine_up",))) is None:
        return (disk,)
    engine = Check(name="docker", ok=bool(up), detail="answers" if up else "no answer", hint=page("docker-down"))
    if not up:
        return (disk, engine)
    abandoned = int(numbers["sandbox_containers", "abandoned"])
    detail = f"{int(numbers['sandbox_containers', 'others'])} in use, {abandoned} abandoned"
    return (disk, engine, Check(name="containers", ok=not abandoned, detail=detail, hint=page("leaked-containers")))


def page(name: str) -> str:
    """Where it stands what to do."""
    return f"docs/runbooks/{name}.md"
