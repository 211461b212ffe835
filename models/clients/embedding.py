"""Embedding client: vectors of texts, from an endpoint that embeds (``POST /v1/embeddings``)."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Protocol

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


class VectorStore(Protocol):
    """Keeps vectors by a key, longer than this process."""

    async def get(self, keys: Sequence[str]) -> dict[str, Sequence[float]]:
        """Return those that are kept."""
        ...

    async def put(self, vectors: Mapping[str, Sequence[float]]) -> None: ...

    async def made_before(self, moment: float, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that are not kept, or were made before ``moment`` (seconds since 1970)."""
        ...

    async def trim(self, *, used_since: float, most: int) -> None: ...

    async def count(self) -> int: ...

    async def clear(self) -> int: ...


AT_ONCE = 100
"""Texts of one request when vectors are rebuilt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedder:
    """Vectors of an endpoint, each text asked for once (D4): the same model has the same vector for it for ever.

    The ``most`` texts that were used last are held in this process, by their hash; all of them where there is a store.
    """

    endpoint: ModelEndpoint
    most: int = 2_000
    store: VectorStore | None = None
    vectors: OrderedDict[bytes, Sequence[float]] = field(
        default_factory=OrderedDict[bytes, Sequence[float]], repr=False
    )

    async def __call__(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """See ``embed``."""
        names = [hashlib.sha256(text.encode(errors="replace")).digest() for text in texts]
        # By hash: texts may be long, and are not needed again.
        new = {name: text for name, text in zip(names, texts, strict=True) if name not in self.vectors}
        fresh, asked = await self._made(new) if new else ({}, 0)
        by_name = {name: fresh[name] if name in fresh else self.vectors[name] for name in names}
        # An endpoint that changed its model under the same name has other lengths: all are asked for anew.
        if len({len(vector) for vector in by_name.values()}) > 1:
            by_name = await self._asked(dict(zip(names, texts, strict=True)))
            asked = len(by_name)
        counts = {"app.cache.hit": len(by_name) - asked, "app.cache.miss": asked}
        trace.get_current_span().add_event("cache", {"app.cache.kind": "embeddings", **counts})
        for name, vector in by_name.items():
            self.vectors[name] = vector
            self.vectors.move_to_end(name)
        while len(self.vectors) > self.most:
            self.vectors.popitem(last=False)
        return [by_name[name] for name in names]

    async def rebuild(self, texts: Sequence[str], *, made_before: float) -> int:
        """Ask anew for vectors that were made before then; how many. Raises ``Unavailable``."""
        if self.store is None:
            return 0
        by_key = {self._key(text): text for text in texts}
        due = sorted(await self.store.made_before(made_before, [*by_key]))
        for start in range(0, len(due), AT_ONCE):
            keys = due[start : start + AT_ONCE]
            batch = [by_key[key] for key in keys]
            vectors = await embed(self.endpoint, batch)
            await self.store.put(dict(zip(keys, vectors, strict=True)))
            for text, vector in zip(batch, vectors, strict=True):
                if (name := hashlib.sha256(text.encode(errors="replace")).digest()) in self.vectors:
                    self.vectors[name] = vector
        return len(due)

    async def _made(self, texts: Mapping[bytes, str]) -> tuple[dict[bytes, Sequence[float]], int]:
        """Vectors from the store, from the endpoint where it has none, and how many those are."""
        keys = {name: self._key(text) for name, text in texts.items()}
        kept = await self.store.get([*keys.values()]) if self.store is not None else {}
        made = await self._asked({name: text for name, text in texts.items() if keys[name] not in kept})
        return {name: made[name] if name in made else kept[keys[name]] for name in texts}, len(made)

    async def _asked(self, texts: Mapping[bytes, str]) -> dict[bytes, Sequence[float]]:
        """Vectors from the endpoint; the store has them from now on."""
        if not texts:
            return {}
        made = dict(zip(texts, await embed(self.endpoint, [*texts.values()]), strict=True))
        if self.store is not None:
            await self.store.put({self._key(texts[name]): vector for name, vector in made.items()})
        return made

    def _key(self, text: str) -> str:
        """Of a text and who embeds it: another model has other vectors."""
        parts = (self.endpoint.base_url, self.endpoint.model or "", text)
        return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()


def _none(endpoint: ModelEndpoint) -> Unavailable:
    return Unavailable(
        f"{endpoint.base_url} does not embed with {endpoint.model}.",
        hint="Set SIGNOFF_MODEL_EMBEDDING to a model that it serves for embedding.",
    )
