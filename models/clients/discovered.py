"""Discovered model: one whose name is not configured, the only one that its endpoint serves."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from domain import Refused, Unavailable
from models.clients.chat import Chat, open_chat
from models.clients.contract import ModelEndpoint
from models.clients.probe import probe
from models.contract import Price, Question, Reply

T = TypeVar("T")


@dataclass(slots=True)
class _Opened:
    chat: Chat | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """Looks at the endpoint when it is asked for the first time, not before: a dead one stops no other."""

    endpoint: ModelEndpoint
    stack: AsyncExitStack
    price: Callable[[str | None], Price]
    opened: _Opened = field(default_factory=_Opened, repr=False)
    looking: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @property
    def name(self) -> str:
        """``default`` until the first question."""
        return self.opened.chat.name if self.opened.chat is not None else "default"

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``; Refused ``llm_which_model`` when not exactly one model is served."""
        # Questions that come together wait for one look, and are asked of the same chat.
        async with self.looking:
            chat = self.opened.chat
            if chat is None:
                seen = await probe(self.endpoint, timeout_s=min(30.0, question.settings.timeout_s), quick=True)
                where = f"The model endpoint {seen.base_url}"
                if not seen.reachable:
                    raise Unavailable(f"{where} {seen.problem}.", hint=seen.hint)
                if seen.problem:
                    raise Refused(f"{where}: {seen.problem}", code="llm_which_model", hint=seen.hint)
                opening = open_chat(replace(self.endpoint, model=seen.model), price=self.price(seen.model))
                chat = self.opened.chat = await self.stack.enter_async_context(opening)
        return await chat.ask(question)


@asynccontextmanager
async def open_discovered(
    endpoint: ModelEndpoint, *, price: Callable[[str | None], Price]
) -> AsyncGenerator[Discovered]:
    """Open the endpoint's only model for as long as the block runs."""
    async with AsyncExitStack() as stack:
        yield Discovered(endpoint=endpoint, stack=stack, price=price)
