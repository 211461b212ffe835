"""Dialect downgrade: what an endpoint is not asked for again after it refused, by the words of its refusal. Pure."""

import re
from dataclasses import replace
from typing import Any

from models.clients.contract import Dialect, Structured, ToolOffer

# What an endpoint does not understand, from the way it refuses.
_FORM = re.compile(
    r"response_format|json_schema|json_object|json mode|structured|guided|grammar|schema|strict", re.IGNORECASE
)
_TOOLS = re.compile(r"tool|function", re.IGNORECASE)
_SCHEMA_IS_TOO_MUCH = re.compile(
    r"invalid schema|strict|additionalProperties|is not permitted|'required'", re.IGNORECASE
)
_LIMIT = re.compile(r"max_(completion_)?tokens", re.IGNORECASE)
_ONE_CALL = re.compile(r"parallel_tool_calls", re.IGNORECASE)
_MUST_CALL = re.compile(r"tool_choice|required", re.IGNORECASE)
_USAGE = re.compile(r"stream_options|include_usage", re.IGNORECASE)
_TEMPERATURE = re.compile(r"temperature", re.IGNORECASE)
_SYSTEM = re.compile(
    r"system (role|message|prompt|instruction)s?\b.{0,20}\bnot (supported|allowed|enabled)"
    r"|not support\w* (the )?system|roles must alternate user/assistant",
    re.IGNORECASE,
)
_PLAINER: dict[Structured, Structured] = {
    "strict": "json_object",
    "json_schema": "json_object",
    "json_object": "tools",
    "tools": "text",
}
"""The next plainer way to ask for an answer of a given form; below words there is none."""


def relax(dialect: Dialect, message: str, offer: ToolOffer | None = None) -> Dialect | None:
    """Return the dialect to try after the endpoint refused with ``message``; None: it is not about the dialect.

    ``offer``: the tools that it was offered.
    """
    refused: tuple[tuple[bool, re.Pattern[str], dict[str, Any]], ...] = (
        (offer is not None and dialect.one_call, _ONE_CALL, {"one_call": False}),
        (offer is not None and offer.choice == "required" and dialect.must_call, _MUST_CALL, {"must_call": False}),
        (dialect.system, _SYSTEM, {"system": False}),
        (dialect.stream_usage, _USAGE, {"stream_usage": False}),
        (dialect.temperature, _TEMPERATURE, {"temperature": False}),
        (dialect.limit == "max_tokens", _LIMIT, {"limit": "max_completion_tokens"}),
    )
    for can_do_without, pattern, change in refused:
        if can_do_without and pattern.search(message):
            return replace(dialect, **change)
    about = _TOOLS if dialect.structured == "tools" else _FORM
    if offer is not None or not about.search(message):
        return None
    # Who takes schemas, if not this strict one, still holds the answer to its form: that is worth one more question.
    if dialect.structured == "strict" and _SCHEMA_IS_TOO_MUCH.search(message):
        return replace(dialect, structured="json_schema")
    plainer = _PLAINER.get(dialect.structured)
    return None if plainer is None else replace(dialect, structured=plainer)
