"""A model that is asked no more often than a policy allows (F3)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domain import RateLimited, Refused, value
from models.cards import ModelCard
from models.contract import Heard, Message, Model, Reply, Settings
from models.counters import MINUTE, Counters, Window
from models.errand import Errand
from models.policy import Limits, WorkspacePolicy
from models.standing import Stands
from models.stored_shelf import shelf_name

T = TypeVar("T")

DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Count each call before it is sent. ``counted_as`` is the name that shares the quota: a provider, a model."""

    model: Model
    limits: Limits
    counters: Counters
    counted_as: str
    called: str = ""
    """What it is called in messages; ``counted_as`` where nothing is said."""
    clock: Callable[[], float] = time.time

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``.

        Raises:
            RateLimited: the minute is full; ``retry_after`` says when there is room.
            Refused: ``quota_reached``, the day is full.
        """
        await self._count()
        return await self.model.ask(messages, answer, settings=settings, heard=heard)

    async def _count(self) -> None:
        now = self.clock()
        day = _window(self.limits.daily_calls, now - now % DAY)
        minute = _window(self.limits.rpm, now - MINUTE)
        if not (windows := (*day, *minute)):
            return
        full = await self.counters.take(self.counted_as, at=now, windows=windows)
        if full is None:
            return
        if full.window in minute and full.window.calls > 0:
            raise RateLimited(f"{self.called or self.counted_as} may be asked {full.window.calls} times a minute.",
                              retry_after=max(0.0, full.oldest + MINUTE - now), hint="It is tried again.")  # fmt: skip
        raise Refused(f"{self.called or self.counted_as} may be asked {full.window.calls} times a day, and was.",
                      code="quota_reached", hint="Wait until midnight UTC, or change its quota.")  # fmt: skip


def _window(calls: int | None, since: float) -> tuple[Window, ...]:
    return () if calls is None else (Window(calls=calls, since=since),)


@value
class Counted:
    """A quota that holds for a call: who shares it, what it is called, how much it is."""

    name: str
    """No two organisations have the same, whatever they are called."""
    called: str
    limits: Limits


def counted(errand: Errand, policy: WorkspacePolicy, stands: Stands, card: ModelCard) -> tuple[Counted, ...]:
    """Every quota that holds when this model is asked: the policies', and the requester's own."""
    org, task = errand.org, errand.task
    found = [
        Counted(
            name=shelf_name(org, "repo", task.repo, key) if workspace else shelf_name(org, "all", key),
            called=key, limits=limits,
        )
        for workspace, key, limits in policy.quotas_of(card.provider, card.id)
    ]  # fmt: skip
    if stands.name:
        mine = shelf_name(org, "standing", stands.name, task.requester)
        called = f"With the standing {stands.name}, models"
        found.append(Counted(name=mine, called=called, limits=stands.standing.limits))
    return tuple(found)
