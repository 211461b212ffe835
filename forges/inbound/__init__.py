"""What a forge sends, read and judged: payloads as events, comments as requests, and the policy of both. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import ValidationError

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
from forges.inbound.github import parse_github
from forges.inbound.gitlab import parse_gitlab
from forges.inbound.payload import invalid
from forges.inbound.policy import OLDEST, OURS, RANKS, Admitted, AllowedRepository, ForgeHook, admit, ensure_timely
from forges.inbound.requests import first_request, later_request, log_request

PARSERS: Final[Mapping[str, Callable[..., ForgeEvent | Ignored]]] = {"github": parse_github, "gitlab": parse_gitlab}
"""By the kind of the forge: headers and payload, ``mention=`` and ``label=`` → what it means."""


def parsed(kind: str, headers: Mapping[str, str], payload: Any, hook: ForgeHook) -> ForgeEvent | Ignored:
    """What a verified payload means. Raises ``hook_invalid``."""
    try:
        return PARSERS[kind](headers, payload, mention=hook.mention, label=hook.label)
    except ValidationError as error:
        # Of an event: a number or a commit that is none.
        raise invalid("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])) from None


__all__ = [
    "OLDEST",
    "OURS",
    "PARSERS",
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
