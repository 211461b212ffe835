"""Budget and quota wrappers: a model is not asked when its answer could cost more than is left (G7), or too often (F3).

The one place where the budget of a call is checked: its worst case is reserved in the ledger before it is sent, and
settled by what was used. Ledger and counters in the database hold across all agents and processes of a run.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol, TypeVar
from uuid import uuid4

from sqlalchemy import Table, bindparam, delete, func, insert, select, update

from domain import Budget, Exhausted, RateLimited, Refused, Spent, value
from models.contract import Price, Question, Reply, Wrapper, metered, worst_case
from models.policy import CallLimits
from models.tables import CALLS, HELD, NANO, SPENT, Database, exclusive

T = TypeVar("T")


@value
class Amount:
    """Tokens and money, reserved or spent."""

    tokens: int = 0
    cost: Decimal = Decimal(0)

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(tokens=self.tokens + other.tokens, cost=self.cost + other.cost)

    def __sub__(self, other: "Amount") -> "Amount":
        return Amount(tokens=self.tokens - other.tokens, cost=self.cost - other.cost)


@value
class Hold:
    """An amount that is set aside for one call."""

    id: str = ""
    amount: Amount


def check_budget(budget: Budget, at_worst: Amount) -> None:
    """Check what would be spent at worst.

    Raises:
        Exhausted: ``budget_spent``, naming the limit.
    """
    for name, needed, limit in (
        ("tokens", at_worst.tokens, budget.max_tokens),
        ("cost", at_worst.cost, budget.max_cost),
    ):
        if needed > limit:
            raise Exhausted(
                f"The next call could use more {name} than are left: {needed} of {limit}.",
                hint=f"Raise it and go on: signoff resume RUN --max-{name} N",
            )


class Ledger(Protocol):
    """The account of a run and of everything that it starts; shared by all of its models."""

    async def reserve(self, amount: Amount) -> Hold:
        """Set an amount aside before a call.

        Raises:
            Exhausted: ``budget_spent``; nothing was set aside.
        """
        ...

    async def settle(self, hold: Hold, used: Amount) -> None:
        """Give the reservation back and book what was used."""
        ...


@dataclass(slots=True)
class BudgetLedger:
    """The ledger of one process: a budget, what is spent, what is set aside for calls under way."""

    budget: Budget
    spent: Amount = field(default_factory=Amount)
    reserved: Amount = field(default_factory=Amount)

    @classmethod
    def of(cls, budget: Budget, spent: Spent) -> "BudgetLedger":
        """Open it where a run stands."""
        return cls(budget, Amount(tokens=spent.tokens_in + spent.tokens_out, cost=spent.cost))

    async def reserve(self, amount: Amount) -> Hold:
        """See ``Ledger.reserve``."""
        check_budget(self.budget, self.spent + self.reserved + amount)
        self.reserved += amount
        return Hold(amount=amount)

    async def settle(self, hold: Hold, used: Amount) -> None:
        """See ``Ledger.settle``."""
        self.reserved -= hold.amount
        self.spent += used


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgeted(Wrapper):
    """Reserve the worst case before each call, settle afterwards; tokens count also where nothing costs money.

    The worst case is two rounds (the answer, and one repair of it; calls of tools are not repaired). A call that fails,
    or that is no longer waited for, is booked with what it used until then: nothing when the endpoint did not answer.
    """

    ledger: Ledger
    price: Price = field(default_factory=Price)

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``; Exhausted before anything was sent."""
        rounds = 1 if question.tools else 2
        worst = worst_case(question.messages, question.settings, rounds=rounds, tools=question.tools)
        hold = await self.ledger.reserve(Amount(tokens=worst.tokens, cost=self.price.of(worst)))
        with metered() as meter:
            try:
                return await self.model.ask(question)
            finally:
                used = Amount(tokens=meter.usage.tokens, cost=meter.usage.cost)
                # A run that is stopped here would leave its reservation behind, and its siblings without money.
                await asyncio.shield(self.ledger.settle(hold, used))


class Allowance(Protocol):
    """What all runs of an organisation may use together."""

    async def reserve(self, tokens: int) -> str:
        """Count a question and set its worst case aside; the id of the reservation.

        Raises:
            Exhausted: ``plan_limit_reached``; nothing was set aside.
        """
        ...

    async def settle(self, reservation: str, tokens: int) -> None:
        """Give the reservation back and book what was used."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLedger:
    """See ``Ledger``. ``account`` names the run at the top of the tree; all that it starts book there, too.

    What a killed process had set aside is given back after ``hold_s``; until then it counts as spent.
    """

    database: Database
    account: str
    budget: Budget
    known: Spent = field(default_factory=Spent)
    """What the run has spent by its own books: counts where it is more (a fork brings its past along)."""
    hold_s: float = 600.0
    clock: Callable[[], float] = time.time
    allowance: Allowance | None = None
    """The organisation's; None: only the budget counts."""
    allowed: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    """Reservations there, by those of the run."""

    async def reserve(self, amount: Amount) -> Hold:
        """See ``Ledger.reserve``: in the organisation's allowance and in the account of the run, or in neither."""
        if self.allowance is None:
            return await self._hold(amount)
        reservation = await self.allowance.reserve(amount.tokens)
        try:
            hold = await self._hold(amount)
        except BaseException:
            await asyncio.shield(self.allowance.settle(reservation, 0))
            raise
        self.allowed[hold.id] = reservation
        return hold

    async def _hold(self, amount: Amount) -> Hold:
        # An id of its own: settling after the hold ran out must not free another one's.
        hold, now = Hold(id=uuid4().hex, amount=amount), self.clock()
        async with self.database.write() as connection:
            await exclusive(connection, self.account)
            # Reservations of processes that were killed: they settle nothing any more.
            await connection.execute(_LAPSED, {"of": self.account, "at": now})
            sums: Sequence[Any] = (await connection.execute(_SUMS, {"of": self.account})).one()
            booked, held = _amount(sums[0], sums[1]), _amount(sums[2], sums[3])
            spent = Amount(
                tokens=max(booked.tokens, self.known.tokens_in + self.known.tokens_out),
                cost=max(booked.cost, self.known.cost),
            )
            check_budget(self.budget, spent + held + amount)
            row = {"id": hold.id, "account": self.account, "until": now + self.hold_s, **_row(amount)}
            await connection.execute(_HOLD, row)
        return hold

    async def settle(self, hold: Hold, used: Amount) -> None:
        """See ``Ledger.settle``."""
        if self.allowance is not None and (reservation := self.allowed.pop(hold.id, "")):
            await self.allowance.settle(reservation, used.tokens)
        async with self.database.write() as connection:
            await exclusive(connection, self.account)
            await connection.execute(_FREED, {"hold": hold.id})
            row = _row(used)
            more = {"of": self.account, "more_tokens": row["tokens"], "more_cost": row["cost_nano"]}
            if not (await connection.execute(_BOOKED, more)).rowcount:
                await connection.execute(insert(SPENT).values(account=self.account, **row))


# Made once: each call of a model executes all of them.
def _sums(table: Table) -> tuple[Any, ...]:
    mine = table.c.account == bindparam("of")
    return tuple(
        select(func.sum(column)).where(mine).scalar_subquery() for column in (table.c.tokens, table.c.cost_nano)
    )


_LAPSED = delete(HELD).where(HELD.c.account == bindparam("of"), HELD.c.until <= bindparam("at"))
_SUMS = select(*_sums(SPENT), *_sums(HELD))
_HOLD = insert(HELD)
_FREED = delete(HELD).where(HELD.c.id == bindparam("hold"))
_BOOKED = (
    update(SPENT)
    .where(SPENT.c.account == bindparam("of"))
    .values(
        tokens=SPENT.c.tokens + bindparam("more_tokens", type_=SPENT.c.tokens.type),
        cost_nano=SPENT.c.cost_nano + bindparam("more_cost", type_=SPENT.c.cost_nano.type),
    )
)


def _amount(tokens: Any, cost: Any) -> Amount:
    return Amount(tokens=int(tokens or 0), cost=Decimal(int(cost or 0)) / NANO)


def _row(amount: Amount) -> dict[str, Any]:
    return {"tokens": amount.tokens, "cost_nano": int(amount.cost * NANO)}


MINUTE, DAY = 60.0, 86_400.0


@value
class QuotaWindow:
    """At most ``calls`` calls since ``since`` (seconds of the epoch)."""

    calls: int
    since: float


@value
class FullWindow:
    """A window without room, and when its oldest call was: that is when there will be room."""

    window: QuotaWindow
    oldest: float


class Counters(Protocol):
    """Counts calls by a name that all who share a quota have in common."""

    async def take(self, name: str, *, at: float, windows: tuple[QuotaWindow, ...]) -> FullWindow | None:
        """Count one call at ``at``, unless a window is full: then return it, the first one.

        One step: two callers never share the last place.
        """
        ...


@dataclass(frozen=True, slots=True)
class MemoryCounters:
    """Counters of one process."""

    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def take(self, name: str, *, at: float, windows: tuple[QuotaWindow, ...]) -> FullWindow | None:
        """See ``Counters.take``."""
        past = self.calls[name]
        for window in windows:
            inside = [when for when in past if when > window.since]
            if len(inside) >= window.calls:
                return FullWindow(window=window, oldest=min(inside, default=at))
        oldest = min((window.since for window in windows), default=at)
        # What no window counts any more is dropped, so that the list stays as long as the widest quota.
        past[:] = [*(when for when in past if when > oldest), at]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota(Wrapper):
    """Count each call before it is sent. ``counted_as`` is the name that shares the quota: a provider, a model."""

    limits: CallLimits
    counters: Counters
    counted_as: str
    called: str = ""
    """What it is called in messages; ``counted_as`` where it has no other name."""
    clock: Callable[[], float] = time.time

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``.

        Raises:
            RateLimited: the minute is full; ``retry_after`` says when there is room.
            Refused: ``quota_reached``, the day is full.
        """
        now = self.clock()
        day = _window(self.limits.daily_calls, now - now % DAY)
        minute = _window(self.limits.rpm, now - MINUTE)
        windows = (*day, *minute)
        full = await self.counters.take(self.counted_as, at=now, windows=windows) if windows else None
        if full is None:
            return await self.model.ask(question)
        if full.window in minute and full.window.calls > 0:
            raise RateLimited(
                f"{self.called or self.counted_as} may be asked {full.window.calls} times a minute.",
                retry_after=max(0.0, full.oldest + MINUTE - now),
                hint="It is tried again.",
            )
        raise Refused(
            f"{self.called or self.counted_as} may be asked {full.window.calls} times a day, and was.",
            code="quota_reached",
            hint="Wait until midnight UTC, or change its quota.",
        )


def _window(calls: int | None, since: float) -> tuple[QuotaWindow, ...]:
    return () if calls is None else (QuotaWindow(calls=calls, since=since),)


_C = CALLS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCounters:
    """See ``Counters``."""

    database: Database

    async def take(self, name: str, *, at: float, windows: tuple[QuotaWindow, ...]) -> FullWindow | None:
        """See ``Counters.take``."""
        async with self.database.write() as connection:
            await exclusive(connection, name)
            for window in windows:
                query = select(func.count(), func.min(_C.at)).where(_C.name == name, _C.at > window.since)
                count, oldest = (await connection.execute(query)).one()
                if count >= window.calls:
                    return FullWindow(window=window, oldest=at if oldest is None else oldest)
            since = min((window.since for window in windows), default=at)
            await connection.execute(delete(CALLS).where(_C.name == name, _C.at <= since))
            await connection.execute(insert(CALLS).values(name=name, at=at))
        return None
