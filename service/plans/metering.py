"""Metering of plans: what organisations use of a month, counted in the database before it is used.

Every count of an organisation waits for the row of its month, so any number of processes together do not pass a limit.
A run and a person are counted in the transaction that writes them; a question to a model sets its worst case aside
first, and is booked with what it used.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from sqlalchemy import bindparam, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from database import reading, writing
from domain import value
from models import MODEL_TABLES
from service.auth.api_keys import KEYS
from service.auth.directory import MEMBERS
from service.errors import PlanExhausted
from service.plans.notices import PlanNotices, ReachedLimit, insert_once
from service.plans.payments import CurrentPlan
from service.plans.plans import METERS, Level, Meter, PlanFile, PlanLimit, begins, month_of, renews
from service.plans.subscriptions import read_organisation
from service.plans.tables import PLAN_RESERVATIONS, PLAN_USAGE
from service.runs.runs import RUNS

_U, _P, _D = PLAN_USAGE.c, PLAN_RESERVATIONS.c, MODEL_TABLES.tables["decisions"].c
_MINE = (_U.org == bindparam("of"), _U.month == bindparam("in_month"))
_READ = select(_U.requests, _U.tokens, _U.runs).where(*_MINE)
_LOCKED = _READ.with_for_update()
_SINCE_BEFORE = select(_U.month).where(_U.org == bindparam("of")).limit(1)
_ADD = (
    update(PLAN_USAGE)
    .where(*_MINE)
    .values(
        requests=_U.requests + bindparam("more_requests", type_=_U.requests.type),
        tokens=_U.tokens + bindparam("more_tokens", type_=_U.tokens.type),
        runs=_U.runs + bindparam("more_runs", type_=_U.runs.type),
    )
)
_HELD = select(func.coalesce(func.sum(_P.tokens), 0)).where(_P.org == bindparam("of"))
_LAPSED = delete(PLAN_RESERVATIONS).where(_P.org == bindparam("of"), _P.until <= bindparam("at"))
_FREED = delete(PLAN_RESERVATIONS).where(_P.id == bindparam("hold"))


@value
class MeterUse:
    """How much was used of one thing this month."""

    meter: Meter
    used: int
    limit: PlanLimit

    @property
    def share(self) -> float | None:
        """See ``PlanLimit.share``."""
        return self.limit.share(self.used)


@value
class PlanUse:
    """What an organisation used of its plan this month."""

    org: str
    current: CurrentPlan
    month: str
    meters: tuple[MeterUse, ...]

    @property
    def renews_at(self) -> datetime:
        """When it is counted from zero again."""
        return renews(self.month)

    @property
    def warnings(self) -> tuple[MeterUse, ...]:
        """What has reached an end of its limit."""
        return tuple(each for each in self.meters if each.limit.level(each.used) is not None)


@value
class PlanMonth:
    """A month in which something of an organisation is counted, and its plan."""

    org: str
    month: str
    current: CurrentPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMetering:
    """Counts, and refuses what would pass a hard end."""

    engine: AsyncEngine
    file: PlanFile
    clock: Callable[[], datetime]
    notices: PlanNotices
    home_org: str = ""
    """The organisation whose people the settings name."""
    named: tuple[str, ...] = ()
    """Those people: each has a seat."""

    async def use(self, org: str) -> PlanUse:
        """What an organisation used this month, and of which plan."""
        now = self.clock()
        async with reading(self.engine) as conn:
            return await self._use(conn, org, now)

    async def _use(self, conn: AsyncConnection, org: str, now: datetime) -> PlanUse:
        month = month_of(now)
        standing = await read_organisation(conn, self.file, org, now=now)
        row = (await conn.execute(_READ, {"of": org, "in_month": month})).mappings().first()
        used: dict[str, int] = dict(row or await self._before(conn, org, month))
        used["seats"] = len(await self._people(conn, org, now))
        plan = standing.current.plan
        meters = tuple(MeterUse(meter=each, used=int(used[each]), limit=plan.limit(each)) for each in METERS)
        return PlanUse(org=org, current=standing.current, month=month, meters=meters)

    async def admit_run(self, conn: AsyncConnection, org: str) -> None:
        """Count a run in the transaction that writes its row. Raises ``plan_limit_reached``: none is begun."""
        month = await self._month(conn, org)
        before = await self._locked(conn, month)
        # Neither is one that could ask nothing.
        for meter in ("runs", "requests", "tokens"):
            self._ensure(month, meter, used=before[meter])
        await self._add(conn, month, before, {"runs": 1})

    async def admit_seat(self, conn: AsyncConnection, org: str, subject: str) -> None:
        """See that there is a seat for a person, in the transaction that adds them. Raises ``plan_seats_taken``.

        Who adds people to an organisation holds the lock of its names already (``ensure_apart``).
        """
        people = await self._people(conn, org, self.clock())
        if subject in people:
            return
        month = await self._month(conn, org)
        self._ensure(month, "seats", used=len(people))
        await self._tell(conn, month, "seats", before=len(people), after=len(people) + 1)

    async def reserve(self, org: str, tokens: int, *, hold_s: float) -> str:
        """Count a question, and set its tokens aside; the id of the reservation. Raises ``plan_limit_reached``."""
        now = self.clock()
        refused: PlanExhausted | None = None
        async with writing(self.engine) as conn:
            month = await self._month(conn, org)
            before = await self._locked(conn, month)
            await conn.execute(_LAPSED, {"of": org, "at": now.timestamp()})
            held = int((await conn.execute(_HELD, {"of": org})).scalar_one())
            id_ = f"{month.month} {uuid4().hex}"
            try:
                self._ensure(month, "requests", used=before["requests"])
                self._ensure(month, "tokens", used=before["tokens"], held=held, more=tokens)
            except PlanExhausted as error:
                refused = error
                # What is left is less than a question could use: no count comes to the end itself.
                limit = month.current.plan.limit("tokens")
                if limit.hard is not None and before["tokens"] + tokens > limit.hard:
                    await self._reached(conn, month, "tokens", "hard", used=before["tokens"])
            else:
                row = {"id": id_, "org": org, "tokens": tokens, "until": now.timestamp() + hold_s}
                await conn.execute(insert(PLAN_RESERVATIONS).values(**row))
                await self._add(conn, month, before, {"requests": 1})
        # Outside of the transaction, which would take the letter with it.
        if refused is not None:
            raise refused
        return id_

    async def settle(self, org: str, reservation: str, tokens: int) -> None:
        """Book what a question used, in the month in which it was asked; one that used nothing was none."""
        async with writing(self.engine) as conn:
            month = replace(await self._month(conn, org), month=reservation.partition(" ")[0])
            before = await self._locked(conn, month)
            await conn.execute(_FREED, {"hold": reservation})
            await self._add(conn, month, before, {"tokens": tokens} if tokens else {"requests": -1})

    async def _month(self, conn: AsyncConnection, org: str) -> PlanMonth:
        now = self.clock()
        current = (await read_organisation(conn, self.file, org, now=now)).current
        return PlanMonth(org=org, month=month_of(now), current=current)

    async def _locked(self, conn: AsyncConnection, at: PlanMonth) -> dict[str, int]:
        """What was used in a month, locked until the transaction ends."""
        named = {"of": at.org, "in_month": at.month}
        row = (await conn.execute(_LOCKED, named)).mappings().first()
        if row is None:
            before = await self._before(conn, at.org, at.month)
            await insert_once(conn, PLAN_USAGE, {"org": at.org, "month": at.month, **before})
            row = (await conn.execute(_LOCKED, named)).mappings().one()
        return {str(name): int(count) for name, count in row.items()}

    async def _before(self, conn: AsyncConnection, org: str, month: str) -> dict[str, int]:
        """What was used in a month of which nothing is counted yet.

        Of the first month that is counted it stands in the books already, as when plans are switched on in the middle
        of it; in later months it is nothing.
        """
        if (await conn.execute(_SINCE_BEFORE, {"of": org})).first() is not None:
            return {"requests": 0, "tokens": 0, "runs": 0}
        since, tokens = begins(month), _D.tokens_in + _D.tokens_out
        asked = select(func.count(), func.coalesce(func.sum(tokens), 0)).where(
            _D.org == org, _D.at >= since, tokens > 0
        )
        requests, used = (await conn.execute(asked)).one()
        begun = select(func.count()).select_from(RUNS).where(RUNS.c.org == org, RUNS.c.created_at >= since)
        return {"requests": int(requests), "tokens": int(used), "runs": int((await conn.execute(begun)).scalar_one())}

    async def _people(self, conn: AsyncConnection, org: str, now: datetime) -> set[str]:
        """Who can log in: with a personal key that works, by the issuer once they were seen, or by a setting."""
        works = or_(KEYS.c.expires_at.is_(None), KEYS.c.expires_at > now)
        holders = select(KEYS.c.subject).where(KEYS.c.org == org, KEYS.c.kind == "ak", KEYS.c.personal, works)
        members = select(MEMBERS.c.subject).where(MEMBERS.c.org == org)
        people = (await conn.execute(holders.union(members))).scalars().all()
        return {*map(str, people), *(self.named if org == self.home_org else ())}

    def _ensure(self, at: PlanMonth, meter: Meter, *, used: int, held: int = 0, more: int = 1) -> None:
        most, plan = at.current.plan.limit(meter).hard, at.current.name
        if most is None or used + held + more <= most:
            return
        upgrade = f" {self.file.upgrade}" if self.file.upgrade else ""
        if meter == "seats":
            raise PlanExhausted(
                f"All {most:,} seats of the plan {plan} are taken in {at.org}.",
                code="plan_seats_taken",
                hint=f"Remove a member or revoke a personal key, or take a larger plan.{upgrade}",
            )
        renews_at = renews(at.month)
        needs = f"; the next question could use {more:,}" if used < most else ""
        needs += f", and {held:,} are set aside for others" if held and needs else ""
        raise PlanExhausted(
            f"{at.org} has used {used:,} of {most:,} {meter} of the plan {plan} this month{needs}.",
            code="plan_limit_reached",
            hint=f"It is counted from zero again at {renews_at:%Y-%m-%d %H:%M} UTC; until then take a larger plan. "
            f"Runs that wait go on with: signoff resume RUN.{upgrade}",
            renews_at=renews_at,
        )

    async def _add(
        self, conn: AsyncConnection, at: PlanMonth, before: Mapping[str, int], more: Mapping[Meter, int]
    ) -> None:
        counts = {f"more_{meter}": more.get(meter, 0) for meter in METERS if meter != "seats"}
        await conn.execute(_ADD, {"of": at.org, "in_month": at.month, **counts})
        for meter, count in more.items():
            await self._tell(conn, at, meter, before=before[meter], after=before[meter] + count)

    async def _tell(self, conn: AsyncConnection, at: PlanMonth, meter: Meter, *, before: int, after: int) -> None:
        limit = at.current.plan.limit(meter)
        level = limit.level(after)
        if level is not None and level != limit.level(before) and after > before:
            await self._reached(conn, at, meter, level, used=after)

    async def _reached(self, conn: AsyncConnection, at: PlanMonth, meter: Meter, level: Level, *, used: int) -> None:
        limit = at.current.plan.limit(meter)
        most = limit.hard if limit.hard is not None else limit.soft or 0
        end = ReachedLimit(
            org=at.org, month=at.month, plan=at.current.name, meter=meter, level=level, used=used, most=most
        )
        await self.notices.reached(conn, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAllowance:
    """What the plan of an organisation allows its models (``Allowance`` of the models room)."""

    metering: PlanMetering
    org: str
    hold_s: float

    async def reserve(self, tokens: int) -> str:
        """See ``PlanMetering.reserve``."""
        return await self.metering.reserve(self.org, tokens, hold_s=self.hold_s)

    async def settle(self, reservation: str, tokens: int) -> None:
        """See ``PlanMetering.settle``."""
        await self.metering.settle(self.org, reservation, tokens)
