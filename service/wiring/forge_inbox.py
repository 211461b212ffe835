"""Wiring of what comes in from forges: the receiver of their web hooks, and the worker that does what they ask for."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from database import now
from service.auth.api_keys import ApiKeys
from service.forges.events import ForgeEvents
from service.forges.receiver import ForgeWebhooks
from service.forges.votes import ForgeVotes
from service.forges.worker import ForgeWorker
from service.runs.submission import Submission
from service.wiring.application import Application


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeInbox:
    """The two of them; they meet in the rows."""

    webhooks: ForgeWebhooks
    worker: ForgeWorker


def open_forge_inbox(
    application: Application, submission: Submission, keys: ApiKeys, database: AsyncEngine
) -> ForgeInbox:
    """Receiver and worker of the hooks in the file of SIGNOFF_FORGES; without any, both have nothing to do."""
    forges, hooks = application.forges, application.forge_hooks
    events = ForgeEvents(engine=database, clock=now)
    webhooks = ForgeWebhooks(
        events=events, clock=now, hooks=hooks, kinds={entry.name: entry.kind for entry in forges.entries}
    )
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
    return ForgeInbox(webhooks=webhooks, worker=worker)
