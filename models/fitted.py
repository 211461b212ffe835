"""A model whose prompts always fit the context that is really served (B9)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from domain import ContextTooLong
from models.context import Count, Window, counted, rough
from models.contract import Heard, Message, Model, Reply, Settings
from models.counting import Counting

T = TypeVar("T")

ROUNDS = 4
SMALLEST = 256
"""Tokens; a smaller number is no context that anybody serves, but something else in the message."""
TIGHTER = 0.8
"""The estimate of tokens was too low: what the server counts decides."""
NEAR = 0.5
"""Share of the served context from which it is worth counting exactly."""
OFF = 0.05
"""An estimate may be so far too low; the factor is changed rarely, so that compactions stand still."""


@dataclass(slots=True)
class _Served:
    """What the endpoint said about its context; None until it said something."""

    tokens: int | None = None
    scale: float = 1.0
    factor: float | None = None
    """Tokens by the endpoint's tokenizer for each token of our estimate; None: not counted yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Keep conversations below what the endpoint serves; as they are, until it says how much that is.

    Only what the endpoint said counts, not what a model was made for: by its tokenizer where it lends one,
    else by its first refusal. Prompts that cannot fit are ``ContextTooLong`` as before.
    """

    model: Model
    count: Count = rough
    counting: Counting | None = None
    served: _Served = field(default_factory=_Served, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``."""
        await self._measure(messages, settings)
        for _ in range(ROUNDS):
            try:
                return await self._ask(messages, answer, settings, heard)
            except ContextTooLong as error:
                if not self._learn(error.max_tokens, settings):
                    raise
        return await self._ask(messages, answer, settings, heard)

    async def _measure(self, messages: Sequence[Message], settings: Settings) -> None:
        """Count exactly where it may matter: the first time, and when a prompt comes near to what is served."""
        if self.counting is None:
            return
        known, guess = self.served, max(1, counted(messages, self.count))
        near = guess * (known.factor or 1.0) + settings.max_tokens >= (known.tokens or 0) * NEAR
        if known.factor is not None and not near:
            return
        exact = await self.counting.count(messages)
        if exact is None:
            return
        known.tokens = exact.served or known.tokens
        factor = exact.tokens / guess
        if known.factor is None or factor > known.factor * (1 + OFF):
            known.factor = factor

    async def _ask(
        self, messages: Sequence[Message], answer: type[T], settings: Settings, heard: Heard | None
    ) -> Reply[T]:
        if self.served.tokens is None:
            return await self.model.ask(messages, answer, settings=settings, heard=heard)
        settings = replace(settings, max_tokens=min(settings.max_tokens, max(1, self.served.tokens // 2)))
        room = int(self.served.tokens * self.served.scale)
        window = Window(served=room, reserve=settings.max_tokens, count=self._scaled)
        return await self.model.ask(_kept(window, messages), answer, settings=settings, heard=heard)

    def _scaled(self, text: str) -> int:
        """Our estimate, corrected by what the endpoint's tokenizer counted."""
        return math.ceil(self.count(text) * (self.served.factor or 1.0))

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
