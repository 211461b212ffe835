"""Tokenizer client: the model's own, where its endpoint lends it (vLLM: ``POST /tokenize``).

Of a local server that lends none at least the context is learned: Ollama cuts what does not fit without a word.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from domain import value
from models.clients.bounded import PLAIN, bounded_hooks
from models.clients.contract import ModelEndpoint, wire_messages, wire_tools
from models.clients.local_servers import loaded
from models.contract import Message, Tool

PATIENCE_S = 5.0


@value
class TokenCount:
    """Tokens of a conversation as the endpoint counts them, and how many it serves."""

    tokens: int | None
    """None: it does not count, and says only how many it serves."""
    served: int | None = None


class TokenCounter(Protocol):
    """Counts exactly, or says that it cannot."""

    async def count(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> TokenCount | None: ...


@dataclass(slots=True)
class _Lent:
    """False once the endpoint lends no tokenizer."""

    yes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """See ``TokenCounter``. An endpoint without one is asked once and never again."""

    client: httpx.AsyncClient
    url: str
    model: str
    lent: _Lent = field(default_factory=_Lent, repr=False, compare=False)

    async def count(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> TokenCount | None:
        """See ``TokenCounter.count``; None where there is no tokenizer, or no answer."""
        if not self.lent.yes:
            return None
        body = {"model": self.model, "messages": wire_messages(messages)}
        try:
            answer = await self.client.post(self.url, json=body | ({"tools": wire_tools(tools)} if tools else {}))
        except httpx.HTTPError:
            return None  # whether the endpoint is there is found out by the one that asks it
        try:
            body = answer.json()
            served = body.get("max_model_len")
            return TokenCount(tokens=int(body["count"]), served=served if isinstance(served, int) else None)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            self.lent.yes = answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
        if self.lent.yes or self.url.startswith("https://"):
            return None
        local = await loaded(self.client, self.url.removesuffix("/tokenize"), self.model, load=False)
        return TokenCount(tokens=None, served=local.context) if local.context else None


@asynccontextmanager
async def open_tokenizer(endpoint: ModelEndpoint) -> AsyncGenerator[Tokenizer | None]:
    """Open the tokenizer of an endpoint; None for one whose model is not known by name."""
    if endpoint.model is None or not endpoint.base_url.startswith(("http://", "https://")):
        yield None
        return
    key = endpoint.api_key.get_secret_value() if endpoint.api_key else "none"
    async with httpx.AsyncClient(
        timeout=PATIENCE_S, headers={**PLAIN, "authorization": f"Bearer {key}"}, event_hooks=bounded_hooks()
    ) as client:
        url = endpoint.base_url.rstrip("/").removesuffix("/v1") + "/tokenize"
        yield Tokenizer(client=client, url=url, model=endpoint.model)
