"""How a run ended that a model, a quota or a budget stopped: as the HTTP error that its own API would give (B8)."""

from collections.abc import Mapping
from typing import Any, Final

from domain import ContextTooLong, Exhausted, RateLimited, Refused, SignoffError, Unavailable, Unreadable

KINDS: Final[Mapping[str, type[SignoffError]]] = {
    error.code: error for error in (Unavailable, RateLimited, Unreadable, ContextTooLong, Exhausted)
}
REFUSALS: Final = ("llm_", "quota_reached", "policy_forbids_all")
"""Codes, or what they begin with, of a request that no model was or could be asked."""


def by_model(code: str) -> bool:
    """Whether a run with this code could go no further because of a model, a quota or a budget."""
    return code in KINDS or code.startswith(REFUSALS)


def stopped_by_model(values: Mapping[str, Any]) -> SignoffError | None:
    """The error behind the final values of a run; None: it ended otherwise."""
    told = values.get("__error__")
    if not isinstance(told, dict):
        return None
    code, message, hint = str(told.get("error", "")), str(told.get("message", "")), str(told.get("hint", ""))
    match KINDS.get(code):
        case kind if kind is RateLimited:
            return RateLimited(message, retry_after=told.get("retry_after"), hint=hint)
        case kind if kind is ContextTooLong:
            return ContextTooLong(message, max_tokens=told.get("max_tokens"), hint=hint)
        case None:
            return Refused(message, code=code, hint=hint) if by_model(code) else None
        case kind:
            return kind(message, hint=hint)
