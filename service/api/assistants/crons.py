"""Routes of crons: runs by a schedule. What they start is an ordinary run of who made them, on the ordinary queue."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from database import now
from service.api.dependencies import Reader, Runner, TheContext, answer
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.requests import RunAsk, read_task, wished
from service.runs.threads import picked
from service.storage.crons import SHOWN, Cron, CronQuery, SortBy
from service.wiring.server import ServerContext

router = APIRouter(tags=["crons"])
STRICT = ConfigDict(extra="forbid")
Moment = Annotated[datetime, AfterValidator(lambda at: at if at.tzinfo else at.replace(tzinfo=UTC))]
"""A time without a zone is one of UTC, as in LangGraph's server."""
WHEN = {"schedule", "timezone", "end_time", "enabled", "on_run_completed"}
"""Fields of a cron that say when; all others are those of its runs."""


class CronAsk(RunAsk):
    """A run's body, and when to start such runs."""

    assistant_id: str = Field(max_length=200)
    schedule: str = Field(max_length=200)
    timezone: str | None = Field(default=None, max_length=100)
    end_time: Moment | None = None
    enabled: bool = True
    on_run_completed: Literal["keep", "delete"] | None = None


class CronPatch(BaseModel):
    """Changes; what is not sent stays as it is."""

    model_config = STRICT

    schedule: str | None = Field(default=None, max_length=200)
    timezone: str | None = Field(default=None, max_length=100)
    end_time: Moment | None = None
    enabled: bool | None = None
    on_run_completed: Literal["keep", "delete"] | None = None
    input: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    config: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    webhook: str | None = Field(default=None, max_length=2_000)
    interrupt_before: list[str] | str | None = None
    interrupt_after: list[str] | str | None = None
    stream_mode: list[str] | str | None = None
    stream_subgraphs: bool | None = None
    stream_resumable: bool | None = None
    durability: Literal["sync", "async", "exit"] | None = None


class CronSearch(BaseModel):
    model_config = STRICT

    assistant_id: str | None = None
    thread_id: str | None = None
    enabled: bool | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    limit: int = Field(default=10, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)
    sort_by: SortBy | None = None
    sort_order: Literal["asc", "desc"] | None = None
    select: list[str] | None = None

    async def query(self, principal: Principal, at: ServerContext) -> CronQuery:
        """What the storage is asked; an assistant may be named as runs name it."""
        named = self.assistant_id and (await at.assistants.get(self.assistant_id, principal.org)).id
        return CronQuery(
            org=principal.org,
            assistant=named,
            thread=self.thread_id,
            enabled=self.enabled,
            metadata=self.metadata,
            sort_by=self.sort_by or "created_at",
            ascending=self.sort_order == "asc",
            limit=self.limit,
            offset=self.offset,
        )


@router.post("/runs/crons")
async def create(principal: Runner, at: TheContext, asked: CronAsk) -> Response:
    """Start such a run, on a thread of its own, whenever the schedule says so."""
    return await _create(principal, at, asked, None)


@router.post("/threads/{thread_id}/runs/crons")
async def create_for_thread(principal: Runner, at: TheContext, thread_id: str, asked: CronAsk) -> Response:
    """The same on a thread: each run goes on from where the last one left it."""
    thread = await at.threads.get(thread_id, principal.org)
    return await _create(principal, at, asked, thread.id)


async def _create(principal: Principal, at: ServerContext, asked: CronAsk, thread: str | None) -> Response:
    if asked.on_run_completed == "delete":
        raise refuse("request_invalid", 'What a run did is kept: "on_run_completed" is "keep".')
    moment = now()
    known = await at.assistants.get(asked.assistant_id, principal.org)
    cron = Cron(
        id=str(uuid4()),
        org=principal.org,
        assistant=known.id,
        thread=thread,
        schedule=asked.schedule,
        timezone=asked.timezone,
        end_at=asked.end_time,
        enabled=asked.enabled,
        asked=asked.model_dump(mode="json", exclude_defaults=True, exclude={*WHEN, "assistant_id"}),
        metadata={**asked.metadata, "created_by": principal.subject},
        subject=principal.subject,
        standing=principal.standing,
        created_at=moment,
        updated_at=moment,
    )
    await _ensure_runs(principal, at, cron)
    return answer((await at.crons.add(cron)).document)


async def _ensure_runs(principal: Principal, at: ServerContext, cron: Cron) -> None:
    """Tell a mistake in the runs to come at once. Raises as a run does."""
    ask = RunAsk(**cron.asked, assistant_id=cron.assistant)
    ask.ensure_supported()
    if ask.multitask_strategy == "rollback":
        raise refuse("request_invalid", "A schedule takes nothing back: choose enqueue, reject or interrupt.")
    if cron.thread is None or wished(ask.input):
        known = await at.assistants.get(cron.assistant, principal.org)
        repo = at.settings.default_repo or ("." if cron.thread else None)  # its thread has one, perhaps
        task = read_task(ask, principal, settings=known.settings, default_repo=repo)
        if task.repo != ".":
            at.submission.may_use(task.repo)


@router.patch("/runs/crons/{cron_id}")
async def patch(principal: Runner, at: TheContext, cron_id: str, asked: CronPatch) -> Response:
    """Change it; its next run is planned anew."""
    known = await at.crons.get(cron_id, principal.org)
    if asked.on_run_completed == "delete":
        raise refuse("request_invalid", 'What a run did is kept: "on_run_completed" is "keep".')
    sent = asked.model_dump(mode="json", exclude_unset=True)
    body = {**known.asked, **{name: part for name, part in sent.items() if name not in {*WHEN, "metadata"}}}
    changed = replace(
        known,
        asked={name: part for name, part in body.items() if part is not None},
        metadata={**known.metadata, **(asked.metadata or {})},
        schedule=asked.schedule or known.schedule,
        timezone=asked.timezone or known.timezone,
        end_at=asked.end_time if "end_time" in sent else known.end_at,
        enabled=known.enabled if asked.enabled is None else asked.enabled,
        # Who changes what is done answers for it from now on.
        subject=principal.subject,
        standing=principal.standing,
    )
    await _ensure_runs(principal, at, changed)
    return answer((await at.crons.update(changed)).document)


@router.delete("/runs/crons/{cron_id}", status_code=204)
async def delete(principal: Runner, at: TheContext, cron_id: str) -> None:
    """Delete it; what it started goes on."""
    await at.crons.delete(cron_id, principal.org)


@router.post("/runs/crons/search")
async def search(principal: Reader, at: TheContext, asked: CronSearch) -> Response:
    """One page of crons."""
    picked({}, asked.select, allowed=SHOWN)
    page = await at.crons.search(await asked.query(principal, at))
    return answer([picked(cron.document, asked.select, allowed=SHOWN) for cron in page])


@router.post("/runs/crons/count")
async def count(principal: Reader, at: TheContext, asked: CronSearch) -> int:
    """How many there are."""
    return await at.crons.count(await asked.query(principal, at))
