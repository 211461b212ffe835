"""Model registry: the models behind endpoints, which there are for a role, how they are, each opened once.

Below it the composition of models, the one place that says which wrapper stands around which, from a run to the wire::

    Routed                          chooses for each question
      Cached                        where answers of the role may be used again
        Retry                       when none of the chosen answered
          Fallback                  the chosen, best first
            UsageLogged             a row for each of them
              Quota …               each quota that holds
                Budgeted            the worst case reserved before the call
                  ContextWindow     from here on one for each endpoint of the process
                    CircuitBreaker
                      Instrumented
                        Chat        and below it a transport

The order is part of what is promised: a spent budget or quota is logged and never retried, a call that the circuit
breaker refuses has no span, and what comes from the cache is not counted.
"""

import ipaddress
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from opentelemetry.trace import Tracer
from pydantic import SecretStr

from models.clients import huggingface, vendors
from models.clients.chat import open_chat
from models.clients.contract import PROVIDER_OF_SCHEME, ModelEndpoint
from models.clients.discovered import open_discovered
from models.clients.probe import probe
from models.contract import Model, Price, Role
from models.routing.catalogue import Catalogue, ModelCard, ModelCards, Persistence
from models.routing.router import CountedQuota, Health
from models.wrappers.context_window import ContextWindow, TokenCounter, open_tokenizer
from models.wrappers.instrumented import Instrumented, default_tracer
from models.wrappers.limits import Budgeted, Counters, Ledger, Quota
from models.wrappers.resilience import CircuitBreaker, Fallback, Retry
from models.wrappers.usage_log import CallReason, Decisions, UsageLogged

LOOK_AGAIN_S = 60.0
"""After so long an endpoint is asked anew what it serves."""
UNNAMED = "default"
"""Stands for the only model of an endpoint until its name is known."""
ANY_CONTEXT = 1 << 20
"""Of a model that nothing is known about: its endpoint itself says when a prompt is too long."""
_PROVIDER_OF_HOST = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
    "openrouter.ai": "openrouter",
    "api.mistral.ai": "mistral",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How endpoints are opened in this process."""

    price: Callable[[str | None], Price]
    """Of a model that was not named beforehand."""
    tracer: Tracer | None = None
    content: bool = False
    """Prompts and answers in the spans, too."""


@asynccontextmanager
async def open_endpoint(
    endpoint: ModelEndpoint, options: ClientOptions, *, price: Price
) -> AsyncGenerator[tuple[ContextWindow, CircuitBreaker]]:
    """Open one model for as long as the block runs; its circuit breaker says how it is.

    Raises:
        Refused: ``llm_bad_address``.
    """
    async with AsyncExitStack() as stack:
        client: Model
        if endpoint.base_url.startswith(huggingface.SCHEME):
            client = await stack.enter_async_context(huggingface.open_local(endpoint.model, price=price))
        elif vendors.vendor_of(endpoint.base_url) is not None:
            client = await stack.enter_async_context(vendors.open_vendor(endpoint, price=price))
        elif endpoint.model is None:
            client = await stack.enter_async_context(open_discovered(endpoint, price=options.price))
        else:
            client = await stack.enter_async_context(open_chat(endpoint, price=price))
        tokenizer = await stack.enter_async_context(open_tokenizer(endpoint))
        yield around_endpoint(client, tracer=options.tracer, content=options.content, tokenizer=tokenizer)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSettings:
    """What the settings say: an endpoint for all, endpoints for roles, keys by name."""

    default: ModelEndpoint | None = None
    roles: Mapping[Role, ModelEndpoint] = field(default_factory=dict[Role, ModelEndpoint])
    keys: Mapping[str, SecretStr] = field(default_factory=dict[str, SecretStr])

    def endpoint(self, card: ModelCard, asked_as: str) -> ModelEndpoint:
        """Where to ask this model. A key goes only to the endpoint that it was given for."""
        for configured in (*self.roles.values(), *([self.default] if self.default else [])):
            if configured.base_url == card.endpoint and card.key is None:
                return replace(configured, model=None if asked_as == UNNAMED else asked_as)
        key = self.keys.get(card.key) if card.key is not None else None
        return ModelEndpoint(base_url=card.endpoint or "", model=asked_as, api_key=key)

    def named(self, role: Role, catalogue: Catalogue) -> tuple[ModelCard, ...]:
        """The models that settings name for a role, first choice first: they come before any strategy."""
        endpoints = [self.roles[role]] if role in self.roles else []
        endpoints += [self.default] if self.default is not None and self.default.model is not None else []
        cards: dict[tuple[str | None, str], ModelCard] = {}
        for endpoint in endpoints:
            card = card_at(endpoint, catalogue)
            cards.setdefault((card.endpoint, card.id), card)
        return tuple(cards.values())


def card_at(endpoint: ModelEndpoint, catalogue: Catalogue, model: str | None = None) -> ModelCard:
    """The card of what is served at an endpoint: the catalogue's, or one with what can be said about any model."""
    name = model or endpoint.model or UNNAMED
    listed = next((card for card in catalogue.models if card.id == name), None)
    if listed is not None and listed.endpoint not in {None, endpoint.base_url}:
        listed = None  # another one's of the same name
    card = listed or ModelCard(id=name, context=ANY_CONTEXT)
    provider = provider_of(endpoint.base_url) if card.provider == "vllm" else card.provider
    return priced(replace(card, endpoint=endpoint.base_url, provider=provider), catalogue)


def priced(card: ModelCard, catalogue: Catalogue) -> ModelCard:
    """The card with a price: the dearest of the catalogue where it has none."""
    price = card.price_or(catalogue.dearest)
    return replace(card, price_in=price.per_1k_in, price_out=price.per_1k_out)


def provider_of(base_url: str) -> str:
    """Who serves there, as policies name it: ``vllm`` on our own machines, else a vendor or the host."""
    scheme, colon, _ = base_url.partition(":")
    if (provider := PROVIDER_OF_SCHEME.get(scheme + colon)) is not None:
        return provider
    host = (urlsplit(base_url).hostname or "").lower()
    if host in _PROVIDER_OF_HOST:
        return _PROVIDER_OF_HOST[host]
    try:
        private = not ipaddress.ip_address(host).is_global
    except ValueError:  # a name without a dot, or of a private network: on no other one's machine
        private = "." not in host or host.endswith((".local", ".internal", ".lan", ".localhost"))
    return "vllm" if private else host or "vllm"


class ModelRegistry(Protocol):
    """Knows the models that can be asked."""

    def any(self, role: Role) -> bool:
        """Whether anything is configured for a role."""
        ...

    def described(self, role: Role) -> str:
        """Which models there are for a role, in a few words; empty: none."""
        ...

    async def cards(self, role: Role, *, look: bool = True) -> ModelCards:
        """Which there are. ``look``: ask endpoints what they serve, where that matters and is not known yet."""
        ...

    async def open(self, role: Role, card: ModelCard, asked_as: str) -> Model:
        """The model, opened; the same one for all runs."""
        ...

    def health(self, cards: Sequence[ModelCard]) -> Mapping[str, Health]:
        """How they are, by id; those that nothing is known about are left out."""
        ...

    def failures(self) -> Mapping[str, str]:
        """What those that are down said last, by id."""
        ...

    def as_one(self, models: tuple[Model, ...]) -> Model:
        """These models as one, best first."""
        ...


@dataclass(slots=True)
class _Served:
    """What an endpoint served when it was looked at last."""

    looked_at: float = float("-inf")
    models: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRegistry:
    """See ``ModelRegistry``: models behind endpoints, as the settings and the catalogue have them."""

    settings: EndpointSettings
    catalogue: Catalogue
    options: ClientOptions
    stack: AsyncExitStack
    """Closes what is opened."""
    clock: Callable[[], float] = time.monotonic
    opened: dict[tuple[str, str], tuple[Model, CircuitBreaker]] = field(default_factory=dict, repr=False)
    served: _Served = field(default_factory=_Served, repr=False)

    def any(self, role: Role) -> bool:
        """See ``ModelRegistry.any``."""
        if self.settings.default is not None or role in self.settings.roles:
            return True
        return any(card.endpoint and role in card.roles for card in self.catalogue.models)

    def described(self, role: Role) -> str:
        """See ``ModelRegistry.described``."""
        if named := self.settings.named(role, self.catalogue):
            return named[0].id
        own = [card.id for card in self.catalogue.models if card.endpoint and role in card.roles]
        served = [f"of {self.settings.default.base_url}"] if self.settings.default is not None else []
        return ", ".join([*served, *own])

    async def cards(self, role: Role, *, look: bool = True) -> ModelCards:
        """See ``ModelRegistry.cards``."""
        named = self.settings.named(role, self.catalogue)
        if self.settings.default is not None and self.settings.default.model is not None:
            return ModelCards(named=named)  # one setting overrides everything
        own: list[ModelCard] = []
        for card in self.catalogue.models:
            if card.endpoint is not None:
                provider = provider_of(card.endpoint) if card.provider == "vllm" else card.provider
                own.append(priced(replace(card, provider=provider), self.catalogue))
        return ModelCards(named=named, others=(*own, *await self._served(look=look)))

    async def _served(self, *, look: bool) -> tuple[ModelCard, ...]:
        """What the endpoint of the settings serves, where no model is named."""
        default = self.settings.default
        if default is None:
            return ()
        if look and self.clock() - self.served.looked_at > LOOK_AGAIN_S:
            seen = await probe(default, timeout_s=10.0, quick=True)
            self.served.models = seen.models or self.served.models
            # One that is away may be so for long, and hanging on to it takes its time.
            self.served.looked_at = self.clock() - (0.0 if seen.reachable else LOOK_AGAIN_S / 2)
        adapters = {name for card in self.catalogue.models for name in card.lora.values()}
        served = tuple(name for name in self.served.models or () if name not in adapters)
        listed = {card.id for card in self.catalogue.models if card.endpoint is None}
        cards = [card_at(default, self.catalogue, name) for name in served if name in listed]
        # None is in the catalogue, or there are several: the one that is asked says so.
        return tuple(cards) or (card_at(default, self.catalogue, served[0] if len(served) == 1 else UNNAMED),)

    async def open(self, role: Role, card: ModelCard, asked_as: str) -> Model:  # noqa: ARG002  the contract's
        """See ``ModelRegistry.open``."""
        key = (card.endpoint or "", asked_as)
        if key not in self.opened:
            endpoint = self.settings.endpoint(card, asked_as)
            model = await self.stack.enter_async_context(open_endpoint(endpoint, self.options, price=card.price))
            # Two runs may have opened it at once: the first counts for all, and both close with the process.
            self.opened.setdefault(key, model)
        return self.opened[key][0]

    def health(self, cards: Sequence[ModelCard]) -> Mapping[str, Health]:
        """See ``ModelRegistry.health``: a model whose circuit is open is down."""
        health: dict[str, Health] = {}
        for card in cards:
            models = [self.opened.get((card.endpoint or "", name)) for name in (card.id, *card.lora.values())]
            # Adapters share their model's server: one that is down takes all of them with it.
            if any(model is not None and model[1].open for model in models):
                health[card.id] = "down"
        return health

    def failures(self) -> Mapping[str, str]:
        """See ``ModelRegistry.failures``."""
        return {name: breaker.circuit.last_error for (_, name), (_, breaker) in self.opened.items() if breaker.open}

    def as_one(self, models: tuple[Model, ...]) -> Model:
        """See ``ModelRegistry.as_one``: the next one at once, and again only when none answered."""
        return as_one(models, self.catalogue.persistence)

    @property
    def every(self) -> tuple[ModelEndpoint, ...]:
        """Each endpoint once, to look at all of them."""
        settings = self.settings
        named = [*settings.roles.values(), *([settings.default] if settings.default else [])]
        own = [settings.endpoint(card, card.id) for card in self.catalogue.models if card.endpoint]
        return tuple({(each.base_url, each.model): each for each in (*named, *own)}.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedModels:
    """See ``ModelRegistry``: models that the caller brings along, one for each role."""

    models: Mapping[Role, Model]

    def any(self, role: Role) -> bool:
        """See ``ModelRegistry.any``."""
        return role in self.models

    def described(self, role: Role) -> str:
        """See ``ModelRegistry.described``."""
        return self.models[role].name if role in self.models else ""

    async def cards(self, role: Role, *, look: bool = True) -> ModelCards:  # noqa: ARG002  the contract's
        """See ``ModelRegistry.cards``."""
        model = self.models.get(role)
        return ModelCards(named=() if model is None else (ModelCard(id=model.name, provider="given"),))

    async def open(self, role: Role, card: ModelCard, asked_as: str) -> Model:  # noqa: ARG002  the contract's
        """See ``ModelRegistry.open``."""
        return self.models[role]

    def health(self, cards: Sequence[ModelCard]) -> Mapping[str, Health]:  # noqa: ARG002  the contract's
        """See ``ModelRegistry.health``."""
        return {}

    def failures(self) -> Mapping[str, str]:
        """See ``ModelRegistry.failures``."""
        return {}

    def as_one(self, models: tuple[Model, ...]) -> Model:
        """See ``ModelRegistry.as_one``."""
        return models[0]


def around_endpoint(
    client: Model, *, tracer: Tracer | None, content: bool, tokenizer: TokenCounter | None
) -> tuple[ContextWindow, CircuitBreaker]:
    """What stands around a client for as long as it is open; the circuit breaker says how the endpoint is."""
    traced = Instrumented(model=client, tracer=tracer or default_tracer(), content=content)
    breaker = CircuitBreaker(model=traced)
    return ContextWindow(model=breaker, tokenizer=tokenizer), breaker


def around_choice(
    model: Model,
    *,
    ledger: Ledger,
    price: Price,
    quotas: Sequence[CountedQuota],
    counters: Counters,
    decisions: Decisions,
    why: Callable[[], CallReason],
    now: Callable[[], datetime],
) -> UsageLogged:
    """What stands around an open model for one run: its part of the budget, its quotas, its row."""
    model = Budgeted(model=model, ledger=ledger, price=price)
    for quota in quotas:
        model = Quota(
            model=model,
            limits=quota.limits,
            counters=counters,
            counted_as=quota.name,
            called=quota.called,
            clock=lambda: now().timestamp(),
        )
    return UsageLogged(model=model, decisions=decisions, why=why, clock=now)


def as_one(models: Sequence[Model], persistence: Persistence) -> Retry:
    """These models as one, best first: the next one at once, and again only when none answered."""
    # Cut before they are joined: each fallback costs time of the same deadline.
    asked = tuple(models[: 1 + persistence.fallbacks])
    return Retry(
        model=asked[0] if len(asked) == 1 else Fallback(models=asked),
        attempts=persistence.attempts,
        first_pause_s=persistence.first_pause_s,
        longest_pause_s=persistence.longest_pause_s,
    )
