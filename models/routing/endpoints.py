"""The models of a process: which there are for a role, how they are, and each of them opened once."""

import ipaddress
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urlsplit

from opentelemetry.trace import Tracer
from pydantic import SecretStr

from models.clients import huggingface, vendors
from models.clients.chat import opened
from models.clients.contract import Endpoint
from models.clients.discovered import discovered
from models.clients.huggingface import SCHEME
from models.clients.probe import probe
from models.clients.tokenizer import tokenizer
from models.clients.vendors import vendor_of
from models.contract import Model, Price, Role
from models.routing.catalogue import Catalogue, ModelCard
from models.routing.router import Health
from models.wrappers.circuit_breaker import CircuitBreaker
from models.wrappers.context_window import Fitted
from models.wrappers.fallback import Fallback
from models.wrappers.instrumented import Instrumented
from models.wrappers.retry import Retry

ROLES: tuple[Role, ...] = ("planner", "coder", "reviewer", "chat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """How endpoints are opened in this process."""

    price: Callable[[str | None], Price]
    """Of a model that nobody named beforehand."""
    tracer: Tracer | None = None
    content: bool = False
    """Prompts and answers in the spans, too."""


@asynccontextmanager
async def open_endpoint(
    endpoint: Endpoint, how: Opened, *, price: Price
) -> AsyncGenerator[tuple[Fitted, CircuitBreaker]]:
    """Open one model for as long as the block runs; its circuit breaker says how it is.

    Raises:
        Refused: ``llm_bad_address``.
    """
    async with AsyncExitStack() as stack:
        chat: Model
        if endpoint.base_url.startswith(huggingface.SCHEME):
            chat = await stack.enter_async_context(huggingface.opened(endpoint.model, price=price))
        elif vendors.vendor_of(endpoint.base_url) is not None:
            chat = await stack.enter_async_context(vendors.opened(endpoint, price=price))
        elif endpoint.model is None:
            chat = await stack.enter_async_context(discovered(endpoint, price=how.price))
        else:
            chat = await stack.enter_async_context(opened(endpoint, price=price))
        seen = Instrumented(model=chat, content=how.content)
        if how.tracer is not None:
            seen = replace(seen, tracer=how.tracer)
        breaker = CircuitBreaker(model=seen)
        counting = await stack.enter_async_context(tokenizer(endpoint))
        yield Fitted(model=breaker, counting=counting), breaker


UNNAMED = "default"
"""Stands for the only model of an endpoint until somebody looked what it is."""
ANY_CONTEXT = 1 << 20
"""Of a model that nothing is known about: its endpoint itself says when a prompt is too long."""
_KNOWN = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
    "openrouter.ai": "openrouter",
    "api.mistral.ai": "mistral",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What the settings say: an endpoint for all, endpoints for roles, keys by name."""

    default: Endpoint | None = None
    roles: Mapping[Role, Endpoint] = field(default_factory=dict[Role, Endpoint])
    keys: Mapping[str, SecretStr] = field(default_factory=dict[str, SecretStr])

    def endpoint(self, card: ModelCard, asked_as: str) -> Endpoint:
        """Where to ask this model. A key goes only to the endpoint that it was given for."""
        for known in (*self.roles.values(), *([self.default] if self.default else [])):
            if known.base_url == card.endpoint and card.key is None:
                return replace(known, model=None if asked_as == UNNAMED else asked_as)
        key = self.keys.get(card.key) if card.key is not None else None
        return Endpoint(base_url=card.endpoint or "", model=asked_as, api_key=key)

    def named(self, role: Role, catalogue: Catalogue) -> tuple[ModelCard, ...]:
        """The models that settings name for a role, first choice first: they come before any strategy."""
        found = [self.roles[role]] if role in self.roles else []
        found += [self.default] if self.default is not None and self.default.model is not None else []
        cards: dict[tuple[str | None, str], ModelCard] = {}
        for place in found:
            card = card_at(place, catalogue)
            cards.setdefault((card.endpoint, card.id), card)
        return tuple(cards.values())


def card_at(place: Endpoint, catalogue: Catalogue, model: str | None = None) -> ModelCard:
    """The card of what is served at an endpoint: the catalogue's, or one with what can be said about any model."""
    name = model or place.model or UNNAMED
    known = next((card for card in catalogue.models if card.id == name), None)
    if known is not None and known.endpoint not in {None, place.base_url}:
        known = None  # somebody else's of the same name
    card = known or ModelCard(id=name, context=ANY_CONTEXT)
    provider = provider_of(place.base_url) if card.provider == "vllm" else card.provider
    return priced(replace(card, endpoint=place.base_url, provider=provider), catalogue)


def priced(card: ModelCard, catalogue: Catalogue) -> ModelCard:
    """The card with a price: the dearest of the catalogue where nobody said one."""
    price = card.price_or(catalogue.dearest)
    return replace(card, price_in=price.per_1k_in, price_out=price.per_1k_out)


def provider_of(base_url: str) -> str:
    """Who serves there, as policies name it: ``vllm`` on our own machines, else a vendor or the host."""
    if base_url.startswith(SCHEME):
        return "huggingface"
    if (vendor := vendor_of(base_url)) is not None:
        return vendor.provider
    host = (urlsplit(base_url).hostname or "").lower()
    if host in _KNOWN:
        return _KNOWN[host]
    return "vllm" if _ours(host) else host or "vllm"


def _ours(host: str) -> bool:
    """On this machine, in a private network, or a name without a dot: nobody else's."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan", ".localhost"))


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
