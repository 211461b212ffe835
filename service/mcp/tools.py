"""MCP tools: what a host may ask of this service, by name, with bounded answers. None of them votes or signs.

Every tool needs the scope that its HTTP route needs, and sees the caller's own organisation only.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from approvals import Ballot
from domain.configuration import explained
from domain.identity import redacted
from domain.work import Delivery
from service import report
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.requests import RunAsk
from service.runs.runs import FINAL, RunState, Status
from service.runs.turns import Turn
from service.wiring.server import ServerContext

LOOK_AGAIN_S = 0.25
"""How often a run is looked at that another process works on, or that a person decides about."""
MOST_TEXT, MOST_ITEMS, MOST_DIFF = 2_000, 50, 40_000
"""Characters of one text, items of one list, characters of a diff: a host pays for what it reads."""
TOLD = frozenset(
    {"node_started", "command_started", "change_applied", "tool_called", "coder_turn", "reviewed", "ballot_opened"}
)
"""Kinds of events that say how far a run is."""
Progress = Callable[[str], Any]
"""Takes one line; awaited."""


def bounded(part: Any, *, text: int = MOST_TEXT, items: int = MOST_ITEMS) -> Any:
    """The same JSON with long texts and lists cut off, which says so. Pure."""
    match part:
        case str():
            return part if len(part) <= text else f"{part[:text]}… ({len(part) - text} more characters)"
        case dict():
            return {key: bounded(inner, text=text, items=items) for key, inner in part.items()}
        case list() | tuple():
            shown = [bounded(inner, text=text, items=items) for inner in part[:items]]
            return shown if len(part) <= items else [*shown, f"… ({len(part) - items} more)"]
        case _:
            return part


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StartTask(_Arguments):
    text: str = Field(
        min_length=1,
        max_length=20_000,
        description="What is to be done, in plain words; with `run`: what should be different, or the answer to its "
        "question.",
    )
    repo: str | None = Field(
        default=None,
        max_length=2_000,
        description="Path or URL of a git repository. Needed for a new run, unless the server has a default.",
    )
    base: str | None = Field(default=None, max_length=200, description="Revision to start from. Default: HEAD.")
    accept: str | None = Field(
        default=None, max_length=2_000, description="Command whose exit code 0 proves it. Found by itself if left out."
    )
    deliver: Delivery = Field(
        default="branch",
        description="What the change becomes. pr: a pull request on the repository's forge; deploy: a commit that a "
        "configured hook is asked to deploy.",
    )
    profile: Literal["sealed", "packages"] = Field(
        default="sealed", description="Sandbox without a network, or with package registries."
    )
    run: str | None = Field(default=None, max_length=64, description="An earlier run to go on with.")


class Wait(_Arguments):
    run: str = Field(max_length=64, description="Id of the run.")
    seconds: float = Field(
        default=50, ge=0, le=600, description="How long at most; ask again for a run that still works."
    )


class ShowRun(_Arguments):
    run: str = Field(max_length=64, description="Id of the run.")
    diff_offset: int = Field(default=0, ge=0, description="Character of the diff to begin at: a diff comes in pieces.")


class ListRuns(_Arguments):
    status: Status | None = Field(default=None, description="Only runs that stand so.")
    limit: int = Field(default=20, ge=1, le=MOST_ITEMS, description="How many, newest first.")


class ListApprovals(_Arguments):
    run: str | None = Field(default=None, max_length=64, description="Only those of this run.")
    limit: int = Field(default=20, ge=1, le=MOST_ITEMS, description="How many, newest first.")


class Cancel(_Arguments):
    run: str = Field(max_length=64, description="Id of the run.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEntry:
    """A tool as a host sees it."""

    arguments: type[_Arguments]
    about: str
    reads: bool = True
    """It changes nothing."""


TOOLS: Mapping[str, ToolEntry] = {
    "start_task": ToolEntry(
        arguments=StartTask,
        reads=False,
        about="Start a coding task in a repository and return its run at once. A sandbox does the work; the change is "
        "proved by running the acceptance command on a clean checkout. With `run`, go on with that one. Then wait.",
    ),
    "wait": ToolEntry(
        arguments=Wait,
        reads=False,
        about="Wait until a run pauses or ends, with progress. It may come back with the coder's question (answer it "
        "with start_task and `run`) or waiting for a signature, which only a person gives, at the link.",
    ),
    "show_run": ToolEntry(
        arguments=ShowRun,
        about="How a run stands: plan, diff, evidence, and the proof on a clean checkout.",
    ),
    "list_runs": ToolEntry(arguments=ListRuns, about="The newest runs of this organisation."),
    "list_approvals": ToolEntry(
        arguments=ListApprovals,
        about="What waits for a person's signature. It is not given here: people sign on the linked page, logged in.",
    ),
    "cancel": ToolEntry(
        arguments=Cancel,
        reads=False,
        about="Stop what works on a run; what it did is kept. What waits for a signature is withdrawn by a person.",
    ),
}
INSTRUCTIONS = (
    "Signoff does coding tasks in a sandbox and proves them. start_task, then wait, then show_run. No tool votes, "
    "signs or approves: where a signature is due, hand the person the link and wait again."
)


@dataclass(frozen=True, slots=True)
class McpTools:
    """Carries tools out for one caller at a time."""

    at: ServerContext

    async def call(
        self, principal: Principal, name: str, given: Mapping[str, Any], progress: Progress
    ) -> dict[str, Any]:
        """What a tool answers.

        Raises:
            Refused: ``route_not_found`` for another name, ``request_invalid``, ``scope_missing``; and as the routes do.
        """
        if (entry := TOOLS.get(name)) is None:
            raise refuse("route_not_found", f"There is no tool {name[:60]!r}.", hint="List them: tools/list.")
        try:
            arguments = entry.arguments.model_validate(given)
        except ValidationError as error:
            raise refuse(
                "request_invalid", f"The arguments are not valid: {explained(error)}", hint="See the tool's schema."
            ) from None
        match arguments:
            case StartTask():
                return await self.start(principal, arguments)
            case Wait():
                return await self.wait(principal, arguments, progress)
            case ShowRun():
                return await self._show(principal, arguments)
            case ListRuns():
                return await self._list_runs(principal, arguments)
            case ListApprovals():
                return await self._list_approvals(principal, arguments)
            case Cancel():
                return await self.cancel(principal, arguments)
            case _:  # pragma: no cover - the table above has no others
                raise AssertionError(name)

    async def start(self, principal: Principal, asked: StartTask) -> dict[str, Any]:
        principal.need("runs:write")
        thread = (await self.at.run_of(asked.run, principal.org)).id if asked.run else None
        task = asked.model_dump(include={"repo", "base", "accept", "deliver"}, exclude_none=True)
        input_ = {**task, "messages": [{"role": "user", "content": asked.text}]}
        assistant = "coding-packages" if asked.profile == "packages" else "coding"
        ask = RunAsk(assistant_id=assistant, input=input_, stream_mode=["custom"])
        taken = await self.at.submission.take(principal, ask, thread)
        return {"run": taken.turn.thread, "status": "running", "next": "wait"}

    async def answer(self, principal: Principal, run: str, interrupt: str, words: str) -> None:
        """Give the coder the person's answer. Raises ``interrupt_unknown`` where it does not ask that any more."""
        principal.need("runs:write")
        ask = RunAsk(command={"resume": {interrupt: words}}, strict_resume=True, stream_mode=["custom"])
        await self.at.submission.take(principal, ask, run)

    async def wait(
        self, principal: Principal, asked: Wait, progress: Progress, *, decided: bool = False
    ) -> dict[str, Any]:
        """How the run stands once it pauses or ends, or when the time is over; ``decided``: signatures are awaited."""
        principal.need("runs:read")
        run = (await self.at.run_of(asked.run, principal.org)).id
        try:
            async with asyncio.timeout(asked.seconds):
                await self._rests(run, principal.org, progress, decided=decided)
        except TimeoutError:
            pass
        return await self._summary(principal, await self.standing(principal, run))

    async def _rests(self, run: str, org: str, progress: Progress, *, decided: bool) -> None:
        while True:
            for turn in await self.at.turns.unfinished(run):
                await self._follow(turn, progress)
            row = await self.at.run_of(run, org)
            waits = {"pending", "running", *(["interrupted"] if decided else [])}
            if row.status not in waits and not await self.at.turns.unfinished(run):
                return
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _follow(self, turn: Turn, progress: Progress) -> None:
        feed = self.at.dispatch.hear(turn) if turn.asked.get("modes") else None
        if feed is not None:
            async with aclosing(feed.listen()) as frames:
                async for frame in frames:
                    if line := progress_line(frame):
                        await progress(line)
        await self.at.dispatch.done(turn)
        while (await self.at.turns.get(turn.id, turn.org)).open:  # noqa: ASYNC110  another process performs it
            await asyncio.sleep(LOOK_AGAIN_S)

    async def standing(self, principal: Principal, run: str) -> RunState:
        row = await self.at.run_of(run, principal.org)
        return await self.at.submission.of(principal.org).standing(row.id)

    async def _summary(self, principal: Principal, standing: RunState) -> dict[str, Any]:
        whole = report.as_json(standing)
        shown: dict[str, Any] = {
            key: whole[key] for key in ("run", "status", "code", "message", "hint", "answer_markdown") if whole[key]
        }
        if standing.question is not None:
            interrupt = next(i.id for i in standing.interrupts if i.value.get("question") == standing.question)
            shown |= {
                "question": standing.question,
                "interrupt": interrupt,
                "next": "start_task with run and the answer",
            }
        elif standing.ballot is not None:
            ballot = await self.at.application.ballots.get(standing.ballot, principal.org)
            shown |= {"approval": self.approval(ballot), "next": "a person signs at the link; then wait again"}
        elif standing.run.status in {"pending", "running"}:
            shown["next"] = "wait again"
        else:
            shown["next"] = "show_run"
        return bounded(shown, text=MOST_DIFF)

    def approval(self, ballot: Ballot) -> dict[str, Any]:
        token = self.at.links.issue(
            ballot=ballot.id, org=ballot.org, action_digest=ballot.action_digest, until=ballot.expires_at
        )
        return {
            "id": ballot.id,
            "run": ballot.run,
            "tier": ballot.tier,
            "tool": ballot.action.tool,
            "target": redacted(ballot.action.target),
            "signatures": ballot.approvals,
            "needed": ballot.requirement.humans,
            "expires_at": ballot.expires_at.isoformat(),
            "link": f"{self.at.settings.home_url}/a/{token}",
        }

    async def _show(self, principal: Principal, asked: ShowRun) -> dict[str, Any]:
        principal.need("runs:read")
        standing = await self.standing(principal, asked.run)
        diff = await self.diff_of(standing)
        piece = diff[asked.diff_offset : asked.diff_offset + MOST_DIFF]
        end = asked.diff_offset + len(piece)
        following = {"diff_next_offset": end} if end < len(diff) else {}
        return {**await self._summary(principal, standing), **details(standing), "diff": piece, **following}

    async def diff_of(self, standing: RunState) -> str:
        """What the run changed so far."""
        pinned, snapshot, diff = (standing.values.get(key) for key in ("pinned", "snapshot", "diff"))
        if not diff and pinned is not None and snapshot is not None:
            diff = await self.at.application.store.diff(standing.run.id, pinned.tree, snapshot.tree)
        return str(diff or "")

    async def _list_runs(self, principal: Principal, asked: ListRuns) -> dict[str, Any]:
        principal.need("runs:read")
        runs = await self.at.application.engine.runs.list(org=principal.org, limit=asked.limit, status=asked.status)
        rows = [
            {
                "run": run.id,
                "status": run.status,
                "task": bounded(run.task.text, text=200),
                "repo": run.task.repo,
                "requester": run.requester,
                "created_at": run.created_at.isoformat(),
            }
            for run in runs
        ]
        return {"runs": rows}

    async def _list_approvals(self, principal: Principal, asked: ListApprovals) -> dict[str, Any]:
        principal.need("approvals:read")
        run = (await self.at.run_of(asked.run, principal.org)).id if asked.run else None
        page = await self.at.application.ballots.list(principal.org, state="pending", run=run, limit=asked.limit)
        return {"approvals": [self.approval(ballot) for ballot in page.items]}

    async def cancel(self, principal: Principal, asked: Cancel) -> dict[str, Any]:
        principal.need("runs:write")
        row = await self.at.run_of(asked.run, principal.org)
        # From the newest on: one that waits must not begin because the one before it ended.
        unfinished = await self.at.turns.unfinished(row.id)
        for turn in reversed(unfinished):
            await self.at.dispatch.stop(turn, "interrupt", "user")
        if not unfinished and row.status in FINAL:
            raise refuse("job_state", f"Run {row.id} ended: it is {row.status}.", hint="Read it: show_run.")
        if not unfinished:
            raise refuse(
                "job_state",
                f"Nothing works on run {row.id}: it is {row.status}.",
                hint="A person withdraws it for good: signoff cancel RUN, or POST /v1/runs/{id}/kill.",
            )
        return await self._summary(principal, await self.standing(principal, row.id))


def details(standing: RunState) -> dict[str, Any]:
    """What a run is to do, what it did, and what proves it. Pure."""
    whole = report.as_json(standing)
    whole["evidence"] = [report.plain(each) for each in standing.values.get("evidence", ())][-MOST_ITEMS:]
    keys = ("task", "plan", "evidence", "findings", "proof", "risk", "delivered", "spent")
    return bounded({key: whole[key] for key in keys})


def progress_line(frame: bytes) -> str:
    """What an event of a run says about how far it is; empty: nothing. Pure."""
    head, _, body = frame.partition(b"data: ")
    if b"event: custom" not in head:
        return ""
    event: dict[str, Any] = json.loads(body)
    if event.get("kind") not in TOLD:
        return ""
    return " ".join(str(event.get(part) or "") for part in ("node", "message")).strip()[:200]
