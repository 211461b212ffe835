"""Dialect of an endpoint: what it does not understand, from the way it refuses. Pure."""

import re
from dataclasses import replace

from models.clients.contract import Dialect, Structured

_FORM = re.compile(
    r"response_format|json_schema|json_object|json mode|structured|guided|grammar|schema|strict", re.IGNORECASE
)
_TOOLS = re.compile(r"tool|function", re.IGNORECASE)
_SCHEMA_IS_TOO_MUCH = re.compile(
    r"invalid schema|strict|additionalProperties|is not permitted|'required'", re.IGNORECASE
)
_LIMIT = re.compile(r"max_(completion_)?tokens", re.IGNORECASE)
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


def relax(dialect: Dialect, message: str) -> Dialect | None:
    """Return the dialect to try after the endpoint refused with ``message``; None: it is not about the dialect."""
    if _SYSTEM.search(message) and dialect.system:
        return replace(dialect, system=False)
    if _USAGE.search(message) and dialect.stream_usage:
        return replace(dialect, stream_usage=False)
    if _TEMPERATURE.search(message) and dialect.temperature:
        return replace(dialect, temperature=False)
    if _LIMIT.search(message) and dialect.limit == "max_tokens":
        return replace(dialect, limit="max_completion_tokens")
    about = _TOOLS if dialect.structured == "tools" else _FORM
    if about.search(message) and (plainer := _plainer(dialect.structured, message)):
        return replace(dialect, structured=plainer)
    return None


def without_tools(dialect: Dialect) -> Dialect:
    """Return the dialect for an endpoint that answered in words: where it was offered a tool, it does not know any."""
    return replace(dialect, structured="text") if dialect.structured == "tools" else dialect
