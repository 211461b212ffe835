"""The account of a run in the database: caps that hold across all of its agents and processes (G7)."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domain import Budget, Spent
from models.budgeted import Amount, Hold, within
from models.tables import HELD, NANO, SPENT, Database, alone


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLedger:
    """See ``Ledger``. ``account`` names the run at the top of the tree; everybody below it books there, too.

    What a killed process had set aside is given back after ``hold_s``; until then it counts as spent.
    """

    database: Database
    account: str
    budget: Budget
    known: Spent = field(default_factory=Spent)
    """What the run has spent by its own books: counts where it is more (a fork brings its past along)."""
    hold_s: float = 600.0
    clock: Callable[[], float] = time.time

    async def reserve(self, amount: Amount) -> Hold:
        """See ``Ledger.reserve``."""
        hold, now = Hold(id=uuid4().hex, amount=amount), self.clock()
        async with self.database.write() as connection:
            await alone(connection, self.account)
            await connection.execute(delete(HELD).where(HELD.c.account == self.account, HELD.c.until <= now))
            booked = await _sum(connection, SPENT, self.account)
            held = await _sum(connection, HELD, self.account)
            spent = Amount(
                tokens=max(booked.tokens, self.known.tokens_in + self.known.tokens_out),
                cost=max(booked.cost, self.known.cost),
            )
            within(self.budget, spent + held + amount)
            row = {"id": hold.id, "account": self.account, "until": now + self.hold_s, **_row(amount)}
            await connection.execute(insert(HELD).values(row))
        return hold

    async def settle(self, hold: Hold, used: Amount) -> None:
        """See ``Ledger.settle``."""
        async with self.database.write() as connection:
            await alone(connection, self.account)
            await connection.execute(delete(HELD).where(HELD.c.id == hold.id))
            mine, row = SPENT.c.account == self.account, _row(used)
            more = {"tokens": SPENT.c.tokens + row["tokens"], "cost_nano": SPENT.c.cost_nano + row["cost_nano"]}
            if not (await connection.execute(update(SPENT).where(mine).values(more))).rowcount:
                await connection.execute(insert(SPENT).values(account=self.account, **row))


async def _sum(connection: AsyncConnection, table: Table, account: str) -> Amount:
    query = select(func.sum(table.c.tokens), func.sum(table.c.cost_nano)).where(table.c.account == account)
    tokens, cost = (await connection.execute(query)).one()
    return Amount(tokens=int(tokens or 0), cost=Decimal(int(cost or 0)) / NANO)


def _row(amount: Amount) -> dict[str, Any]:
    return {"tokens": amount.tokens, "cost_nano": int(amount.cost * NANO)}
