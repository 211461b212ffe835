"""HTTP client of a forge's API: one origin, one token, bounded answers, and errors that say who can act.

The token is a header of requests to the API's own origin. A redirect is an error and not followed, but for logs, which
forges keep elsewhere: there the header stays behind.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from pydantic import SecretStr

from domain import RateLimited, Unavailable
from domain.errors import Conflict, Forbidden, Missing
from domain.text import OddJson, read_json
from forges.contract import GitAccess

LARGEST = 16 << 20
"""Bytes of one answer."""
TIMEOUT_S = 30.0
LOG_CHARS = 200_000
"""Of the end of one job's log."""
MOST_PAGES, PER_PAGE = 10, 100
TRIES = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LATER = frozenset({408, 425, 500, 502, 503, 504})

Token = Callable[[], Awaitable[str]]
Sleep = Callable[[float], Awaitable[None]]


class ForgeRateLimited(RateLimited):
    code = "forge_rate_limited"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """An answer that was no error; ``body`` is None where there was none."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeClient:
    """Asks one API. Only what changes nothing is tried again by itself."""

    name: str
    """Of the forge, as the configuration calls it: errors name it."""
    api: str
    http: httpx.AsyncClient
    token: Token = field(repr=False)
    """Asked anew for every request, because tokens of installations end."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    ca: str = ""
    """For git, as what ``http`` trusts, and the proxy."""
    proxy: str = field(default="", repr=False)
    sleep: Sleep = field(default=asyncio.sleep, repr=False)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)

    async def git_access(self, url: str, user: str) -> GitAccess:
        """How git gets in: the token is the password of ``user``."""
        pair = base64.b64encode(f"{user}:{await self.token()}".encode()).decode()
        return GitAccess(url=url, header=SecretStr(f"Authorization: Basic {pair}"), ca=self.ca, proxy=self.proxy)

    async def get(self, path: str, **query: Any) -> Any:
        return (await self.request("GET", path, query=query)).body

    async def find(self, path: str, **query: Any) -> Any | None:
        """None: there is no such thing, or the token may not see it."""
        try:
            return await self.get(path, **query)
        except Missing:
            return None

    async def pages(self, path: str, **query: Any) -> Sequence[Any]:
        """Every entry of a list, at most ``MOST_PAGES`` pages of it."""
        entries: list[Any] = []
        for page in range(1, MOST_PAGES + 1):
            part = await self.get(path, per_page=PER_PAGE, page=page, **query)
            entries += part if isinstance(part, list) else ()
            if not isinstance(part, list) or len(part) < PER_PAGE:
                break
        return entries

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        json: Any = None,
        authorization: str = "",
    ) -> ApiAnswer:
        """Ask. ``path`` is below the API's address, quoted already; ``authorization`` stands in place of the token.

        Raises:
            Unavailable, RateLimited, Refused: as ``contract.Forge`` says.
        """
        header = authorization or await self._bearer()
        for attempt in range(1, TRIES + 1):
            again = method == "GET" and attempt < TRIES
            try:
                response, body = await self._once(method, f"{self.api}{path}", query, json, header)
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if not again:
                    raise self._unavailable(type(error).__name__) from None  # its text may have the address
            else:
                if not (again and response.status_code in _LATER):
                    return self._read(response, body)
            await self.sleep(0.5 * 2**attempt)
        raise self._unavailable("no answer")

    async def text(self, path: str, most: int) -> str:
        """The end of a text that may lie elsewhere, as logs do: one redirect is followed, without the token."""
        header = await self._bearer()
        try:
            response, body = await self._once("GET", f"{self.api}{path}", None, None, header)
            if response.status_code in _REDIRECTS and (location := response.headers.get("location")):
                target = str(response.url.join(location))
                response, body = await self._once("GET", target, None, None, "")
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._unavailable(type(error).__name__) from None
        if response.is_success:
            return body.decode(errors="replace")[-most:]
        self._read(response, body)
        return ""

    async def _bearer(self) -> str:
        return f"Bearer {await self.token()}"

    async def _once(
        self, method: str, url: str, query: Mapping[str, Any] | None, json: Any, header: str
    ) -> tuple[httpx.Response, bytes]:
        headers = {"user-agent": "signoff", **self.headers, **({"authorization": header} if header else {})}
        async with self.http.stream(method, url, params=query or None, json=json, headers=headers) as response:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    raise Conflict(
                        f"{self.name} sent more than {LARGEST >> 20} MB.",
                        code="forge_refused",
                        hint="Ask for less: a log or a list of this length is not read.",
                    )
        return response, bytes(body)

    def _read(self, response: httpx.Response, body: bytes) -> ApiAnswer:
        status, headers = response.status_code, response.headers
        if response.is_success:
            try:
                return ApiAnswer(status=status, body=read_json(body) if body.strip() else None, headers=headers)
            except OddJson as odd:
                raise self._unavailable(f"its answer {odd}") from None
        raise self._error(status, _reason(body), headers)

    def _error(self, status: int, reason: str, headers: Mapping[str, str]) -> Exception:
        what = f"{self.name} answered {status}: {reason}"
        wait = _seconds(headers, self.clock())
        match status:
            case 401:
                return Forbidden(
                    f"{what}.", code="forge_token_refused", hint="The token is wrong or has ended: make another one."
                )
            # GitHub says so with 403, and its secondary limits name no header at all but retry-after.
            case 429 | 403 if status == 429 or headers.get("x-ratelimit-remaining") == "0" or "retry-after" in headers:  # noqa: PLR2004
                return ForgeRateLimited(f"{what}.", retry_after=wait, hint="Try again later, or with another token.")
            case 403:
                return Forbidden(
                    f"{what}.",
                    code="forge_forbidden",
                    hint="The token lacks a right for this: docs/forges.md lists what it needs.",
                )
            case 404 | 410:
                return Missing(
                    f"{what}.",
                    code="forge_missing",
                    hint="It is not there, or the token may not see it: forges do not tell the difference.",
                )
            case _ if status in _LATER:
                return self._unavailable(f"it answered {status}: {reason}")
            case _ if status in _REDIRECTS:
                return Conflict(
                    f"{self.name} says that this has moved ({status}).",
                    code="forge_moved",
                    hint="The repository has another name now: use that one.",
                )
            case _:
                return Conflict(
                    f"{what}.", code="forge_refused", hint="See what the forge says; nothing was changed there."
                )

    def _unavailable(self, why: str) -> Unavailable:
        return Unavailable(
            f"{self.name} ({urlsplit(self.api).hostname}) cannot be asked now: {why}.",
            code="forge_unavailable",
            hint="Try again: what happened before stands, and nothing happens twice.",
        )


def escaped(text: str | int) -> str:
    """Text as one segment of a path, slashes included."""
    return quote(str(text), safe="")


def _reason(body: bytes) -> str:
    """What an error's body says, in the forms that both forges use; bounded, because it is shown."""
    try:
        whole = read_json(body)
    except OddJson:
        return "no reason given"
    if not isinstance(whole, dict):
        return "no reason given"
    said = [whole.get("message") or whole.get("error_description") or whole.get("error") or ""]
    errors = whole.get("errors")
    said += [each.get("message") or each.get("code") if isinstance(each, dict) else each for each in errors or ()][:5]
    return "; ".join(" ".join(str(each).split()) for each in said if each)[:500] or "no reason given"


def _seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long to wait: ``Retry-After``, else when GitHub's or GitLab's window ends."""
    after = headers.get("retry-after", "")
    if after.isascii() and after.isdigit():
        return float(after[:9])
    reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
    if reset.isascii() and reset.isdigit():
        return max(0.0, int(reset[:11]) - now.timestamp())
    return None
