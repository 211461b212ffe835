"""Webhook sender: takes notifications from the outbox to the endpoints, and comes again when nobody answers."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from approvals.channels.base import Subscriptions, WebhookEndpoint, due_again
from approvals.channels.registry import renderer_of
from approvals.channels.ssrf_guard import SsrfGuard, UnresolvedHost
from approvals.channels.standard import signed_headers
from approvals.contract import Clock
from approvals.events import Notification
from approvals.storage.outbox import Outbox, OutboxItem
from domain import Refused


def body(letter: Notification, kind: str, *, link: str) -> bytes:
    """The bytes to post. Digests and ids, never the action itself: the page behind the link shows it to who may see."""
    return json.dumps(renderer_of(kind)(letter, link), separators=(",", ":")).encode()


Link = Callable[[Notification], str]
"""The address of the page where the action can be read and decided; empty when there is none."""


TIMEOUT_S = 15.0
GONE = 410


def new_client() -> httpx.AsyncClient:
    """A client that follows no redirect and asks no proxy, or the guard's judgement would be worth nothing.

    Connections are not kept: two names on one address must not share what TLS proved for one of them.
    """
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=TIMEOUT_S, limits=limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSender:
    """Delivers at least once. Any number of couriers may work on one outbox."""

    outbox: Outbox
    subscriptions: Subscriptions
    guard: SsrfGuard
    client: httpx.AsyncClient
    clock: Clock
    link: Link = field(default=lambda _: "")
    random: Callable[[], float] = field(default=random.random)

    async def round(self, limit: int = 50) -> int:
        """Try everything that is due, once. Returns how many parcels were tried."""
        parcels = await self.outbox.take(limit)
        for parcel in parcels:
            await self._try(parcel)
        return len(parcels)

    async def _try(self, parcel: OutboxItem) -> None:
        endpoint = self.subscriptions.named(parcel.endpoint)
        if endpoint is None:
            await self.outbox.bury(parcel, error="this endpoint is no longer configured")
            return
        try:
            status = await self._post(parcel, endpoint)
        except Refused as no:
            await self.outbox.bury(parcel, error=no.message)
        except (UnresolvedHost, httpx.HTTPError) as error:
            await self._later(parcel, f"{type(error).__name__}: {error}")
        else:
            await self._answered(parcel, status)

    async def _post(self, parcel: OutboxItem, endpoint: WebhookEndpoint) -> int:
        """Post to the judged address; the answer's body is never read."""
        to = await self.guard.judge(endpoint.url)
        data = body(parcel.letter, endpoint.kind, link=self.link(parcel.letter))
        sent = {**signed_headers(parcel.id, endpoint.secrets, data, self.clock()), "host": to.host_header}
        extensions = {"sni_hostname": to.host}
        async with self.client.stream("POST", to.url, content=data, headers=sent, extensions=extensions) as answer:
            return answer.status_code

    async def _answered(self, parcel: OutboxItem, status: int) -> None:
        if httpx.codes.is_success(status):
            await self.outbox.sent(parcel)
        elif status == GONE:
            await self.outbox.bury(parcel, error="410: the receiver wants no more")
        elif httpx.codes.is_redirect(status):
            await self.outbox.bury(parcel, error=f"{status}: redirects are not followed")
        else:
            await self._later(parcel, f"answered {status}")

    async def _later(self, parcel: OutboxItem, error: str) -> None:
        at = due_again(parcel.attempts + 1, self.clock(), self.random())
        if at is None:
            await self.outbox.bury(parcel, error=error)
        else:
            await self.outbox.again(parcel, at=at, error=error)
