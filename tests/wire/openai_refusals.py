"""What any real endpoint would say no to."""

from typing import Protocol

from tests.wire.openai_answers import Answer, Received, error


class Served(Protocol):
    """What an endpoint serves, and how."""

    models: tuple[str, ...]
    max_model_len: int
    supports: tuple[str, ...]
    refuses: tuple[str, ...]


def refused(request: Received, served: Served, tokens: int) -> Answer | None:
    """Say no; None where there is nothing to say no to. ``tokens``: of the prompt."""
    body = request.body
    if body.get("model") not in served.models:
        return error(404, f"The model `{body.get('model')}` does not exist.", "model_not_found")
    kind = (body.get("response_format") or {}).get("type", "text")
    if kind not in {"text", *served.supports}:
        return error(400, f"'response_format' of type '{kind}' is not supported with this model.", None)
    if "tools" in body and "tools" not in served.supports:
        return error(400, "'tools' is not supported with this model.", None)
    for name in served.refuses:
        if name in body:
            return error(400, f"Unrecognized request argument supplied: {name}", None)
    if tokens > served.max_model_len:
        said = f"This model's maximum context length is {served.max_model_len} tokens. However, your request has {tokens} input tokens."  # noqa: E501
        return error(400, said, None)
    return None
