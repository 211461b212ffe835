"""Embedding client: vectors of texts, from an endpoint that embeds (``POST /v1/embeddings``)."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite

import httpx
from opentelemetry import trace

from domain import Unavailable
from models.clients.contract import ModelEndpoint
from models.clients.http import http_client

PATIENCE_S = 10.0


async def embed(endpoint: ModelEndpoint, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """Return one vector for each text.

    Raises:
        Unavailable: the endpoint did not answer with that many vectors.
    """
    try:
        async with http_client(endpoint, timeout_s=PATIENCE_S) as client:
            answer = await client.post("embeddings", json={"model": endpoint.model, "input": list(texts)})
        # The protocol promises an index, not an order.
        data = sorted(answer.json()["data"], key=lambda each: each["index"])
        vectors = [tuple(float(number) for number in each["embedding"]) for each in data]
    except (httpx.HTTPError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise _none(endpoint) from error
    # Vectors of several lengths cannot be compared.
    if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
        raise _none(endpoint)
    # One NaN makes each comparison false, and with it the choice arbitrary.
    if not all(isfinite(number) for vector in vectors for number in vector):
        raise _none(endpoint)
    return vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedder:
    """Vectors of an endpoint, each text asked for once (D4): the same model has the same vector for it for ever.

    The ``most`` texts that were used last are held in this process, by their hash.
    """

    endpoint: ModelEndpoint
    most: int = 2_000
    vectors: OrderedDict[bytes, Sequence[float]] = field(
        default_factory=OrderedDict[bytes, Sequence[float]], repr=False
    )

    async def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See ``embed``."""
        names = [hashlib.sha256(text.encode(errors="replace")).digest() for text in texts]
        # By hash: texts may be long, and are not needed again.
        new = {name: text for name, text in zip(names, texts, strict=True) if name not in self.vectors}
        counts = {"app.cache.hit": len(set(names)) - len(new), "app.cache.miss": len(new)}
        trace.get_current_span().add_event("cache", {"app.cache.kind": "embeddings", **counts})
        fresh = dict(zip(new, await embed(self.endpoint, list(new.values())), strict=True)) if new else {}
        by_name = {name: fresh.get(name) or self.vectors[name] for name in names}
        for name, vector in by_name.items():
            self.vectors[name] = vector
            self.vectors.move_to_end(name)
        while len(self.vectors) > self.most:
            self.vectors.popitem(last=False)
        return [by_name[name] for name in names]


def _none(endpoint: ModelEndpoint) -> Unavailable:
    return Unavailable(
        f"{endpoint.base_url} does not embed with {endpoint.model}.",
        hint="Set SIGNOFF_MODEL_EMBEDDING to a model that it serves for embedding.",
    )
