"""Errors of model endpoints: what a failure means, as an error that says who can act. Pure."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from domain import ContextTooLong, RateLimited, Refused, SignoffError, Unavailable, Unreadable
from domain.text import json_value, whole_number

_CONTEXT = re.compile(
    r"context_length_exceeded|maximum context length|context (window|size|length)|exceed_context_size"
    r"|prompt is too long|input is too long|longer than the maximum model length|too many tokens"
    r"|max_tokens must be at least 1|max_model_len",
    re.IGNORECASE,
)
_LENGTHS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"maximum context length (?:is|of) (\d+)",
        r"maximum model length (?:is |of )?\(?(\d+)",
        r"context (?:window|size|length)\D{0,30}(\d+)",
        r"(?:n_ctx|max_model_len)\D{0,5}(\d+)",
    )
)
_NO_TOOLS = re.compile(
    r"not (currently )?support (tools?|tool.?(use|calls?|calling)|function.?call)|support(s|ing)? tool use"
    r"|tools?.{0,20} (is|are) not supported|tools? param requires|requires? --(enable-auto-tool-choice|jinja)"
    r"|tool.?choice.{0,40}requires|unrecognized.{0,30}\btools\b|\btools\b.{0,30}(extra|not permitted|unexpected)",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(r"chat.?template", re.IGNORECASE)
_NO_MONEY = re.compile(
    r"insufficient[_ ](quota|credits?|balance|funds)|exceeded your current quota|billing|credit balance", re.IGNORECASE
)
_NO_ROUTE = re.compile(r"unexpected endpoint or method|unknown (url|route|endpoint)|no such route", re.IGNORECASE)
"""LM Studio and proxies say so with status 200, above all where ``/v1`` is missing from the address."""
_MALFORMED = re.compile(r"\bvalidation errors?\b.{0,200}'loc'", re.IGNORECASE | re.DOTALL)
"""llama-cpp-python's server says with 500 that it does not know a field or its value."""
_LATER = frozenset({408, 409, 423, 425})
_TOO_LARGE = 413
LARGEST = 16 << 20
"""Bytes of one answer; no model writes as much."""
SOON_S = 30.0
"""A run does not wait longer than this."""


def error_text(body: bytes) -> str:
    """The message of an error's body, in the forms that servers use."""
    text = body.decode(errors="replace").strip()
    try:
        whole = json_value(text)
    except ValueError:
        return text or "no reason given"
    error = whole.get("error", whole) if isinstance(whole, dict) else whole
    words = (error.get("message") or error.get("detail") or error) if isinstance(error, dict) else error
    code = error.get("code") if isinstance(error, dict) else None
    return f"{words} ({code})" if isinstance(code, str) else str(words)


def served_length(message: str) -> int | None:
    """Return the context length that a refusal names, in tokens."""
    return next((whole_number(match[1]) for pattern in _LENGTHS if (match := pattern.search(message))), None)


def retry_after(header: str | None, *, now: datetime) -> float | None:
    """Seconds to wait, from a ``Retry-After`` header: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())


def too_long(message: str) -> ContextTooLong:
    """The prompt does not fit."""
    served = served_length(message)
    limit = f" {served} tokens" if served else ""
    return ContextTooLong(
        f"The prompt does not fit the context of the model{limit and f' ({limit.strip()})'}: {message}",
        max_tokens=served,
        hint="Serve the model with a longer context (vLLM: --max-model-len), or give it less to read.",
    )


def likely_status(message: str) -> int:
    """The HTTP status that an error with status 200 stands for, where its words say who can act; else 500."""
    if _NO_ROUTE.search(message):
        return 404
    return 402 if _NO_MONEY.search(message) else 500


def refusal(status: int, message: str, *, where: str, retry_after_s: float | None = None) -> SignoffError:
    """Return the error for an HTTP status; ``message`` is the endpoint's own, ``where`` names it."""
    if status >= 500 and _MALFORMED.search(message):  # noqa: PLR2004
        status = 400
    if status in {401, 403}:
        return Refused(
            f"{where} does not accept the key: {message}",
            code="llm_unauthorized",
            hint="Set SIGNOFF_MODEL_API_KEY to a key that this endpoint accepts.",
        )
    if status == 404:  # noqa: PLR2004  the number is the word
        return Refused(
            f"{where} does not know this model or address: {message}",
            code="llm_unknown_model",
            hint="`signoff doctor` lists what is served; set SIGNOFF_MODEL to one of them, "
            "and SIGNOFF_MODEL_BASE_URL to an address that ends with /v1.",
        )
    # OpenAI says 429 for an empty account, too: waiting does not fill it.
    if status == 402 or (status == 429 and _NO_MONEY.search(message)):  # noqa: PLR2004
        return Refused(
            f"{where}: the account has no credit left: {message}",
            code="llm_no_credit",
            hint="Top up the account, or choose another endpoint.",
        )
    if status == 429:  # noqa: PLR2004
        hint = "It is tried again."
        if retry_after_s is not None and retry_after_s > SOON_S:
            minutes = retry_after_s / 60
            wait = f"{retry_after_s:.0f} s" if minutes < 2 else f"{minutes:.0f} min"  # noqa: PLR2004  read at a glance
            hint = f"It says that it answers again in {wait}. Go on then: signoff resume RUN"
        return RateLimited(f"{where} asks to slow down: {message}", retry_after=retry_after_s, hint=hint)
    # Servers send it with 400, 413 or 422: only its words say that it is the length.
    if status == _TOO_LARGE or (400 <= status < 500 and _CONTEXT.search(message)):  # noqa: PLR2004
        return too_long(message)
    if status >= 500 or status in _LATER:  # noqa: PLR2004
        return Unavailable(f"{where} failed with {status}: {message}", hint="See the log of the model server.")
    hint = "The endpoint does not understand what we send; see docs/model-protocol.md."
    if _TEMPLATE.search(message):
        hint = "Serve the model with its chat template (vLLM: --chat-template FILE), or its Instruct variant."
    return Refused(f"{where} refused the request ({status}): {message}", code="llm_bad_request", hint=hint)


def refuses_tools(error: SignoffError) -> bool:
    """Whether an endpoint refused because tools were offered; some say so with 404 or 500."""
    return _NO_TOOLS.search(error.message) is not None


def no_tools(where: str, why: str) -> Refused:
    """The endpoint takes no tools."""
    return Refused(
        f"{where} takes no tools: {why}",
        code="llm_no_tools",
        hint="Serve it with tool calling (vLLM: --enable-auto-tool-choice --tool-call-parser NAME; llama.cpp: "
        "--jinja), or set its dialect to `text` in the catalogue; `signoff models probe` finds out which it speaks.",
    )


def endless(where: str) -> Unreadable:
    """It does not stop."""
    return Unreadable(
        f"{where} sends more than {LARGEST >> 20} MB for one answer, or a line without an end.",
        code="llm_endless",
        hint="See the log of the model server: it does not keep to max_tokens.",
    )


def unreachable(where: str, why: str) -> Unavailable:
    """The endpoint does not answer."""
    return Unavailable(f"{where} cannot be reached: {why}", hint=way_there(why))


def way_there(why: str) -> str:
    """What to do about an endpoint that cannot be reached."""
    if "CERTIFICATE_VERIFY_FAILED" in why:
        return "Nothing here trusts its certificate: set SSL_CERT_FILE to a PEM file with it, or with who signed it."
    return "Is the model server running, and is SIGNOFF_MODEL_BASE_URL its address?"
