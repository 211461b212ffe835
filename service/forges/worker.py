"""Worker of forge events: starts what a hook let in, ends what was closed, and writes the answers.

Nothing here authenticates: the receiver did, and the policy named the member. What that member may do *now* is asked
here, of the directory and of the forge.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

import structlog
from pydantic import ValidationError
from sqlalchemy import select

from approvals.contract import People
from database import reading
from domain import Refused, SignoffError, Transient
from domain.errors import Conflict, Forbidden
from forges import Forge, Forges, ForgeUser
from forges.inbound import (
    OURS,
    RANKS,
    Asked,
    Closed,
    EventPlace,
    Failed,
    ForgeEvent,
    ForgeHook,
    Reviewed,
    Voted,
    admit,
    event_of,
    first_request,
    later_request,
    log_request,
)
from service.auth.principal import Principal, scopes_of
from service.errors import refuse
from service.forges.answers import refused_text, standing_text
from service.forges.approvals import forge_place
from service.forges.events import GIVEN_UP_AFTER, ForgeEvents, ReceivedEvent
from service.forges.votes import ForgeVotes
from service.runs.requests import RunAsk
from service.runs.runs import FINAL, RUNS, RunState
from service.runs.submission import Submission

AGAIN_S: Final = (5, 30, 120, 600, 1_800)
"""Seconds before something outside is asked again."""
MOST_ATTEMPTS: Final = 60
EVENT_S: Final = 30.0
"""The longest one event may take."""
LOOK_S, LOOK_SLOWLY_S = 2, 30
"""Seconds between two looks at a run that works, and at one that waits for somebody."""
MOST_OF_CI: Final = 3
"""Failed runs of CI that one thread mends: each of its pushes has another one, and that may fail, too."""
PAUSED: Final = frozenset({"paused", "paused_budget"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeWorker:
    """Takes what is due, one after the other: what belongs to one place happens in the order in which it came."""

    events: ForgeEvents
    forges: Forges
    submission: Submission
    people: People
    may_act: Callable[[str, str], Awaitable[bool]]
    """Whether this organisation's person or program could still come in."""
    votes: ForgeVotes
    clock: Callable[[], datetime]
    home: str = ""
    """Where people reach this service."""
    hooks: Mapping[str, ForgeHook] = field(default_factory=dict[str, ForgeHook])

    async def round(self) -> int:
        """Do what is due, once. Returns how many events that were."""
        due = await self.events.due() if self.hooks else ()
        for event in due:
            try:
                async with asyncio.timeout(EVENT_S):
                    await self._one(event)
            except (Transient, TimeoutError) as error:
                await self._later(event, error)
            except SignoffError as no:
                await self._refused(event, no)
            except ValidationError:
                await self._refused(event, refuse("request_invalid", "The policy makes no valid request of it."))
            except Exception as error:
                # Told by the loop that calls this; in its next round it holds up nothing behind it.
                await self._later(event, error)
                raise
        return len(due)

    async def _one(self, event: ReceivedEvent) -> None:
        hook = self.hooks.get(event.hook)
        if hook is None:
            await self.events.done(event, code="hook_unknown", error="this hook is no longer configured")
            return
        what, forge = event_of(event.event), self.forges.named(hook.forge)
        if event.state == "waiting":
            admit(hook, what)  # again: the policy may have changed since
        if event.state == "working":
            await self._answer(event, what, hook, forge)
        elif isinstance(what, Closed):
            await self._close(event, what, hook)
        elif isinstance(what, Voted):
            await self._ensure_may(hook, forge, what.place.repo, event.subject, what.by)
            approve = what.choice == "approve"
            await self.votes.count(hook, event.subject, what.approval_id, what.action_digest, approve=approve)
            await self.events.done(event)
        else:
            await self._ask(event, what, hook, forge)

    # What a hook asks for

    async def _ask(self, event: ReceivedEvent, what: Asked | Reviewed | Failed, hook: ForgeHook, forge: Forge) -> None:
        by = None if isinstance(what, Failed) else what.by
        await self._ensure_may(hook, forge, what.place.repo, event.subject, by, scope="runs:write")
        if event.asked is None:
            event = await self._plan(event, what, hook, forge)
        if event.leader is not None:
            return  # another worker asks it together with others
        thread, asked = event.thread, event.asked
        assert thread is not None and asked is not None  # noqa: S101, PT018  written together
        principal = Principal(subject=event.subject, org=event.org, kind="service")
        # The row's id is the idempotency key: taken up again after a crash it is the same turn.
        taken = await self.submission.take(principal, RunAsk(**asked), thread, once=f"\nforge {event.id}", heard=False)
        await self.events.begun(event, taken.turn.id)

    async def _ensure_may(  # noqa: PLR0917
        self, hook: ForgeHook, forge: Forge, repo: str, subject: str, by: ForgeUser | None, scope: str = ""
    ) -> None:
        """Ask what a member may do now. ``by`` None: nobody did it, the policy names in whose name it is done.

        Raises:
            Refused: ``key_ended``, ``scope_missing``, ``forge_person_refused``.
        """
        if not await self.may_act(hook.org, subject):
            raise refuse("key_ended", f"Nobody comes in as {subject!r} any more.")
        roles = tuple(await self.people.roles(hook.org, subject))
        if scope and scope not in scopes_of(roles):
            raise refuse("scope_missing", f"{subject} may not start runs here.")
        if by is None or hook.permission == "none":
            return
        held = await forge.permission(repo, by)
        if RANKS.index(held) < RANKS.index(hook.permission):
            raise Forbidden(
                f"{subject} has {held} in {repo}, and {hook.permission} is needed.",
                code="forge_person_refused",
                hint="Have the right given on the forge, or ask for less with `permission` of the hook.",
            )

    async def _plan(
        self, event: ReceivedEvent, what: Asked | Reviewed | Failed, hook: ForgeHook, forge: Forge
    ) -> ReceivedEvent:
        """What is asked and on which thread, written down.

        Raises:
            Refused: ``forge_not_ours``, ``forge_ci_limit``, and as ``_head`` does.
        """
        head = await _head(what, forge)
        ours = await self._thread_of_ours(event.org, hook.forge, what.place.repo, head)
        led: Sequence[ReceivedEvent] = ()
        if isinstance(what, Reviewed) and ours is None:
            raise Forbidden(
                f"{what.place.repo}#{what.place.number} is no pull request of ours.",
                code="forge_not_ours",
                hint="Write to Signoff by its name, in a comment on the pull request.",
            )
        if isinstance(what, Reviewed):
            led = await self.events.beside(event)
        thread = ours or await self.events.thread_of(event)
        # One that was planned and not begun yet, because something did not answer, knows nothing of its task.
        begun = thread is not None and await self.submission.engine.runs.exactly(thread, org=event.org) is not None
        if isinstance(what, Failed):
            if thread is not None and await self.events.count(thread, "failed") >= MOST_OF_CI:
                raise Forbidden(
                    f"{MOST_OF_CI} failed runs of CI were worked on here already.",
                    code="forge_ci_limit",
                    hint="Look at the pull request; a comment goes on with it.",
                )
            text = log_request(what, await forge.failed_log(what.place.repo, what.run))
        elif isinstance(what, Asked) and not begun:
            text = first_request(what)
        else:
            others = [event_of(each.event) for each in led]
            text = later_request([each for each in (what, *others) if isinstance(each, Asked | Reviewed)])
        task = {"text": text} if begun else await self._task(text, event, what, hook, head)
        asked: dict[str, Any] = {"input": {"task": task}, "if_not_exists": "create", "metadata": {"forge": hook.forge}}
        thread = thread or str(uuid5(NAMESPACE_URL, f"signoff:forge:{event.id}"))
        return await self.events.plan(event, asked, thread, [each.id for each in led])

    async def _task(
        self, text: str, event: ReceivedEvent, what: Asked | Reviewed | Failed, hook: ForgeHook, head: str
    ) -> dict[str, Any]:
        """The fields of a first task, as the policy has them for the repository."""
        repository, place = hook.repository(what.place), what.place
        base = what.commit if isinstance(what, Failed) else head
        optional = {"accept": repository.accept, "expert": repository.expert, "base": base or None}
        origin = (
            {"forge": hook.forge, "repository": place.repo, "subject": place.kind, "number": place.number}
            if place.number
            else None
        )
        return {
            "text": text,
            "repo": repository.url or f"{self.forges.home(hook.forge)}/{repository.name}.git",
            "deliver": repository.deliver,
            "profile": repository.profile,
            "outside": event.outside,
            **({"origin": origin} if origin else {}),
            **{name: part for name, part in optional.items() if part},
        }

    async def _thread_of_ours(self, org: str, forge: str, repo: str, head: str) -> str | None:
        """The thread whose pull request comes from this branch: by its name, and by what its run says it delivered."""
        if not head.startswith(OURS):
            return None
        suffix = head.rpartition("-")[2]
        if not (suffix.isalnum() and suffix.isascii()):
            return None
        query = select(RUNS.c.id).where(RUNS.c.org == org, RUNS.c.id.endswith(suffix, autoescape=True)).limit(20)
        async with reading(self.events.engine) as conn:
            candidates = (await conn.execute(query)).scalars().all()
        for run in candidates:
            standing = await self.submission.of(org).standing(run)
            delivered = standing.values.get("published") or standing.values.get("delivered")
            if delivered is not None and (delivered.ref, delivered.repository.lower()) == (
                head,
                f"{forge}:{repo}".lower(),
            ):
                return run
        return None

    # What ends it

    async def _close(self, event: ReceivedEvent, what: Closed, hook: ForgeHook) -> None:
        """Work for a pull request of ours is over: nothing more of it begins, and what works on it is stopped."""
        if not what.fork:
            thread = await self._thread_of_ours(event.org, hook.forge, what.place.repo, what.head)
            if thread is not None:
                await self.events.end(thread, event.org)
                for turn in reversed(await self.submission.turns.unfinished(thread)):
                    # From the newest on: one that waits must not begin because the one before it ended.
                    await self.submission.dispatch.stop(turn, "interrupt", "pull request closed")
        await self.events.done(event)

    # What is answered

    async def _answer(self, event: ReceivedEvent, what: ForgeEvent, hook: ForgeHook, forge: Forge) -> None:
        """Have the comment say how it stands; it is written only when that has changed."""
        if event.code is not None or event.thread is None:
            text, again_at = refused_text(event.code or "", event.error or "", vote=isinstance(what, Voted)), None
        else:
            unfinished = await self.submission.turns.unfinished(event.thread)
            standing = await self.submission.of(event.org).standing(event.thread)
            await self._count_reactions(event, standing, hook, forge)
            text = standing_text(standing, busy=bool(unfinished), home=self.home, mention=hook.mention)
            over = not unfinished and standing.run.status in FINAL | PAUSED
            waits_s = LOOK_S if unfinished else LOOK_SLOWLY_S
            now = self.clock()
            over = over or now - event.received_at > GIVEN_UP_AFTER
            again_at = None if over else now + timedelta(seconds=waits_s)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if digest != event.shown and not isinstance(what, Failed | Closed):
            await _write(forge, what, text, f"event-{event.id[:32]}")
        await self.events.shown(event, digest, again_at=again_at)

    async def _count_reactions(self, event: ReceivedEvent, standing: RunState, hook: ForgeHook, forge: Forge) -> None:
        """What people pressed below the comment of the ballot that a run waits for."""
        place = forge_place(standing.run.task, standing.values.get("published"))
        if "reaction" not in hook.votes or standing.ballot is None or place is None or event.leader is not None:
            return
        if place.address.forge != hook.forge:  # the numbers of members are those of the hook's forge
            return
        may = partial(self._ensure_may, hook, forge, place.address.path)
        try:
            await self.votes.reactions(hook, standing.ballot, forge, place, may)
        except Refused as no:  # a token that may not read them: the run is answered all the same
            structlog.get_logger("signoff.forges").warning("reactions were not counted", code=no.stable_code)

    async def _later(self, event: ReceivedEvent, error: Exception) -> None:
        """Something outside did not answer: the same again, later and later, and not for ever."""
        if event.attempts >= MOST_ATTEMPTS:
            code = error.stable_code if isinstance(error, SignoffError) else type(error).__name__
            await self.events.done(event, code=code, error=str(error))
            return
        wait = getattr(error, "retry_after", None) or AGAIN_S[min(event.attempts, len(AGAIN_S) - 1)]
        await self.events.later(event, self.clock() + timedelta(seconds=min(float(wait), 3_600)), failed=True)

    async def _refused(self, event: ReceivedEvent, no: SignoffError) -> None:
        structlog.get_logger("signoff.forges").warning("an event came to nothing", id=event.id, code=no.stable_code)
        # Once it is asked only the forge can refuse: its answer cannot be written, then. Reviewers talk to each other,
        # too, and a failed run has nobody who asked.
        if event.state == "working" or event.kind == "failed" or no.stable_code == "forge_not_ours":
            await self.events.done(event, code=no.stable_code, error=no.message)
        else:
            await self.events.refused(event, no.stable_code, f"{no.message} {no.hint}")


async def _head(what: Asked | Reviewed | Failed, forge: Forge) -> str:
    """The branch it is about, as the forge has it now; empty: none in particular.

    Raises:
        Refused: ``forge_fork_refused``, ``pull_request_closed``.
    """
    if isinstance(what, Failed):
        return what.branch
    if what.place.kind != "pull_request":
        return ""
    pull = await forge.pull_request(what.place.repo, what.place.number)
    if pull.state != "open":
        raise Conflict(
            f"The pull request {pull.url} was {pull.state}.",
            code="pull_request_closed",
            hint="Ask on the issue, or open it again.",
        )
    if pull.foreign:
        raise Forbidden(
            f"The branch of {what.place.repo}#{pull.number} lies in another repository.",
            code="forge_fork_refused",
            hint="Push it to a branch of this repository; what a fork holds is anybody's code.",
        )
    return pull.head


async def _write(forge: Forge, what: Asked | Reviewed | Voted, text: str, key: str) -> None:
    """One comment of this key, written or edited."""
    place: EventPlace = what.place
    if isinstance(what, Reviewed) and what.comment:
        await forge.reply(place.repo, place.number, what.comment, text, key=key)
    elif place.kind != "repository":
        await forge.comment(place.repo, place.kind, place.number, text, key=key)
