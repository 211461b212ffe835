"""ASGI middleware before every route: metrics, security headers, size of a body, rate of an address, strict JSON.

JSON that no database takes is refused here: NaN, Infinity, NUL and half characters. Python's parser reads all of
them. A NaN that got into a JSON column makes SQLite refuse every later search over it, and PostgreSQL takes neither:
one client's oddity would be everybody's error.
"""

import time
from dataclasses import dataclass
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain import Refused, SignoffError
from domain.text import ODD_TEXT, OddJson, read_json
from service.api.errors import problem
from service.errors import refuse

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}
"""Browsers heed the last one over HTTPS only, where a proxy ends TLS."""
_DIGITS = 18
"""Of a length that is worth reading; ``int`` refuses very long ones."""
FREE = frozenset({"/ok", "/health", "/healthz", "/readyz"})
"""Probes of an orchestrator are not counted."""


@dataclass(frozen=True, slots=True)
class SecurityMiddleware:
    """An ASGI application around another one. It never buffers, so streams stay streams."""

    app: ASGIApp
    most_bytes: int

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers, request_id = Headers(scope=scope), uuid4().hex

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                out = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    # A route may have set it itself: each is there once.
                    out.setdefault(name, value)
                out.setdefault("x-request-id", request_id)
                if warning := scope.get("state", {}).get("plan_warning"):
                    out["x-signoff-plan"] = warning
            await send(message)

        try:
            # Before the body is read and before anybody asks who it is: a flood costs one count a request.
            if scope["path"] not in FREE:
                address, _ = scope.get("client") or ("unknown", 0)
                await scope["app"].state.context.limiter.address(address)
            length = headers.get("content-length", "")
            if length.isdecimal() and (len(length) > _DIGITS or int(length) > self.most_bytes):
                raise refuse("body_too_large", f"A request may have {self.most_bytes} bytes.")
            await self.app(scope, _counted(receive, self.most_bytes), dressed)
        except SignoffError as no:
            await problem(no, instance=scope["path"])(scope, receive, dressed)


@dataclass(frozen=True, slots=True)
class MetricsMiddleware:
    """An ASGI application around another one: counts its answers, and how long each took to begin."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start" and not status:
                status = message["status"]
                count(status)
            await send(message)

        def count(status: int) -> None:
            # The template and not the path: ids would make a series each. What no route takes has none.
            route = getattr(scope.get("route"), "path", "")
            metrics = scope["app"].state.context.application.metrics
            metrics.answered(scope["method"], route, status, time.perf_counter() - began)

        try:
            await self.app(scope, receive, counted)
        except Exception:
            if not status:  # the server answers 500 by itself, outside of all middleware
                count(500)
            raise


def _counted(receive: Receive, most: int) -> Receive:
    """A body that came without its length is counted as it arrives."""
    seen = 0

    async def next_message() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise refuse("body_too_large", f"A request may have {most} bytes.")
        return message

    return next_message


ODD = ODD_TEXT
RAW = ("/v1/hooks/", "/a/", "/console/")
"""Their routes take bytes and read them themselves: signed web hooks, the forms of the confirm page and the console."""
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})


@dataclass(frozen=True, slots=True)
class StrictJsonMiddleware:
    """An ASGI application around another one. Bodies only: answers stream through untouched."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer 415 or 422."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        if "\0" in path or b"%00" in scope["query_string"]:
            no = refuse("request_invalid", "The address holds a NUL.")
            await problem(no, instance=path)(scope, receive, send)
            return
        if path.startswith(RAW):
            await self.app(scope, receive, send)
            return
        messages, parts = list[Message](), list[bytes]()
        while not messages or (messages[-1]["type"] == "http.request" and messages[-1].get("more_body")):
            messages.append(await receive())
            parts.append(messages[-1].get("body", b""))
        if body := b"".join(parts):
            try:
                _ensure_json(Headers(scope=scope).getlist("content-type"))
                read_json(body)
            except Refused as no:
                await problem(no, instance=path)(scope, receive, send)
                return
            except OddJson as odd:
                no = refuse("request_invalid", f"The body {odd}.")
                await problem(no, instance=path)(scope, receive, send)
                return

        async def again() -> Message:
            # Behind the body comes the connection itself: a client that leaves is still noticed.
            return messages.pop(0) if messages else await receive()

        await self.app(scope, again, send)


def _ensure_json(types: list[str]) -> None:
    """Raise ``media_type_unsupported`` unless the header says, once, that this is JSON in UTF-8."""
    header = types[0] if len(types) == 1 else ""
    kind, *parameters = (part.strip().lower() for part in header.split(";"))
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise refuse("media_type_unsupported", "A body is JSON here, and says so.")
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip().partition("*")[0] == "charset" and charset.strip().strip("\"'") not in CHARSETS:
            raise refuse("media_type_unsupported", "JSON is UTF-8 here.")
