"""A model whose prompts always fit the context that is really served (B9)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from domain import ContextTooLong
from models.context import Count, Window, rough
from models.contract import Heard, Message, Model, Reply, Settings

T = TypeVar("T")

ROUNDS = 4
SMALLEST = 256
"""Tokens; a smaller number is no context that anybody serves, but something else in the message."""
TIGHTER = 0.8
"""The estimate of tokens was too low: what the server counts decides."""


@dataclass(slots=True)
class _Served:
    """What the endpoint said about its context; None until it refused something."""

    tokens: int | None = None
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Send conversations as they are until the endpoint says how long they may be; then keep below that.

    Only what the endpoint said counts, not what a model was made for. Prompts that cannot fit are
    ``ContextTooLong`` as before.
    """

    model: Model
    count: Count = rough
    served: _Served = field(default_factory=_Served, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``."""
        for _ in range(ROUNDS):
            try:
                return await self._ask(messages, answer, settings, heard)
            except ContextTooLong as error:
                if not self._learn(error.max_tokens, settings):
                    raise
        return await self._ask(messages, answer, settings, heard)

    async def _ask(
        self, messages: Sequence[Message], answer: type[T], settings: Settings, heard: Heard | None
    ) -> Reply[T]:
        if self.served.tokens is None:
            return await self.model.ask(messages, answer, settings=settings, heard=heard)
        settings = replace(settings, max_tokens=min(settings.max_tokens, max(1, self.served.tokens // 2)))
        room = int(self.served.tokens * self.served.scale)
        window = Window(served=room, reserve=settings.max_tokens, count=self.count)
        return await self.model.ask(_kept(window, messages), answer, settings=settings, heard=heard)

    def _learn(self, said: int | None, settings: Settings) -> bool:
        """Take in what the endpoint says; False when there is nothing more to try."""
        if said is None or said < SMALLEST:
            return False
        if self.served.tokens == said:
            self.served.scale *= TIGHTER
            return said * self.served.scale > min(settings.max_tokens, said // 2)
        self.served.tokens, self.served.scale = said, 1.0
        return True


def _kept(window: Window, messages: Sequence[Message]) -> Sequence[Message]:
    """What fits; all of it where nothing would: then the endpoint has the last word."""
    try:
        return window.keep(messages).messages
    except ContextTooLong:
        return messages
