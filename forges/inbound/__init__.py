"""What a forge sends, read and judged: payloads as events, comments as requests, and the policy of both. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from domain.configuration import explained
from forges.inbound.events import (
    Asked,
    Closed,
    EventPlace,
    Failed,
    ForgeEvent,
    Ignored,
    Reviewed,
    Voted,
    event_json,
    event_of,
)
from forges.inbound.policy import OLDEST, OURS, RANKS, Admitted, AllowedRepository, ForgeHook, admit, ensure_timely
from forges.inbound.requests import first_request, later_request, log_request


def parsed(kind: str, headers: Mapping[str, str], payload: Any, hook: ForgeHook) -> ForgeEvent | Ignored:
    """What a verified payload of a ``github`` or a ``gitlab`` means. Raises ``hook_invalid``."""
    # Every command reads the policy; only a server that is sent a hook needs a parser of Markdown and of payloads.
    from forges.inbound.payload import invalid  # noqa: PLC0415

    if kind == "github":
        from forges.inbound.github import parse_github as parse  # noqa: PLC0415
    else:
        from forges.inbound.gitlab import parse_gitlab as parse  # noqa: PLC0415
    try:
        return parse(headers, payload, mention=hook.mention, label=hook.label)
    except ValidationError as error:
        # Of an event: a number or a commit that is none.
        raise invalid(explained(error, most=3)) from None


__all__ = [
    "OLDEST",
    "OURS",
    "RANKS",
    "Admitted",
    "AllowedRepository",
    "Asked",
    "Closed",
    "EventPlace",
    "Failed",
    "ForgeEvent",
    "ForgeHook",
    "Ignored",
    "Reviewed",
    "Voted",
    "admit",
    "ensure_timely",
    "event_json",
    "event_of",
    "first_request",
    "later_request",
    "log_request",
    "parsed",
]
