"""Wiring of what comes in from forges: the receiver of their web hooks, and the worker that does what they ask for."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from database import now
from service.auth.api_keys import ApiKeys
from service.forges.events import ForgeEvents
from service.forges.receiver import ForgeWebhooks
from service.runs.submission import Submission
from service.wiring.application import Application


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeInbox:
    """The two of them; they meet in the rows."""

    webhooks: ForgeWebhooks
    work: Callable[[], Awaitable[object]]
    """One round of the worker."""


def open_forge_inbox(
    application: Application, submission: Submission, keys: ApiKeys, database: AsyncEngine
) -> ForgeInbox:
    """Receiver and worker of the hooks in the file of SIGNOFF_FORGES; without any, both have nothing to do.

    What waits of a hook that was taken out of the file waits until it is back, or as long as such rows are kept.
    """
    forges, hooks = application.forges, application.forge_hooks
    events = ForgeEvents(engine=database, clock=now)
    webhooks = ForgeWebhooks(
        events=events, clock=now, hooks=hooks, kinds={entry.name: entry.kind for entry in forges.entries}
    )
    if not hooks:
        return ForgeInbox(webhooks=webhooks, work=_nothing)
    # A megabyte that most installations need not hold.
    from service.forges.votes import ForgeVotes  # noqa: PLC0415
    from service.forges.worker import ForgeWorker  # noqa: PLC0415

    worker = ForgeWorker(
        events=events,
        forges=forges,
        submission=submission,
        people=application.people,
        may_act=keys.active,
        votes=ForgeVotes(voting=submission.voting, people=application.people),
        clock=now,
        home=application.settings.home_url,
        hooks={hook.name: hook for hook in hooks},
    )
    return ForgeInbox(webhooks=webhooks, work=worker.round)


async def _nothing() -> None:
    """The round of no worker."""
