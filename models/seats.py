"""The models of a process: which there are for a role, how they are, and each of them opened once."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol

from models.breaker import CircuitBreaker
from models.build import Opened, open_endpoint
from models.cards import ModelCard
from models.catalogue import Catalogue
from models.contract import Model, Role
from models.fallback import Fallback
from models.places import UNNAMED, Places, card_at, priced, provider_of
from models.probe import probe
from models.retry import Retry
from models.router import Health
from models.wire import Endpoint

LOOK_AGAIN_S = 60.0
"""After so long an endpoint is asked anew what it serves."""


@dataclass(frozen=True, slots=True)
class Cards:
    """Who there is for a role: those that settings name, first choice first; then those to choose from."""

    named: tuple[ModelCard, ...] = ()
    others: tuple[ModelCard, ...] = ()

    @property
    def all(self) -> tuple[ModelCard, ...]:
        return (*self.named, *self.others)


class Seats(Protocol):
    """Knows the models that can be asked."""

    def any(self, role: Role) -> bool:
        """Whether anything is configured for a role."""
        ...

    def described(self, role: Role) -> str:
        """Who there is for a role, in a few words; empty: nobody."""
        ...

    async def cards(self, role: Role, *, look: bool = True) -> Cards:
        """Who there is. ``look``: ask endpoints what they serve, where that matters and is not known yet."""
        ...

    async def open(self, role: Role, card: ModelCard, asked_as: str) -> Model:
        """The model, opened; the same one for everybody."""
        ...

    def health(self, cards: Sequence[ModelCard]) -> Mapping[str, Health]:
        """How they are, by id; those that nothing is known about are left out."""
        ...

    def dependable(self, models: tuple[Model, ...]) -> Model:
        """These models as one, best first."""
        ...


@dataclass(slots=True)
class _Seen:
    """What an endpoint served when somebody looked."""

    at: float = float("-inf")
    models: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """See ``Seats``: models behind endpoints, as the settings and the catalogue have them."""

    places: Places
    catalogue: Catalogue
    opened: Opened
    stack: AsyncExitStack
    """Closes what is opened."""
    clock: Callable[[], float] = time.monotonic
    known: dict[tuple[str, str], tuple[Model, CircuitBreaker]] = field(default_factory=dict, repr=False)
    seen: _Seen = field(default_factory=_Seen, repr=False)

    def any(self, role: Role) -> bool:
        """See ``Seats.any``."""
        return self.places.default is not None or role in self.places.roles or any(
            card.endpoint and role in card.roles for card in self.catalogue.models
        )  # fmt: skip

    def described(self, role: Role) -> str:
        """See ``Seats.described``."""
        if named := self.places.named(role, self.catalogue):
            return named[0].id
        own = [card.id for card in self.catalogue.models if card.endpoint and role in card.roles]
        served = [f"of {self.places.default.base_url}"] if self.places.default is not None else []
        return ", ".join([*served, *own])

    async def cards(self, role: Role, *, look: bool = True) -> Cards:
        """See ``Seats.cards``."""
        named = self.places.named(role, self.catalogue)
        if self.places.default is not None and self.places.default.model is not None:
            return Cards(named=named)  # one setting overrides everything
        own = tuple(
            priced(replace(card, provider=_provider(card)), self.catalogue)
            for card in self.catalogue.models
            if card.endpoint is not None
        )
        return Cards(named=named, others=(*own, *await self._served(look=look)))

    async def _served(self, *, look: bool) -> tuple[ModelCard, ...]:
        """What the endpoint of the settings serves, where no model is named."""
        place = self.places.default
        if place is None:
            return ()
        if look and self.clock() - self.seen.at > LOOK_AGAIN_S:
            found = await probe(place, timeout_s=10.0, quick=True)
            self.seen.models = found.models or self.seen.models
            # One that is away may be so for long, and hanging on to it takes its time.
            self.seen.at = self.clock() - (0.0 if found.reachable else LOOK_AGAIN_S / 2)
        adapters = {name for card in self.catalogue.models for name in card.lora.values()}
        served = tuple(name for name in self.seen.models or () if name not in adapters)
        known = [card_at(place, self.catalogue, name) for name in served if _has(self.catalogue, name)]
        # Nobody knows it, or there are several: whoever is asked says so.
        return tuple(known) or (card_at(place, self.catalogue, served[0] if len(served) == 1 else UNNAMED),)

    async def open(self, role: Role, card: ModelCard, asked_as: str) -> Model:  # noqa: ARG002  the contract's
        """See ``Seats.open``."""
        key = (card.endpoint or "", asked_as)
        if key not in self.known:
            endpoint = self.places.endpoint(card, asked_as)
            made = await self.stack.enter_async_context(open_endpoint(endpoint, self.opened, price=card.price))
            self.known.setdefault(key, made)
        return self.known[key][0]

    def health(self, cards: Sequence[ModelCard]) -> Mapping[str, Health]:
        """See ``Seats.health``: a model whose circuit is open is down."""
        found: dict[str, Health] = {}
        for card in cards:
            mine = [self.known.get((card.endpoint or "", name)) for name in (card.id, *card.lora.values())]
            if any(model is not None and model[1].open for model in mine):
                found[card.id] = "down"
        return found

    def dependable(self, models: tuple[Model, ...]) -> Model:
        """See ``Seats.dependable``: the next one at once, and again only when nobody answered."""
        policy = self.catalogue.persistence
        asked = models[: 1 + policy.fallbacks]
        return Retry(
            model=asked[0] if len(asked) == 1 else Fallback(models=asked), attempts=policy.attempts,
            first_pause_s=policy.first_pause_s, longest_pause_s=policy.longest_pause_s,
        )  # fmt: skip

    @property
    def every(self) -> tuple[Endpoint, ...]:
        """Each endpoint once, for whoever wants to look at all of them."""
        named = [*self.places.roles.values(), *([self.places.default] if self.places.default else [])]
        own = [self.places.endpoint(card, card.id) for card in self.catalogue.models if card.endpoint]
        return tuple({(each.base_url, each.model): each for each in (*named, *own)}.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """See ``Seats``: models that somebody brings along, one for each role."""

    models: Mapping[Role, Model]

    def any(self, role: Role) -> bool:
        """See ``Seats.any``."""
        return role in self.models

    def described(self, role: Role) -> str:
        """See ``Seats.described``."""
        return self.models[role].name if role in self.models else ""

    async def cards(self, role: Role, *, look: bool = True) -> Cards:  # noqa: ARG002  the contract's
        """See ``Seats.cards``."""
        model = self.models.get(role)
        return Cards(named=() if model is None else (ModelCard(id=model.name, provider="given"),))

    async def open(self, role: Role, card: ModelCard, asked_as: str) -> Model:  # noqa: ARG002  the contract's
        """See ``Seats.open``."""
        return self.models[role]

    def health(self, cards: Sequence[ModelCard]) -> Mapping[str, Health]:  # noqa: ARG002  the contract's
        """See ``Seats.health``."""
        return {}

    def dependable(self, models: tuple[Model, ...]) -> Model:
        """See ``Seats.dependable``."""
        return models[0]


def _has(catalogue: Catalogue, name: str) -> bool:
    return any(card.id == name and card.endpoint is None for card in catalogue.models)


def _provider(card: ModelCard) -> str:
    return provider_of(card.endpoint or "") if card.provider == "vllm" else card.provider
