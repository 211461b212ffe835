"""Problem details (RFC 9457): every error leaves with its stable code."""

import math
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from domain import ContextTooLong, SignoffError
from service.errors import PlanExhausted, refuse

MEDIA = "application/problem+json"
STATUS = {
    "run_not_found": 404,
    "step_unknown": 404,
    "run_ambiguous": 409,
    "run_busy": 409,
    "run_cancelled": 409,
    "lease_lost": 409,
    "nothing_to_refine": 409,
    "task_invalid": 422,
    "expert_unknown": 422,
}
"""Refusals of other rooms that HTTP has a better word for than 400."""
RETRY_S = 5
OPENAI = ("/v1/chat/", "/v1/models", "/v1/responses")
"""Routes whose clients read ``error`` and show its ``message``."""
MCP, JSON_RPC_REFUSED = "/mcp", -32_001
"""Its clients read an error of JSON-RPC, whose codes from -32000 to -32099 are a server's own."""


def for_clients(path: str, status: int, code: str, message: str, hint: str) -> dict[str, Any]:
    """What clients of other protocols read in an error: an extension member of RFC 9457 for everybody else. Pure."""
    text = f"{message} {hint}".strip()
    if path == MCP:
        fields = {"code": JSON_RPC_REFUSED, "message": f"{code}: {text}", "data": {"code": code, "hint": hint}}
        return {"jsonrpc": "2.0", "id": None, "error": fields}
    if path.startswith(OPENAI):
        kind = "server_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004
        return {"error": {"message": text, "type": kind, "param": None, "code": code, "hint": hint}}
    return {}


def problem(error: SignoffError, *, instance: str = "", **more: Any) -> Response:
    """The answer for an error of ours; ``more`` stands beside what every error says."""
    status = STATUS.get(error.stable_code, error.http_status)
    body: dict[str, Any] = {
        "type": f"urn:signoff:error:{error.stable_code}",
        "title": error.stable_code.replace("_", " "),
        "status": status,
        "detail": error.message,
        "code": error.stable_code,
        "hint": error.hint,
        "instance": instance,
        **more,
        **for_clients(instance, status, error.stable_code, error.message, error.hint),
    }
    headers: dict[str, str] = {}
    wait = getattr(error, "retry_after", None)
    # Both mean later, and clients want to know when.
    if status in {429, 503}:
        headers["retry-after"] = str(math.ceil(wait if wait is not None else RETRY_S))
    if isinstance(error, ContextTooLong):
        body["max_tokens"] = error.max_tokens
    if isinstance(error, PlanExhausted) and error.renews_at is not None:
        body["renews_at"] = error.renews_at.isoformat()
    if "error" in body and "thread_id" in more:  # clients show no more than this member: it says where to go on
        body["error"] |= more
    if status == 401:  # noqa: PLR2004
        headers["www-authenticate"] = "Bearer"
    media = "application/json" if instance == MCP else MEDIA  # its clients look into nothing else
    return JSONResponse(body, status, headers=headers, media_type=media)


def add_problems(app: FastAPI) -> None:
    """Have the application answer errors this way."""
    app.add_exception_handler(SignoffError, signoff_error)
    app.add_exception_handler(RequestValidationError, validation_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, unexpected_error)


async def signoff_error(request: Request, error: Exception) -> Response:
    """An error of ours, with its own code and hint."""
    assert isinstance(error, SignoffError)  # noqa: S101  registered for it
    return problem(error, instance=request.url.path)


async def validation_error(request: Request, error: Exception) -> Response:
    """Fields that are missing or of another kind: ``request_invalid``, with the first five of them."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for it
    what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
    return problem(refuse("request_invalid", f"The request is not valid: {what}"), instance=request.url.path)


async def http_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses, in our words: no such route, no such method, a body that cannot be read."""
    assert isinstance(error, HTTPException)  # noqa: S101  registered for it
    if isinstance(error.__cause__, SignoffError):  # FastAPI wraps what went wrong while it read the body
        return problem(error.__cause__, instance=request.url.path)
    if error.status_code == 404:  # noqa: PLR2004
        return problem(refuse("route_not_found", "There is nothing here."), instance=request.url.path)
    if error.status_code == 405:  # noqa: PLR2004
        answer = problem(refuse("method_not_allowed", "This method does nothing here."), instance=request.url.path)
        answer.headers.update(error.headers or {})
        return answer
    return problem(refuse("request_invalid", str(error.detail)), instance=request.url.path)


async def unexpected_error(request: Request, error: Exception) -> Response:
    """Our bug: its kind goes into the log, and nothing of it to the client."""
    structlog.get_logger("signoff.api").error("request failed", path=request.url.path, error=type(error).__name__)
    body: dict[str, Any] = {
        "type": "urn:signoff:error:bug",
        "title": "bug",
        "status": 500,
        "code": "bug",
        "instance": request.url.path,
        "detail": "This is our fault.",
        "hint": "Report it with the server's log.",
    }
    body |= for_clients(request.url.path, 500, "bug", body["detail"], body["hint"])
    return JSONResponse(body, 500, media_type=MEDIA)
