"""A model that is not asked when the answer could cost more than is left (G7)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, TypeVar

from domain import Budget, Exhausted, SignoffError, Spent, Unreadable, value
from models.chat import Price
from models.contract import Heard, Message, Model, Reply, Settings, Usage

T = TypeVar("T")

CHARS_PER_TOKEN = 3
"""Low on purpose: this is a worst case."""


@value
class Amount:
    """Tokens and money, reserved or spent."""

    tokens: int = 0
    cost: Decimal = Decimal(0)


class Ledger(Protocol):
    """The account of a run and of everything that it starts; shared by all of its models."""

    async def reserve(self, amount: Amount) -> None:
        """Set an amount aside before a call.

        Raises:
            Exhausted: ``budget_spent``; nothing was set aside.
        """
        ...

    async def settle(self, reserved: Amount, used: Amount) -> None:
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

    async def reserve(self, amount: Amount) -> None:
        """See ``Ledger.reserve``."""
        tokens = self.spent.tokens + self.reserved.tokens + amount.tokens
        cost = self.spent.cost + self.reserved.cost + amount.cost
        for name, wanted, limit in (("tokens", tokens, self.budget.max_tokens), ("cost", cost, self.budget.max_cost)):
            if wanted > limit:
                raise Exhausted(
                    f"The next call could use more {name} than are left: {wanted} of {limit}.",
                    hint=f"Raise it and go on: signoff resume RUN --max-{name} N",
                )
        self.reserved = Amount(tokens=self.reserved.tokens + amount.tokens, cost=self.reserved.cost + amount.cost)

    async def settle(self, reserved: Amount, used: Amount) -> None:
        """See ``Ledger.settle``."""
        self.reserved = Amount(
            tokens=self.reserved.tokens - reserved.tokens, cost=self.reserved.cost - reserved.cost
        )  # fmt: skip
        self.spent = Amount(tokens=self.spent.tokens + used.tokens, cost=self.spent.cost + used.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgeted:
    """Reserve the worst case before each call, settle afterwards; tokens count also where nothing costs money.

    The worst case is two rounds (the answer, and one repair of it). A call that fails is booked with what
    it is known to have used: nothing when the endpoint did not answer, everything when the answer could
    not be read.
    """

    model: Model
    ledger: Ledger
    price: Price = field(default_factory=Price)

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``; Exhausted before anything was sent."""
        reserved = self._worst(messages, settings)
        await self.ledger.reserve(reserved)
        used = reserved
        try:
            reply = await self.model.ask(messages, answer, settings=settings, heard=heard)
        except SignoffError as error:
            used = reserved if isinstance(error, Unreadable) else Amount()
            raise
        else:
            used = Amount(tokens=reply.usage.tokens_in + reply.usage.tokens_out, cost=reply.usage.cost)
            return reply
        finally:
            await self.ledger.settle(reserved, used)

    def _worst(self, messages: Sequence[Message], settings: Settings) -> Amount:
        prompt = sum(len(message.content) for message in messages) // CHARS_PER_TOKEN
        usage = Usage(tokens_in=2 * prompt + settings.max_tokens, tokens_out=2 * settings.max_tokens)
        return Amount(tokens=usage.tokens_in + usage.tokens_out, cost=self.price.of(usage))
