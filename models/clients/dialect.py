"""Dialect of an endpoint: what it does not understand, from the way it refuses. Pure."""

import re
from dataclasses import replace
from typing import Any

from models.clients.contract import Dialect, Structured, ToolOffer

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


def _plainer(structured: Structured, message: str) -> Structured | None:
    match structured:
        case "strict":
            return "json_schema" if _SCHEMA_IS_TOO_MUCH.search(message) else "json_object"
        case "json_schema":
            return "json_object"
        case "json_object":
            return "tools"
        case "tools":
            return "text"
        case "text":
            return None


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
    if offer is None and about.search(message) and (plainer := _plainer(dialect.structured, message)):
        return replace(dialect, structured=plainer)
    return None


def without_tools(dialect: Dialect) -> Dialect:
    """Return the dialect for an endpoint that answered in words: where it was offered a tool, it does not know any."""
    return replace(dialect, structured="text") if dialect.structured == "tools" else dialect
