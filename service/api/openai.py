"""An OpenAI-compatible door: chat clients ask for a change, see the stages, and get the diff or a link to sign."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from approvals import Ballot
from service.api.caller import Reader, Runner, TheOffice, answer
from service.api.completions import CHAT, CODING, END, chunk, document, failed
from service.api.following import finished, location, result
from service.api.problems import problem
from service.api.stages import Stages
from service.api.talking import talk
from service.asking import RunAsk
from service.office import Office
from service.reception import Taken
from service.refusals import refuse
from service.stopped import stopped_by_model
from service.who import Who

router = APIRouter(prefix="/v1", tags=["openai"])


class Completion(BaseModel):
    """The fields of OpenAI's request that mean something here, and fields of our tasks."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(default=CODING, max_length=200)
    messages: list[dict[str, Any]] = Field(min_length=1, max_length=1_000)
    stream: bool = False
    metadata: dict[str, Any] | None = None
    repo: str | None = Field(default=None, max_length=2_000)
    accept: str | None = Field(default=None, max_length=2_000)
    deliver: str | None = Field(default=None, max_length=20)
    strategy: str | None = Field(default=None, max_length=100)
    expert: str | None = Field(default=None, max_length=100)
    pipeline: bool | None = None
    """False: one coder, no planner, no reviewer."""


OURS = ("repo", "accept", "deliver", "strategy", "expert", "pipeline")
"""Fields of a task that stand beside ``messages``, or in ``metadata`` where a client sends no other fields."""


@router.get("/models")
async def models(_: Reader, at: TheOffice) -> dict[str, Any]:
    """What can be asked."""
    names = [CODING, *([CHAT] if at.house.board.registry.any("chat") else [])]
    created = int(at.started_at.timestamp())
    return {"object": "list", "data": [
        {"id": name, "object": "model", "created": created, "owned_by": "signoff"} for name in names]}  # fmt: skip


@router.post("/chat/completions")
async def complete(who: Runner, at: TheOffice, asked: Completion) -> Response:
    """Coding requests run the graph; others go to the chat model."""
    if asked.model == CHAT:
        return await talk(at, who, asked.messages, stream=asked.stream)
    if asked.model not in {CODING, "coding"}:
        raise refuse("assistant_not_found", f"There is no model {asked.model[:100]!r}.")
    taken = await _started(at, who, asked)
    if asked.stream:
        return StreamingResponse(_told(at, taken), media_type="text/event-stream")
    stages = Stages()
    if taken.feed is not None:
        async for each in taken.feed.listen():
            stages.hear(each)
    await finished(at, taken)
    if (error := stopped_by_model(await _values(at, taken))) is not None:
        told = problem(error, instance="/v1/chat/completions", **_going_on(taken))
        told.headers.update(location(taken.turn, "join"))
        return told
    content, about = await _answer(at, taken)
    return answer(document(taken.turn.id, CODING, content, {**about, "stages": stages.list()}))


async def _started(at: Office, who: Who, asked: Completion) -> Taken:
    about = asked.metadata or {}
    fields = {name: about.get(name) if (said := getattr(asked, name)) is None else said for name in OURS}
    given: dict[str, Any] = {"messages": asked.messages, **{k: v for k, v in fields.items() if v is not None}}
    ask = RunAsk(input=given, stream_mode=["custom"], if_not_exists="create")
    thread = about.get("thread_id")
    return await at.reception.take(who, ask, str(thread) if thread else None)


async def _told(at: Office, taken: Taken) -> AsyncGenerator[bytes]:
    """Stages as they pass and what the coder writes, for clients that show reasoning; then the answer."""
    stages = Stages()
    yield chunk(taken.turn.id, {"role": "assistant", "content": ""})
    if taken.feed is not None:
        async for each in taken.feed.listen():
            if line := stages.hear(each):
                yield chunk(taken.turn.id, {"reasoning_content": line})
    await finished(at, taken)
    if (error := stopped_by_model(await _values(at, taken))) is not None:
        yield failed(error, **_going_on(taken))
        return
    content, about = await _answer(at, taken)
    yield chunk(taken.turn.id, {"content": content})
    yield chunk(taken.turn.id, {}, finish="stop", about={**about, "stages": stages.list()})
    yield END


async def _values(at: Office, taken: Taken) -> Mapping[str, Any]:
    known = taken.feed.result if taken.feed else None
    return known if known is not None else await result(at, taken.turn)


def _going_on(taken: Taken) -> dict[str, str]:
    """What a client needs to go on later with what was stopped now."""
    return {"thread_id": taken.turn.thread, "run_id": taken.turn.id}


async def _answer(at: Office, taken: Taken) -> tuple[str, dict[str, Any]]:
    """The words of the answer, and what programs want to know beside them."""
    values = await result(at, taken.turn)
    about: dict[str, Any] = {"thread_id": taken.turn.thread, "run_id": taken.turn.id}
    standing = await at.reception.of(taken.turn.org).standing(taken.turn.thread)
    about["status"] = standing.run.status
    if standing.ballot is not None:
        ballot = await at.house.ballots.get(standing.ballot, taken.turn.org)
        link = _link(at, ballot)
        return _asks(ballot, link), {**about, "approval_id": ballot.id, "approval_link": link}
    if error := values.get("__error__"):
        return f"This did not work: {error['message']} (`{error['error']}`)", about
    ending = standing.run.ending
    words = [ending.answer_markdown or ending.message] if ending else []
    if ending and ending.hint and standing.run.status != "delivered":
        words.append(ending.hint)
    diff = str(values.get("diff") or "")
    shown = str(values.get("readable") or diff)
    return "\n\n".join([*words, *([f"```diff\n{shown.rstrip()}\n```"] if diff else [])]), {**about, "diff": diff}


def _link(at: Office, ballot: Ballot) -> str:
    token = at.links.issue(
        ballot=ballot.id, org=ballot.org, action_digest=ballot.action_digest, until=ballot.expires_at
    )
    return f"{at.settings.home_url}/a/{token}"


def _asks(ballot: Ballot, link: str) -> str:
    diff = f"\n\n```diff\n{ballot.diff.rstrip()}\n```" if ballot.diff else ""
    needs = f"{ballot.requirement.humans} signature{'s' * (ballot.requirement.humans != 1)}"
    return f"This needs {needs} before it happens ({ballot.tier}: {ballot.action.tool}). Read and decide: {link}{diff}"
