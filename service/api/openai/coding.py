"""Coding graph's answers: stages as they pass, then the words and the diff, or the link where a signature is due."""

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain import Refused, Spent
from models import PartialChanges, line_of
from service.api.openai.answers import AnswerEnd, AnswerEvent, AnswerPart, ChoiceEnd
from service.api.runs import finished, result
from service.runs.runs import RunState
from service.runs.streaming import stopped_by_model
from service.runs.submission import Submitted
from service.wiring.server import ServerContext


@dataclass(slots=True)
class Stages:
    """Hears frames of a feed."""

    _began: dict[str, float] = field(default_factory=dict[str, float])
    _done: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    _written: PartialChanges = field(default_factory=PartialChanges)

    def hear(self, frame: bytes) -> str:
        """Take one frame in; text for a reader when a stage began, something is written or worth saying."""
        head, _, body = frame.partition(b"data: ")
        if b"event: custom" not in head:
            return ""
        event: dict[str, Any] = json.loads(body)
        kind, node, at = event.get("kind"), str(event.get("node", "")), float(event.get("at_ms", 0))
        if kind == "node_started":
            self._began[node] = at
            return f"▸ {node}\n"
        if kind == "text":
            return "".join(line_of(part) for part in self._written.read(str(event["message"]), event["data"]))
        if kind == "node_ended":
            took = max(0.0, at - self._began.pop(node, at))
            self._done.append({"stage": node, "duration_ms": round(took, 1)})
        message = (
            str(event.get("message", ""))[:200] if kind in {"command_started", "reviewed", "change_applied"} else ""
        )
        return f"{message}\n" if message else ""

    def list(self) -> list[dict[str, Any]]:
        """The stages in the order they ended."""
        return self._done


@dataclass(frozen=True, slots=True, kw_only=True)
class CodingAnswer:
    """What a turn of the graph comes to."""

    at: ServerContext
    taken: Submitted
    model: str
    about: Mapping[str, Any]
    before: Spent
    """What its thread had used when the turn was taken."""

    @property
    def id(self) -> str:
        """See ``AnswerSource.id``."""
        return self.taken.turn.id

    @property
    def going_on(self) -> Mapping[str, str]:
        """See ``AnswerSource.going_on``."""
        return {"thread_id": self.taken.turn.thread, "run_id": self.taken.turn.id}

    async def events(self) -> AsyncGenerator[AnswerEvent]:
        """See ``AnswerSource.events``."""
        stages, taken = Stages(), self.taken
        if taken.feed is not None:
            async for frame in taken.feed.listen():
                if line := stages.hear(frame):
                    yield AnswerPart(kind="reasoning_content", text=line)
        await finished(self.at, taken)
        known = taken.feed.result if taken.feed else None
        values = known if known is not None else await result(self.at, taken.turn)
        if (error := stopped_by_model(values)) is not None:
            raise error
        content, about, spent = await told(self.at, taken.turn.thread, taken.turn.org, run_id=taken.turn.id)
        yield AnswerPart(kind="content", text=content)
        yield ChoiceEnd()
        yield AnswerEnd(
            tokens_in=max(0, spent.tokens_in - self.before.tokens_in),
            tokens_out=max(0, spent.tokens_out - self.before.tokens_out),
            about={**self.about, **about, "stages": stages.list()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAnswer:
    """How the run of a thread stands, without going on with it."""

    at: ServerContext
    id: str
    """Of the newest turn."""
    thread: str
    org: str
    model: str
    about: Mapping[str, Any]
    going_on: Mapping[str, str] = field(default_factory=dict[str, str])

    async def events(self) -> AsyncGenerator[AnswerEvent]:
        """See ``AnswerSource.events``."""
        content, about, _ = await told(self.at, self.thread, self.org, run_id=self.id)
        yield AnswerPart(kind="content", text=content)
        yield ChoiceEnd()
        yield AnswerEnd(about={**self.about, **about, "stages": []})


async def spent_so_far(at: ServerContext, thread: str, org: str) -> Spent | None:
    """What a thread has used; None: nothing was done on it yet."""
    try:
        run = await at.run_of(thread, org)
    except Refused:
        return None
    return (await at.submission.of(org).standing(run.id)).values.get("spent") or Spent()


async def told(at: ServerContext, thread: str, org: str, *, run_id: str) -> tuple[str, dict[str, Any], Spent]:
    """The words of the answer, what programs want to know beside them, and what the thread has used."""
    standing = await at.submission.of(org).standing(thread)
    spent: Spent = standing.values.get("spent") or Spent()
    about: dict[str, Any] = {
        "thread_id": thread,
        "run_id": run_id,
        "status": standing.run.status,
        "expert": standing.values.get("expert"),
    }
    if standing.run.status in {"pending", "running"}:
        stage = ", ".join(standing.next) or "its beginning"
        return f"It is not done yet: it stands at {stage}.", about, spent
    if standing.ballot is not None:
        words, more = await _signature(at, standing, org)
        return words, {**about, **more}, spent
    if standing.question is not None:
        return standing.question, {**about, "question": standing.question}, spent
    turn = await at.turns.get(run_id, org)
    values = await result(at, turn)
    if error := values.get("__error__"):
        return f"This did not work: {error['message']} (`{error['error']}`)", about, spent
    ending = standing.run.ending
    words = [ending.answer_markdown or ending.message] if ending else []
    if ending and ending.hint and standing.run.status != "delivered":
        words.append(ending.hint)
    diff = str(values.get("diff") or "")
    shown = str(values.get("readable") or diff)
    text = "\n\n".join([*words, *([f"```diff\n{shown.rstrip()}\n```"] if diff else [])])
    return text, {**about, "diff": diff}, spent


async def _signature(at: ServerContext, standing: RunState, org: str) -> tuple[str, dict[str, Any]]:
    ballot = await at.application.ballots.get(str(standing.ballot), org)
    token = at.links.issue(
        ballot=ballot.id, org=ballot.org, action_digest=ballot.action_digest, until=ballot.expires_at
    )
    link = f"{at.settings.home_url}/a/{token}"
    changes = f"\n\n```diff\n{ballot.diff.rstrip()}\n```" if ballot.diff else ""
    needs = f"{ballot.requirement.humans} signature{'s' * (ballot.requirement.humans != 1)}"
    what = f"This needs {needs} before it happens ({ballot.tier}: {ballot.action.tool})."
    return f"{what} Read and decide: {link}{changes}", {"approval_id": ballot.id, "approval_link": link}
