"""The one decoder of request bodies: a JSON body that two parsers could read differently does not come in.

It stands before every route, whatever the body is called, so that no spelling of a content type leads past it.
What it lets through is UTF-8 without NULs, which FastAPI's own parser reads as UTF-8, too, to the same value.
"""

from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain import ODD_TEXT, OddJson, Refused, read_json
from service.api.problems import problem
from service.refusals import refuse

ODD = ODD_TEXT
RAW = ("/v1/hooks/", "/a/")
"""Their routes take bytes and read them themselves: signed web hooks, and the form of the confirm page."""
CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})


@dataclass(frozen=True, slots=True)
class PlainJson:
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
        messages, body = await _whole(receive)
        if body:
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
            return messages.pop(0) if messages else await receive()

        await self.app(scope, again, send)


async def _whole(receive: Receive) -> tuple[list[Message], bytes]:
    messages, parts = list[Message](), list[bytes]()
    while not messages or (messages[-1]["type"] == "http.request" and messages[-1].get("more_body")):
        messages.append(await receive())
        parts.append(messages[-1].get("body", b""))
    return messages, b"".join(parts)


def _ensure_json(types: list[str]) -> None:
    """Raise ``media_type_unsupported`` unless the header says, once, that this is JSON in UTF-8."""
    said = types[0] if len(types) == 1 else ""
    kind, *parameters = (part.strip().lower() for part in said.split(";"))
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        raise refuse("media_type_unsupported", "A body is JSON here, and says so.")
    for parameter in parameters:
        name, _, charset = parameter.partition("=")
        if name.strip() == "charset" and charset.strip().strip("\"'") not in CHARSETS:
            raise refuse("media_type_unsupported", "JSON is UTF-8 here.")
