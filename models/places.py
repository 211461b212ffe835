"""Where models are served, by the settings and by the catalogue, and what each place is called. Pure."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from pydantic import SecretStr

from models.cards import ModelCard
from models.catalogue import Catalogue
from models.contract import Role
from models.huggingface import SCHEME
from models.vendors import vendor_of
from models.wire import Endpoint

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
