"""Prompts: versions, what came of each, promotion and canaries.

Reading needs ``runs:read``; what everybody's runs are told is for administrators to change.
"""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from service import usage
from service.api.dependencies import Admin, Reader, TheContext, answer
from service.prompts import canaries as canary_rows
from service.prompts import outcomes as outcome_rows
from service.prompts.overview import overview
from service.report import plain

router = APIRouter(prefix="/v1/prompts", tags=["prompts"])
Version = Annotated[str, Field(min_length=1, max_length=100)]
Why = Annotated[str, Field(max_length=2_000)]
PromptName = Annotated[str, Query(max_length=100)]


class PromptChangeRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    why: Why = ""
    """For the audit."""


class PromotionRequest(PromptChangeRequest):
    version: Version
    """Or its beginning."""


class CanaryRequest(PromotionRequest):
    share: float = Field(default=0.1, gt=0, le=canary_rows.LARGEST_SHARE)
    """Of the new runs, between 0 and 0.9."""
    max_runs: int | None = Field(default=None, ge=1, le=1_000_000)
    """Runs that get it at most."""


@router.get("")
async def list_prompts(principal: Reader, at: TheContext) -> Response:
    """Every prompt with its versions, the share of new runs that speaks each, and the canary that is running."""
    staging = at.settings.prompts_staging_share
    return answer({"items": await overview(at.application.prompts, principal.org, staging=staging)})


@router.get("/outcomes")
async def outcomes(
    principal: Reader,
    at: TheContext,
    prompt: PromptName = "",
    since: Annotated[str | None, Query(max_length=40, description="24h, 7d, a date or a time.")] = None,
) -> Response:
    """What came of the runs that spoke each version: success with its interval, cost, turns, minutes."""
    prompts, during = at.application.prompts, usage.period(since, None, now=at.application.engine.clock())
    if prompt:
        prompts.versions.source(prompt)
    rows = await prompts.outcomes.of(principal.org, name=prompt, since=during.since)
    return answer({"items": [outcome_rows.document(row) for row in rows]})


@router.get("/changes")
async def changes(principal: Reader, at: TheContext, prompt: PromptName = "") -> Response:
    """Who had new runs speak which version, and why; the newest first. Names take ``audit:read``."""
    rows = await at.application.prompts.changes.history(principal.org, prompt)
    hidden = {} if "audit:read" in principal.scopes else {"changed_by": None}
    return answer({"items": [{**plain(row), **hidden} for row in rows]})


@router.get("/canaries")
async def canaries(principal: Reader, at: TheContext, prompt: PromptName = "") -> Response:
    """Canaries, the newest first: how both versions fare, and what came of it. Names take ``audit:read``."""
    rows = await at.application.prompts.canaries.list(principal.org, name=prompt)
    hidden = {} if "audit:read" in principal.scopes else {"started_by": None, "ended_by": None}
    return answer({"items": [{**canary_rows.document(row), **hidden} for row in rows]})


@router.post("/{name}/promote")
async def promote(principal: Admin, at: TheContext, name: str, asked: PromotionRequest) -> Response:
    """Have new runs speak a version; runs that have begun keep theirs."""
    change = await at.application.prompts.changes.promote(
        principal.org, name, asked.version, by=principal.subject, why=asked.why
    )
    return answer(plain(change))


@router.post("/{name}/rollback")
async def roll_back(principal: Admin, at: TheContext, name: str, asked: PromptChangeRequest) -> Response:
    """Have new runs speak what they spoke before the last promotion."""
    change = await at.application.prompts.changes.roll_back(principal.org, name, by=principal.subject, why=asked.why)
    return answer(plain(change))


@router.post("/{name}/follow")
async def follow(principal: Admin, at: TheContext, name: str, asked: PromptChangeRequest) -> Response:
    """Have new runs speak what the files or Langfuse label production again."""
    change = await at.application.prompts.changes.follow(principal.org, name, by=principal.subject, why=asked.why)
    return answer(plain(change))


@router.post("/{name}/canary", status_code=201)
async def start_canary(principal: Admin, at: TheContext, name: str, asked: CanaryRequest) -> Response:
    """Give a share of new runs another version, until it is worse beyond chance or had its runs."""
    canary = await at.application.prompts.canaries.start(
        principal.org,
        name,
        asked.version,
        share=asked.share,
        most_runs=asked.max_runs,
        by=principal.subject,
        why=asked.why,
    )
    return answer(canary_rows.document(canary), 201)


@router.post("/{name}/canary/end")
async def end_canary(principal: Admin, at: TheContext, name: str, asked: PromptChangeRequest) -> Response:
    """Give new runs the current version only."""
    canary = await at.application.prompts.canaries.end(principal.org, name, by=principal.subject, why=asked.why)
    return answer(canary_rows.document(canary))
