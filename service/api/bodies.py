"""JSON that no database takes is refused at the door: NaN, Infinity, NUL and half characters.

Python's parser reads all of them. A NaN that got into a JSON column makes SQLite refuse every later search
over it, and PostgreSQL takes neither: one client's oddity would be everybody's error.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, cast

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem
from service.refusals import refuse

ODD = re.compile(rb"NaN|Infinity|[0-9][eE]\+?[0-9]{3}|\\u0000|\\u[dD][89a-fA-F]")
"""A body without any of these is fine; one with them is read to know."""


@dataclass(frozen=True, slots=True)
class PlainJson:
    """An ASGI application around another one. Bodies only: answers stream through untouched."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer 422."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await problem(_no("The address holds a NUL."), instance=scope["path"])(scope, receive, send)
            return
        if "json" not in Headers(scope=scope).get("content-type", ""):
            await self.app(scope, receive, send)
            return
        messages, body = await _whole(receive)
        if ODD.search(body) and (what := _odd(body)):
            await problem(_no(f"The body holds {what}."), instance=scope["path"])(scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self.app(scope, again, send)


async def _whole(receive: Receive) -> tuple[list[Message], bytes]:
    messages, pieces = list[Message](), list[bytes]()
    while not messages or (messages[-1]["type"] == "http.request" and messages[-1].get("more_body")):
        messages.append(await receive())
        pieces.append(messages[-1].get("body", b""))
    return messages, b"".join(pieces)


def _odd(body: bytes) -> str:
    """What is wrong with it; empty: nothing, or it is no JSON at all, which is for others to say."""
    try:
        return _found(json.loads(body))
    except (ValueError, RecursionError):
        return ""


def _found(value: Any) -> str:
    match value:
        case float() if not math.isfinite(value):
            return "a number that is not finite"
        case str() if "\0" in value:
            return "a NUL"
        case str() if any("\ud800" <= letter <= "\udfff" for letter in value):
            return "half a character"
        case dict():
            pairs = cast("dict[str, Any]", value).items()
            return next((what for pair in pairs for part in pair if (what := _found(part))), "")
        case list():
            return next((what for part in cast("list[Any]", value) if (what := _found(part))), "")
        case _:
            return ""


def _no(message: str) -> Any:
    return refuse("request_invalid", message)
