"""Vectors of texts, from an endpoint that embeds (``POST /v1/embeddings``, as vLLM and OpenAI have it)."""

from collections.abc import Sequence

import httpx

from domain import Unavailable
from models.wire import Endpoint

PATIENCE_S = 10.0


async def embedded(endpoint: Endpoint, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """Return one vector for each text.

    Raises:
        Unavailable: the endpoint did not answer with that many vectors.
    """
    key = endpoint.api_key.get_secret_value() if endpoint.api_key else "none"
    url = f"{endpoint.base_url.rstrip('/')}/embeddings"
    try:
        async with httpx.AsyncClient(timeout=PATIENCE_S, headers={"authorization": f"Bearer {key}"}) as client:
            answer = await client.post(url, json={"model": endpoint.model, "input": list(texts)})
        data = sorted(answer.json()["data"], key=lambda each: each["index"])
        vectors = [tuple(float(number) for number in each["embedding"]) for each in data]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise _none(endpoint) from error
    if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1:
        raise _none(endpoint)
    return vectors


def _none(endpoint: Endpoint) -> Unavailable:
    return Unavailable(f"{endpoint.base_url} does not embed with {endpoint.model}.",
                       hint="Set SIGNOFF_MODEL_EMBEDDING to a model that it serves for embedding.")  # fmt: skip
