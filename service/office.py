"""Everything a request needs, opened once for the process."""

import asyncio
import fcntl
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Courier, Guard, Hooks, Letter, Links, StoredMessages, StoredOutbox, new_client
from domain import Refused
from service.auth import Keys
from service.callbacks import RunLetters
from service.dispatch import Dispatcher
from service.items import Items
from service.keys import own_key
from service.limiting import Limiter
from service.members import Members
from service.oidc import Issuer
from service.performer import Performer
from service.reception import Reception
from service.refusals import refuse
from service.rounds import Rounds
from service.runs import Run
from service.settings import Settings
from service.streams import Feeds
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
    feeds: Feeds
    dispatcher: Dispatcher
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
        return await self.house.engine.runs.get(named, org=org)

    @property
    def database(self) -> AsyncEngine:
        return self.house.engine.runs.engine


@asynccontextmanager
async def open_office(house: House) -> AsyncGenerator[Office]:
    """Take up the work where it was left, and put it down in order at the end."""
    settings = house.settings
    with _alone(settings.home):
        async with new_client() as posting, httpx.AsyncClient(timeout=10.0) as asking:
            office = _furnish(house, posting, asking)
            await house.engine.runs.create_all()
            await office.rounds.take_up()
            rounds = asyncio.create_task(office.rounds.walk())
            try:
                yield office
            finally:
                rounds.cancel()
                with suppress(asyncio.CancelledError):
                    await rounds
                await office.dispatcher.close()


def _furnish(house: House, posting: httpx.AsyncClient, asking: httpx.AsyncClient) -> Office:
    settings, database = house.settings, house.engine.runs.engine
    # One server per home folder, so what an earlier one held when it was killed is ours at once.
    engine = replace(house.engine, owner="serve")
    threads, turns, feeds = Threads(engine=database), Turns(engine=database), Feeds()
    keys_folder = settings.home / "keys"
    letters = RunLetters(
        engine=database, clock=now, client=posting, guard=Guard(allow=house.connections.allow),
        secret=own_key(keys_folder, "run-webhooks"),
    )  # fmt: skip
    performer = Performer(engine=engine, threads=threads, turns=turns, callbacks=letters, clock=now)
    dispatcher = Dispatcher(performer=performer, feeds=feeds, at_once=settings.workers)
    reception = Reception(
        engine=engine, threads=threads, turns=turns, ballots=house.ballots, dispatcher=dispatcher, clock=now,
        revise=house.revise, may_use=Repositories(allowed=_listed(settings.repos), anything=settings.loopback),
        default_repo=settings.default_repo,
    )  # fmt: skip
    pepper = settings.key_pepper.get_secret_value().encode() if settings.key_pepper else own_key(keys_folder, "pepper")
    messages = StoredMessages(engine=database, clock=now)
    hooks = Hooks(ballots=house.ballots, people=house.people, memory=messages, clock=now,
                  integrations=house.connections.hooks)  # fmt: skip
    links = Links(key=own_key(keys_folder, "links"), clock=now)
    courier = Courier(
        outbox=StoredOutbox(engine=database, clock=now), subscriptions=house.connections.subscriptions, client=posting,
        guard=Guard(allow=house.connections.allow), clock=now, link=Addresses(links=links, home=settings.home_url),
    )  # fmt: skip
    return Office(
        house=house, settings=settings, threads=threads, turns=turns, feeds=feeds, dispatcher=dispatcher,
        reception=reception, keys=Keys(engine=database, clock=now, pepper=pepper), members=Members(engine=database),
        issuer=_issuer(settings, asking), hooks=hooks, messages=messages, items=Items(engine=database, clock=now),
        links=links, started_at=now(),
        limiter=Limiter(per_caller=settings.rate_per_minute, per_address=settings.rate_per_minute_ip),
        rounds=Rounds(engine=database, turns=turns, ballots=house.ballots, reception=reception, letters=letters,
                      courier=courier, dispatcher=dispatcher, witnessed=house.witnessed, clock=now),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where an approval can be read and decided."""

    links: Links
    home: str

    def __call__(self, letter: Letter) -> str:
        """A link for a letter; it is worth nothing without a login."""
        token = self.links.issue(
            ballot=letter.ballot, org=letter.org, action_digest=letter.action_digest, until=letter.expires_at
        )
        return f"{self.home}/a/{token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repositories:
    """Which repositories clients may name: a server would read any folder it can for them."""

    allowed: tuple[str, ...]
    anything: bool

    def __call__(self, repo: str) -> None:
        """Raise ``repo_refused`` for one that is not allowed."""
        if self.anything and not self.allowed:
            return
        remote = "://" in repo or repo.startswith("git@")
        where = repo if remote else str(Path(repo).resolve())
        for each in self.allowed:
            kept = each if "://" in each or each.startswith("git@") else str(Path(each).resolve())
            if where == kept or where.startswith(kept.rstrip("/") + "/"):
                return
        raise refuse("repo_refused", "This service may not use that repository.")


def _issuer(settings: Settings, asking: httpx.AsyncClient) -> Issuer | None:
    if not settings.oidc_issuer:
        return None
    if not (settings.oidc_audience and settings.oidc_jwks_url):
        raise refuse("authentication_needed", "An issuer needs SIGNOFF_OIDC_AUDIENCE and SIGNOFF_OIDC_JWKS_URL, too.")
    return Issuer(
        issuer=settings.oidc_issuer, audience=settings.oidc_audience, jwks_url=settings.oidc_jwks_url, client=asking,
        algorithms=_listed(settings.oidc_algorithms), default_org=settings.org,
    )  # fmt: skip


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@contextmanager
def _alone(home: Path) -> Generator[None]:
    """Hold the folder's lock. Raises ``already_serving`` when another server of this machine has it."""
    file: IO[str] = (home / "serve.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise refuse("already_serving", "Another server works on this home folder.") from None
    try:
        yield
    finally:
        file.close()
