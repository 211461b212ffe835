"""Webhook sender: posts what waits in the outbox, about approvals, runs and plans, and comes again when none answers.

Letters to one receiver go in the order in which they were written; a receiver that is slow holds up no other one.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import httpx

from approvals.channels.base import Subscriptions, due_again
from approvals.channels.registry import announcer_of, renderer_of
from approvals.channels.ssrf_guard import SsrfGuard, UnresolvedHost
from approvals.channels.standard import signed_headers
from approvals.contract import Clock
from approvals.events import Notification, PlanNotice
from approvals.storage.outbox import Outbox, OutboxItem, RunNotice
from domain import Refused, Transient


def body(letter: Notification | PlanNotice, kind: str, *, link: str) -> bytes:
    """The bytes to post. Digests and ids, never the action itself: the page behind the link shows it to who may see."""
    message = announcer_of(kind)(letter) if isinstance(letter, PlanNotice) else renderer_of(kind)(letter, link)
    return json.dumps(message, separators=(",", ":")).encode()


Link = Callable[[Notification], str]
"""The address of the page where the action can be read and decided; empty when there is none."""


Tell = Callable[[Notification], Awaitable[None]]
"""Tells a receiver; told twice it says the same. Raises ``Transient`` (try again) or ``Refused`` (never)."""

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
    """Delivers at least once. Any number of senders may work on one outbox."""

    outbox: Outbox
    subscriptions: Subscriptions
    guard: SsrfGuard
    client: httpx.AsyncClient
    clock: Clock
    link: Link = field(default=lambda _: "")
    random: Callable[[], float] = field(default=random.random)
    elsewhere: Mapping[str, Tell] = field(default_factory=dict[str, Tell])
    """Receivers that are told another way than by a web hook, by name."""
    run_secret: str = field(default="", repr=False)
    """``whsec_…`` of this installation: signs what goes to the addresses that clients name for their runs."""

    async def round(self, limit: int = 50) -> int:
        """Try everything that is due, once. Returns how many letters were taken."""
        items = await self.outbox.take(limit)
        receivers: dict[tuple[str, str], list[OutboxItem]] = {}
        for item in items:
            receivers.setdefault((item.endpoint, item.url), []).append(item)
        # All come to their end before the first error is raised: none goes on behind the caller's back.
        outcomes = await asyncio.gather(*map(self._send_in_order, receivers.values()), return_exceptions=True)
        for error in outcomes:
            if isinstance(error, BaseException):
                raise error
        return len(items)

    async def _send_in_order(self, items: Sequence[OutboxItem]) -> None:
        for item in items:
            # What cannot be over before its lease is stays for the next round, or two senders would post it.
            if self.clock() + timedelta(seconds=TIMEOUT_S) <= item.due_at:
                await self._send(item)

    async def _send(self, item: OutboxItem) -> None:
        """Post to the judged address; the answer's body is never read."""
        if (tell := self.elsewhere.get(item.endpoint)) is not None and isinstance(item.letter, Notification):
            await self._tell(item, item.letter, tell)
            return
        if isinstance(item.letter, RunNotice):
            url, secrets, kind = item.url, (self.run_secret,), ""
        elif endpoint := self.subscriptions.named(item.endpoint):
            url, secrets, kind = endpoint.url, endpoint.secrets, endpoint.kind
        else:
            await self.outbox.bury(item, error="this endpoint is no longer configured")
            return
        try:
            to = await self.guard.judge(url)
            letter = item.letter
            link = self.link(letter) if isinstance(letter, Notification) else ""
            data = item.body if isinstance(letter, RunNotice) else body(letter, kind, link=link)
            headers = {**signed_headers(item.id, secrets, data, self.clock()), "host": to.host_header}
            # The connection goes to the judged address; certificate and Host are still those of the name.
            extensions = {"sni_hostname": to.host}
            async with self.client.stream(
                "POST", to.url, content=data, headers=headers, extensions=extensions
            ) as answer:
                status = answer.status_code
        except Refused as no:
            await self.outbox.bury(item, error=no.message)
        except (UnresolvedHost, httpx.HTTPError) as error:
            await self._later(item, f"{type(error).__name__}: {error}")
        else:
            if httpx.codes.is_success(status):
                await self.outbox.sent(item)
            elif status == GONE:
                await self.outbox.bury(item, error="410: the receiver wants no more")
            # It would lead to an address that nobody has judged.
            elif httpx.codes.is_redirect(status):
                await self.outbox.bury(item, error=f"{status}: redirects are not followed")
            else:
                await self._later(item, f"answered {status}")

    async def _tell(self, item: OutboxItem, letter: Notification, tell: Tell) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await tell(letter)
        except Refused as no:
            await self.outbox.bury(item, error=f"{no.stable_code}: {no.message}")
        except (Transient, TimeoutError) as error:
            await self._later(item, f"{type(error).__name__}: {error}")
        else:
            await self.outbox.sent(item)

    async def _later(self, item: OutboxItem, error: str) -> None:
        at = due_again(item.attempts + 1, self.clock(), self.random())
        if at is None:
            await self.outbox.bury(item, error=error)
        else:
            await self.outbox.again(item, at=at, error=error)
