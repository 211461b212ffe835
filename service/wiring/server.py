"""Everything a request needs, opened once for the process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Courier, Guard, Hooks, Links, StoredMessages, StoredOutbox, new_client
from domain import Refused
from service.auth import Keys, subjects
from service.callbacks import RunLetters
from service.contract import Dispatch
from service.engines import alone_in, engine_of, retention_of
from service.items import Items
from service.keys import own_key
from service.limiting import Limiter
from service.members import Members
from service.oidc import Issuer
from service.performer import Performer
from service.premises import Addresses, Repositories, listed
from service.rates import LocalRates, SharedRates
from service.reception import Reception
from service.refusals import refuse
from service.rounds import Rounds
from service.runs import Run
from service.settings import Settings
from service.threads import Threads
from service.turns import Turns
from service.wiring import House, now


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Colleagues of the routes."""

    house: House
    settings: Settings
    threads: Threads
    turns: Turns
    dispatch: Dispatch
    reception: Reception
    keys: Keys
    members: Members
    issuer: Issuer | None
    hooks: Hooks
    links: Links
    messages: StoredMessages
    items: Items
    limiter: Limiter
    rounds: Rounds
    started_at: datetime

    async def run_of(self, named: str, org: str) -> Run:
        """The run of ours that an id means: its own, its thread's (the same), or one of a turn of it."""
        try:
            named = (await self.turns.get(named, org)).thread
        except Refused:
            await self.threads.get(named, org)
        run = await self.house.engine.runs.exactly(named, org=org)
        if run is None:
            raise Refused(f"Nothing was done on thread {named!r} yet.", code="run_not_found",
                          hint="Start a run: POST /threads/{thread_id}/runs")  # fmt: skip
        return run

    @property
    def database(self) -> AsyncEngine:
        return self.house.engine.runs.engine


def pepper(settings: Settings) -> bytes:
    """What is mixed into stored API keys."""
    given = settings.key_pepper
    return given.get_secret_value().encode() if given else own_key(settings.home / "keys", "pepper")


def keys_of(house: House) -> Keys:
    """The keys of a house, whose changes stand in its audit."""
    settings = house.settings
    return Keys(engine=house.engine.runs.engine, clock=now, pepper=pepper(settings), journal=house.audit,
                named=settings.signers)  # fmt: skip


@asynccontextmanager
async def open_office(house: House) -> AsyncGenerator[Office]:
    """Take up the work where it was left, and put it down in order at the end."""
    settings = house.settings
    alone = nullcontext() if house.server else alone_in(settings.home)
    with alone:
        async with AsyncExitStack() as stack:
            posting = await stack.enter_async_context(new_client())
            asking = await stack.enter_async_context(httpx.AsyncClient(timeout=10.0))
            office = await _furnish(house, posting, asking, stack)
            await office.rounds.take_up()
            rounds = asyncio.create_task(office.rounds.walk())
            try:
                yield office
            finally:
                rounds.cancel()
                with suppress(asyncio.CancelledError):
                    await rounds
                await office.dispatch.close()


async def _furnish(
    house: House, posting: httpx.AsyncClient, asking: httpx.AsyncClient, stack: AsyncExitStack
) -> Office:
    settings, database = house.settings, house.engine.runs.engine
    if settings.mode == "team":
        await house.people.company.become_team()
    # One server per home folder, so what an earlier one held when it was killed is ours at once.
    engine = house.engine if house.server else replace(house.engine, owner="serve")
    threads, turns = Threads(engine=database), Turns(engine=database)
    keys_folder = settings.home / "keys"
    letters = RunLetters(
        engine=database, clock=now, client=posting, guard=Guard(allow=house.connections.allow),
        secret=own_key(keys_folder, "run-webhooks"),
    )  # fmt: skip
    performer = Performer(engine=engine, threads=threads, turns=turns, callbacks=letters, clock=now)
    dispatch = await engine_of(house, performer, stack)
    may_use = Repositories(allowed=listed(settings.repos), anything=settings.loopback)
    if not may_use.unlimited:
        house.store.restrict(may_use.opened)  # asked again when it is read: a link may have been changed since
    reception = Reception(
        engine=engine, threads=threads, turns=turns, ballots=house.ballots, dispatch=dispatch, clock=now,
        revise=house.revise, may_use=may_use,
        default_repo=settings.default_repo,
    )  # fmt: skip
    messages = StoredMessages(engine=database, clock=now)
    hooks = Hooks(ballots=house.ballots, people=house.people, memory=messages, clock=now,
                  integrations=house.connections.hooks)  # fmt: skip
    links = Links(key=own_key(keys_folder, "links"), clock=now)
    courier = Courier(
        outbox=StoredOutbox(engine=database, clock=now), subscriptions=house.connections.subscriptions, client=posting,
        guard=Guard(allow=house.connections.allow), clock=now, link=Addresses(links=links, home=settings.home_url),
    )  # fmt: skip
    return Office(
        house=house, settings=settings, threads=threads, turns=turns, dispatch=dispatch,
        reception=reception, keys=keys_of(house),
        members=Members(engine=database, others=subjects, named=settings.signers),
        issuer=_issuer(settings, asking), hooks=hooks, messages=messages, items=Items(engine=database, clock=now),
        links=links, started_at=now(),
        limiter=Limiter(per_caller=settings.rate_per_minute, per_address=settings.rate_per_minute_ip,
                        rates=SharedRates(engine=database) if house.server else LocalRates()),
        rounds=Rounds(engine=database, ballots=house.ballots, reception=reception, letters=letters, courier=courier,
                      dispatch=dispatch, witnessed=house.witnessed, retention=retention_of(house), clock=now),
    )  # fmt: skip


def _issuer(settings: Settings, asking: httpx.AsyncClient) -> Issuer | None:
    if not settings.oidc_issuer:
        return None
    if not (settings.oidc_audience and settings.oidc_jwks_url):
        raise refuse("authentication_needed", "An issuer needs SIGNOFF_OIDC_AUDIENCE and SIGNOFF_OIDC_JWKS_URL, too.")
    return Issuer(
        issuer=settings.oidc_issuer, audience=settings.oidc_audience, jwks_url=settings.oidc_jwks_url, client=asking,
        algorithms=listed(settings.oidc_algorithms), default_org=settings.org,
    )  # fmt: skip
