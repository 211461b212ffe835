"""A2A tasks: each is a run, told in the protocol's words, with the diff and the evidence as its artifacts.

Nothing is kept beside the run. Where a person is asked the task is INPUT_REQUIRED: the next message answers the coder's
question, and a signature is given at the link, logged in, never by a message.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, NoReturn
from uuid import uuid4

from a2a.server.context import ServerCallContext
from a2a.server.events.event_queue import Event
from a2a.server.request_handlers.request_handler import RequestHandler
from a2a.types import a2a_pb2 as pb
from a2a.utils.errors import (
    A2AError,
    ContentTypeNotSupportedError,
    InternalError,
    InvalidParamsError,
    InvalidRequestError,
    PushNotificationNotSupportedError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from a2a.utils.task import validate_page_size
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value
from google.protobuf.timestamp_pb2 import Timestamp
from typing_extensions import override

from domain import Refused, SignoffError, Transient
from domain.errors import Conflict, Forbidden, Missing, Unauthenticated
from service import report
from service.auth.principal import Principal
from service.errors import refuse
from service.mcp.tools import Cancel, McpTools, StartTask, Wait, details
from service.runs.runs import FINAL, RunState, Status
from service.wiring.server import ServerContext

Who = Callable[[ServerCallContext], Principal]
BLOCKING_S = 600.0
"""How long a message that waits for its task does so; the task is WORKING then, and is asked for again."""
MOST_DIFF = 1_000_000
PAGE = 50
FIELDS = ("repo", "base", "accept", "deliver", "profile")
"""What a message's metadata may say of a new task."""
STATES: dict[Status, Any] = {
    "pending": pb.TASK_STATE_SUBMITTED,
    "running": pb.TASK_STATE_WORKING,
    "interrupted": pb.TASK_STATE_INPUT_REQUIRED,
    "paused": pb.TASK_STATE_INPUT_REQUIRED,
    "paused_budget": pb.TASK_STATE_INPUT_REQUIRED,
    "delivered": pb.TASK_STATE_COMPLETED,
    "nothing_to_do": pb.TASK_STATE_COMPLETED,
    "rejected": pb.TASK_STATE_REJECTED,
    "failed": pb.TASK_STATE_FAILED,
    "cancelled": pb.TASK_STATE_CANCELED,
}


def new_card(url: str, version: str) -> pb.AgentCard:
    """The card: what this agent does, where, and that it wants a key."""
    bearer = pb.SecurityScheme(http_auth_security_scheme=pb.HTTPAuthSecurityScheme(scheme="bearer"))
    return pb.AgentCard(
        name="Signoff",
        description="A coding agent that proves its change in a sandbox and waits for people's signatures.",
        version=version,
        supported_interfaces=[
            pb.AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version=each) for each in ("1.0", "0.3")
        ],
        capabilities=pb.AgentCapabilities(streaming=True, push_notifications=False),
        security_schemes={"bearer": bearer},
        security_requirements=[pb.SecurityRequirement(schemes={"bearer": pb.StringList()})],
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain", "text/x-diff", "application/json"],
        skills=[
            pb.AgentSkill(
                id="coding-task",
                name="Coding task",
                description="Changes a git repository as asked, and proves it by a command on a clean checkout. The "
                "message's metadata names repo, and may name base, accept, deliver (patch, commit, branch) and "
                "profile (sealed, packages). A question of the coder is answered by the next message; a signature is "
                "given by people, at the link.",
                tags=["coding", "git", "tests"],
                examples=["Fix the failing test of the parser"],
            )
        ],
    )


def refused(error: SignoffError) -> A2AError:
    """An error of ours in the protocol's words, with its stable code. Pure."""
    text = f"{error.stable_code}: {error.message} {error.hint}".strip()
    data = {"code": error.stable_code, "hint": error.hint}
    match error:
        case Missing():
            return TaskNotFoundError(text, data)
        case Forbidden() | Unauthenticated():
            return InvalidRequestError(text, data)
        case Conflict():
            return UnsupportedOperationError(text, data)
        case Refused():
            return InvalidParamsError(text, data)
        case _:
            return InternalError(text, data) if isinstance(error, Transient) else UnsupportedOperationError(text, data)


def spoken(task: str, words: str) -> pb.Message:
    """A message of the agent."""
    return pb.Message(
        message_id=str(uuid4()), task_id=task, context_id=task, role=pb.ROLE_AGENT, parts=[pb.Part(text=words)]
    )


def words_of(message: pb.Message) -> str:
    """The text of a message.

    Raises:
        ContentTypeNotSupportedError: it has a part that is no text.
    """
    if any(part.WhichOneof("content") != "text" for part in message.parts):
        raise ContentTypeNotSupportedError("Only text can be read; say in words what is wanted.")
    return "\n\n".join(part.text for part in message.parts).strip()


class TaskAgent(RequestHandler):
    """Answers for one caller at a time; ``who`` says on whose behalf."""

    def __init__(self, at: ServerContext, who: Who) -> None:
        self.at, self.who, self.tools = at, who, McpTools(at)

    @override
    async def on_message_send(self, params: pb.SendMessageRequest, context: ServerCallContext) -> pb.Task | pb.Message:
        principal = self.who(context)
        try:
            run = await self._taken(principal, params)
            if not params.configuration.return_immediately:
                await self._rests(principal, run)
            return await self._task(principal, run)
        except SignoffError as error:
            raise refused(error) from error

    @override
    async def on_message_send_stream(
        self, params: pb.SendMessageRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        principal = self.who(context)
        try:
            run = await self._taken(principal, params)
        except SignoffError as error:
            raise refused(error) from error
        async with aclosing(self._followed(principal, run)) as events:
            async for event in events:
                yield event

    @override
    async def on_subscribe_to_task(
        self, params: pb.SubscribeToTaskRequest, context: ServerCallContext
    ) -> AsyncGenerator[Event]:
        principal = self.who(context)
        try:
            principal.need("runs:read")
            row = await self.at.run_of(params.id, principal.org)
            if row.status in FINAL:
                raise refuse("job_state", f"Task {row.id} ended: it is {row.status}.", hint="Read it: GetTask.")
        except SignoffError as error:
            raise refused(error) from error
        async with aclosing(self._followed(principal, row.id)) as events:
            async for event in events:
                yield event

    @override
    async def on_get_task(self, params: pb.GetTaskRequest, context: ServerCallContext) -> pb.Task | None:
        try:
            return await self._task(self.who(context), params.id)
        except SignoffError as error:
            raise refused(error) from error

    @override
    async def on_list_tasks(self, params: pb.ListTasksRequest, context: ServerCallContext) -> pb.ListTasksResponse:
        principal = self.who(context)
        try:
            principal.need("runs:read")
        except SignoffError as error:
            raise refused(error) from error
        if params.HasField("page_size"):
            validate_page_size(params.page_size)
        size, runs = min(params.page_size or PAGE, PAGE), self.at.application.engine.runs
        if params.context_id:  # a context is one task
            row = await runs.exactly(params.context_id, org=principal.org)
            rows = [] if row is None else [row]
        else:
            rows = await runs.list(org=principal.org, limit=size)
        states = {row.id: await self._state(row.id, row.status) for row in rows}
        tasks = [
            pb.Task(id=run, context_id=run, status=pb.TaskStatus(state=state))
            for run, state in states.items()
            if not params.status or state == params.status
        ]
        return pb.ListTasksResponse(tasks=tasks, page_size=size, total_size=len(tasks))

    @override
    async def on_cancel_task(self, params: pb.CancelTaskRequest, context: ServerCallContext) -> pb.Task | None:
        principal = self.who(context)
        try:
            await self.tools.cancel(principal, Cancel(run=params.id))
            return await self._task(principal, params.id)
        except Conflict as error:
            told = refused(error)
            raise TaskNotCancelableError(told.message, told.data) from error
        except SignoffError as error:
            raise refused(error) from error

    async def _taken(self, principal: Principal, params: pb.SendMessageRequest) -> str:
        """The run of a message: a new one, or the one that it answers or goes on with."""
        # Both before anything is begun: its answer is the task, and who may not read that would send it again.
        principal.need("runs:write")
        principal.need("runs:read")
        message = params.message
        if params.configuration.HasField("task_push_notification_config"):
            raise PushNotificationNotSupportedError
        words = words_of(message)
        if not words:
            raise InvalidParamsError("The message says nothing.")
        named = {**MessageToDict(params.metadata), **MessageToDict(message.metadata)}
        fields = {key: str(named[key]) for key in FIELDS if named.get(key)}
        if not message.task_id:
            try:
                asked = StartTask.model_validate({"text": words, **fields})
            except ValueError as error:
                raise InvalidParamsError(f"The message cannot be a task: {error}"[:1_000]) from None
            return (await self.tools.start(principal, asked))["run"]
        standing = await self.tools.standing(principal, message.task_id)
        if standing.question is not None:
            interrupt = next(i.id for i in standing.interrupts if i.value.get("question") == standing.question)
            await self.tools.answer(principal, standing.run.id, interrupt, words)
            return standing.run.id
        if standing.ballot is not None:
            raise UnsupportedOperationError(
                "This task waits for a signature, which no message gives: people sign at the link, logged in.",
                {"code": "approval_pending", "hint": "Show the link to a person, then subscribe or ask again."},
            )
        return (await self.tools.start(principal, StartTask(text=words, run=standing.run.id)))["run"]

    async def _rests(self, principal: Principal, run: str, progress: Callable[[str], Any] | None = None) -> None:
        async def unheard(_: str) -> None: ...

        await self.tools.wait(principal, Wait(run=run, seconds=BLOCKING_S), progress or unheard)

    async def _followed(self, principal: Principal, run: str) -> AsyncGenerator[Event]:
        """The task, a status for each line of its progress, and where it came to rest its artifacts and last status."""
        # Without a bound but the time: who is cancelled while it waits for room never ends.
        lines: asyncio.Queue[str | None] = asyncio.Queue()

        async def work() -> None:
            try:
                await self._rests(principal, run, lines.put)
            finally:
                lines.put_nowait(None)

        try:
            first = await self._task(principal, run, artifacts=False)
            yield first
            task = asyncio.create_task(work())
            try:
                while (line := await lines.get()) is not None:
                    status = pb.TaskStatus(state=pb.TASK_STATE_WORKING, message=spoken(run, line), timestamp=_now())
                    yield pb.TaskStatusUpdateEvent(task_id=run, context_id=run, status=status)
                await task
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            last = await self._task(principal, run)
        except SignoffError as error:
            raise refused(error) from error
        for artifact in last.artifacts:
            yield pb.TaskArtifactUpdateEvent(task_id=run, context_id=run, artifact=artifact, last_chunk=True)
        yield pb.TaskStatusUpdateEvent(task_id=run, context_id=run, status=last.status, metadata=last.metadata)

    async def _task(self, principal: Principal, run: str, *, artifacts: bool = True) -> pb.Task:
        """The task as it stands now."""
        principal.need("runs:read")
        standing = await self.tools.standing(principal, run)
        run, status = standing.run.id, standing.run.status
        whole, words = report.as_json(standing), ""
        metadata: dict[str, Any] = {"status": status}
        if standing.question is not None:
            words = standing.question
        elif standing.ballot is not None:
            ballot = await self.at.application.ballots.get(standing.ballot, principal.org)
            approval = self.tools.approval(ballot)
            metadata["approval"] = approval
            words = (
                f"This waits for a person's signature ({approval['tier']}: {approval['tool']}), which no message "
                f"gives. Sign or reject it, logged in: {approval['link']}"
            )
        elif status not in {"pending", "running"}:
            words = str(whole["answer_markdown"] or f"{whole['message'] or ''} {whole['hint'] or ''}".strip())
        if whole["code"]:
            metadata["code"] = whole["code"]
        state = await self._state(run, status)
        return pb.Task(
            id=run,
            context_id=run,
            status=pb.TaskStatus(state=state, message=spoken(run, words) if words else None, timestamp=_now()),
            artifacts=await self._artifacts(standing) if artifacts else [],
            metadata=metadata,
        )

    async def _state(self, run: str, status: Status) -> Any:
        """The state of a task; one that was stopped is CANCELED here, although a message goes on with it."""
        if status == "paused":
            newest = await self.at.turns.of(run, limit=1)
            if newest and await self.at.turns.was_stopped(newest[0].id):
                return pb.TASK_STATE_CANCELED
        return STATES[status]

    async def _artifacts(self, standing: RunState) -> list[pb.Artifact]:
        """The diff so far, and what proves it."""
        made: list[pb.Artifact] = []
        if diff := (await self.tools.diff_of(standing))[:MOST_DIFF]:
            part = pb.Part(text=diff, media_type="text/x-diff", filename="change.diff")
            made.append(pb.Artifact(artifact_id="diff", name="The change", parts=[part]))
        shown = details(standing)
        proof = {key: shown[key] for key in ("plan", "evidence", "findings", "proof", "delivered")}
        if any(proof.values()):
            part = pb.Part(data=ParseDict(proof, Value()), media_type="application/json")
            made.append(pb.Artifact(artifact_id="evidence", name="The evidence", parts=[part]))
        return made

    @override
    async def on_create_task_push_notification_config(self, params: Any, context: ServerCallContext) -> NoReturn:
        raise PushNotificationNotSupportedError

    on_get_task_push_notification_config = on_create_task_push_notification_config
    on_list_task_push_notification_configs = on_create_task_push_notification_config
    on_delete_task_push_notification_config = on_create_task_push_notification_config

    @override
    async def on_get_extended_agent_card(self, params: Any, context: ServerCallContext) -> NoReturn:
        raise UnsupportedOperationError


def _now() -> Timestamp:
    stamp = Timestamp()
    stamp.GetCurrentTime()
    return stamp
