"""Usage of models and its cost: the same numbers for the command line, HTTP and a billing meter."""

import csv
import hashlib
import io
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import select

from database import fetch_all
from domain import Refused
from domain.identity import split_credential
from models.routing import Catalogue
from models.wrappers import Decisions, GroupBy, RoutingDecision, UsageReport, UsageTotal, report
from service.runs.runs import RUNS, Runs

By = GroupBy | Literal["repository"]
BYS: tuple[By, ...] = (*get_args(GroupBy), "repository")
Format = Literal["json", "csv"]
COLUMNS: tuple[str, ...] = (
    "name",
    "calls",
    "failed",
    "from_cache",
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "cost",
    "latency_ms",
    "premium_cost",
    "saved",
)
ASKED_AT_ONCE = 500
"""Ids in one statement: databases bound the number of parameters."""
METERS = ("signoff_tokens_in", "signoff_tokens_out", "signoff_model_calls")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From when until when; None is open."""

    since: datetime | None = None
    until: datetime | None = None


def period(since: str | None, until: str | None, *, now: datetime) -> Period:
    """Read a span of time: ISO dates and times, or ``24h``, ``7d`` ago.

    Raises:
        Refused: ``option_invalid``.
    """
    return Period(since=_moment(since, now), until=_moment(until, now))


def _moment(text: str | None, now: datetime) -> datetime | None:
    if not text:
        return None
    hours = {"h": 1, "d": 24, "w": 168}.get(text[-1])
    try:
        if hours and text[:-1].isdecimal() and len(text) < 8:  # noqa: PLR2004  longer ones are no number for ``int``
            return now - timedelta(hours=hours * int(text[:-1]))
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        moment.astimezone(UTC)
    except (ValueError, OverflowError):  # before the year 1, here or, for a time somewhere east, in Greenwich
        raise Refused(
            f"{text!r} is no time.", code="option_invalid", hint="Use 24h, 7d, 2026-11-01 or 2026-11-01T12:00:00+00:00."
        ) from None
    return moment


def grouped(by: str) -> By:
    """Check what usage is summed up by. Raises ``option_invalid``."""
    if by in BYS:
        return by
    raise Refused(f"Usage is not summed up by {by!r}.", code="option_invalid", hint=f"Use one of: {', '.join(BYS)}.")


async def used(
    decisions: Decisions,
    runs: Runs,
    catalogue: Catalogue,
    org: str | None,
    *,
    by: By,
    during: Period,
    run: str | None = None,
) -> UsageReport:
    """Sum up, and compare with having asked the premium model every time."""
    group: GroupBy = "run" if by == "repository" else by
    rows = await decisions.usage(org, by=group, since=during.since, until=during.until, run=run)
    if by == "repository":
        # A call knows its run and not the repository; what was asked for no run, or for one that is gone, has none.
        repositories = await repositories_of(runs, [each.name for each in rows if each.name], org)
        rows = merged([replace(each, name=repositories.get(each.name, "")) for each in rows])
    return report(rows, catalogue.premium)


async def repositories_of(runs: Runs, ids: Sequence[str], org: str | None) -> dict[str, str]:
    """The repository of each of these runs that is still here; ``org`` None: of any organisation."""
    repositories: dict[str, str] = {}
    whose = () if org is None else (RUNS.c.org == org,)
    for first in range(0, len(ids), ASKED_AT_ONCE):
        query = select(RUNS.c.id, RUNS.c.task).where(RUNS.c.id.in_(ids[first : first + ASKED_AT_ONCE]), *whose)
        rows = await fetch_all(runs.engine, query, {})
        repositories |= {row["id"]: split_credential(json.loads(row["task"])["repo"])[0] for row in rows}
    return repositories


def merged(totals: Sequence[UsageTotal]) -> list[UsageTotal]:
    """Totals of the same name as one, the most called first."""
    sums: dict[str, UsageTotal] = {}
    numbers = [each.name for each in fields(UsageTotal) if each.name != "name"]
    for total in totals:
        before = sums.get(total.name, UsageTotal(name=total.name))
        added = {name: getattr(before, name) + getattr(total, name) for name in numbers}
        sums[total.name] = UsageTotal(name=total.name, **added)
    return sorted(sums.values(), key=lambda each: (-each.calls, each.name))


def document(summary: UsageReport, catalogue: Catalogue, *, by: By, during: Period, org: str | None) -> dict[str, Any]:
    """Usage as JSON; money as text, so that nothing is rounded."""
    return {
        "by": by,
        "org": org,
        "since": during.since.isoformat() if during.since else None,
        "until": during.until.isoformat() if during.until else None,
        "rows": [row(each, catalogue) for each in summary.rows],
        "total": {
            "calls": sum(each.calls for each in summary.rows),
            "failed": sum(each.failed for each in summary.rows),
            "from_cache": sum(each.from_cache for each in summary.rows),
            "tokens_in": sum(each.tokens_in for each in summary.rows),
            "tokens_out": sum(each.tokens_out for each in summary.rows),
            "tokens_cached": sum(each.tokens_cached for each in summary.rows),
            "cost": money(summary.cost),
            "premium_cost": money(summary.premium_cost),
            "saved": money(summary.saved),
            "prefix_cache_share": round(summary.cached_share, 4),
        },
    }


def row(used: UsageTotal, catalogue: Catalogue) -> dict[str, Any]:
    """One line of usage."""
    alone = report([used], catalogue.premium)
    plain: dict[str, Any] = {name: getattr(used, name) for name in COLUMNS[:7]}
    return {
        **plain,
        "cost": money(used.cost),
        "latency_ms": round(used.latency_ms, 1),
        "premium_cost": money(alone.premium_cost),
        "saved": money(alone.saved),
    }


def money(amount: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    text = f"{amount:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows as CSV, with a header."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**each, "name": without_formula(str(each["name"]))} for each in rows)
    return file.getvalue()


def without_formula(name: str) -> str:
    """A name that a spreadsheet would calculate is written so that it does not."""
    return f"'{name}" if name[:1] in {"=", "+", "-", "@", "\t", "\r"} else name


async def events(
    decisions: Decisions, org: str | None, during: Period, customers: Mapping[str, str] | None = None
) -> AsyncGenerator[dict[str, Any]]:
    """Every call as events for a billing meter, in Stripe's form (POST /v1/billing/meter_events).

    The identifier is the same whenever a call is exported: sending it twice bills it once. ``customers``: who pays, by
    organisation; where none is known the organisation itself is named.
    """
    last = 0
    # By number: what is recorded meanwhile comes behind, and nothing twice.
    while page := await decisions.after(last, org, since=during.since, until=during.until):
        for number, decision in page:
            for event in metered(number, decision, (customers or {}).get(decision.org, decision.org)):
                yield event
        last = page[-1][0]


def metered(number: int, decision: RoutingDecision, customer: str) -> list[dict[str, Any]]:
    """The events of one call; what was not used is no event."""
    values = (decision.tokens_in, decision.tokens_out, int(bool(decision.tokens_in or decision.tokens_out)))
    known = f"{number}\0{decision.at.isoformat()}\0{decision.org}\0{decision.run}\0{decision.choice}"
    identifier = hashlib.sha256(known.encode()).hexdigest()[:32]
    return [
        {
            "event_name": meter,
            "timestamp": int(decision.at.timestamp()),
            "identifier": f"{identifier}-{meter.removeprefix('signoff_')}",
            "payload": {"stripe_customer_id": customer, "value": str(value), "model": decision.choice},
        }
        for meter, value in zip(METERS, values, strict=True)
        if value
    ]
