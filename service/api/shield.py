"""Stands before every route: security headers, the size of a body, the rate of an address."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain import SignoffError
from service.api.problems import problem
from service.refusals import refuse

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
FREE = frozenset({"/ok", "/healthz", "/readyz"})
"""Probes of an orchestrator are not counted."""


@dataclass(frozen=True, slots=True)
class Shield:
    """An ASGI application around another one. It never buffers, so streams stay streams."""

    app: ASGIApp
    most_bytes: int
    admit: Callable[[str], Awaitable[None]]
    """Raises when this address asked too often."""

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
                    out.setdefault(name, value)
                out.setdefault("x-request-id", request_id)
            await send(message)

        try:
            if scope["path"] not in FREE:
                await self.admit((scope.get("client") or ("unknown", 0))[0])
            length = headers.get("content-length", "")
            if length.isdecimal() and (len(length) > _DIGITS or int(length) > self.most_bytes):
                raise refuse("body_too_large", f"A request may have {self.most_bytes} bytes.")
            await self.app(scope, _counted(receive, self.most_bytes), dressed)
        except SignoffError as no:
            await problem(no, instance=scope["path"])(scope, receive, dressed)


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
