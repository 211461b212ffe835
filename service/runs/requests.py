"""Requests for runs, in LangGraph's words: the body, the task that it means, and the assistants it may name. Pure.

There is one fixed assistant of the coding graph for each sandbox profile; clients make others.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, cast
from uuid import NAMESPACE_URL, uuid4, uuid5

from langchain_core.messages import convert_to_messages
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from domain import Task, value
from domain.configuration import explained
from domain.errors import Unprocessable
from domain.identity import ensure_no_credential
from domain.work import Profile
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.threads import GRAPH
from service.runs.turns import Strategy

FIELDS = frozenset(
    {"repo", "base", "accept", "deliver", "expert", "strategy", "profile", "pipeline", "budget", "outside"}
)
"""Fields of a task that ``config.configurable`` or ``context`` may set; ``repo`` beside ``messages`` works, too."""
MODES = frozenset(
    {"values", "updates", "messages", "messages-tuple", "custom", "events", "debug", "tasks", "checkpoints"}
)
KWARGS = {
    "input",
    "command",
    "config",
    "context",
    "checkpoint",
    "checkpoint_id",
    "stream_mode",
    "stream_subgraphs",
    "stream_resumable",
    "on_disconnect",
    "webhook",
    "after_seconds",
    "durability",
}
"""Fields of a request that a run's document repeats."""
END = "__end__"
"""LangGraph's name for the end of a graph."""
ONLY_MESSAGES = "Of a state only messages can be written: everything else in it is evidence."
EMPTY: tuple[Any, ...] = (None, [], {}, "")
_TASK = TypeAdapter(Task)


class RunAsk(BaseModel):
    """The body of every route that starts a run (LangGraph's ``RunCreateStateful`` and ``RunCreateStateless``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    assistant_id: str = Field(default="coding", max_length=200)
    input: dict[str, Any] | None = None
    command: dict[str, Any] | None = None
    stream_mode: list[str] | str = "values"
    stream_subgraphs: bool = False
    stream_resumable: bool = False
    metadata: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)
    checkpoint: dict[str, Any] | None = None
    checkpoint_id: str | None = Field(default=None, max_length=200)
    interrupt_before: list[str] | str | None = None
    interrupt_after: list[str] | str | None = None
    webhook: str | None = Field(default=None, max_length=2_000)
    multitask_strategy: Strategy = "enqueue"
    if_not_exists: Literal["create", "reject"] = "reject"
    on_disconnect: Literal["cancel", "continue"] = "continue"
    on_completion: Literal["delete", "keep"] = "keep"
    after_seconds: float = Field(default=0, ge=0, le=30 * 86_400)
    strict_resume: bool = False
    durability: Literal["sync", "async", "exit"] | None = None
    checkpoint_during: bool | None = None
    """These two ask for less than what every run has: a checkpoint before each next step."""
    feedback_keys: list[str] | None = None
    langsmith_tracer: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _named_once(cls, body: Any) -> Any:
        """The npm SDK names the assistant of a run in a batch twice, once in its own spelling."""
        if isinstance(body, dict) and "assistant_id" in body and body.get("assistantId") == body["assistant_id"]:
            return {name: part for name, part in body.items() if name != "assistantId"}
        return body

    @property
    def kwargs(self) -> dict[str, Any]:
        """What was asked, as a run's document shows it."""
        return self.model_dump(mode="json", include=KWARGS, exclude_none=True)

    @property
    def modes(self) -> tuple[str, ...]:
        """The stream modes, checked. Raises ``request_invalid``."""
        modes = (self.stream_mode,) if isinstance(self.stream_mode, str) else tuple(self.stream_mode)
        return checked_modes(modes)

    @property
    def resume(self) -> Any:
        """What it resumes with; None: nothing."""
        return (self.command or {}).get("resume")

    @property
    def at(self) -> str | None:
        """The checkpoint to go back to. Raises ``request_invalid`` for one that is named by no text."""
        configurable = _mapping(self.config.get("configurable"))
        named = self.checkpoint_id or (self.checkpoint or {}).get("checkpoint_id") or configurable.get("checkpoint_id")
        if named is not None and not isinstance(named, str):
            raise refuse("request_invalid", "The id of a checkpoint is text.")
        return named

    def ensure_supported(self) -> None:
        """Say no to what would be ignored in silence."""
        if self.on_completion == "delete":
            raise refuse("request_invalid", "What a run did is kept; delete its thread when you are done with it.")
        if unknown := sorted(self.context.keys() - FIELDS):
            raise refuse("request_invalid", f"A run's context has no {unknown[0][:60]!r}; see docs/api.md, A task.")
        if self.feedback_keys or self.langsmith_tracer:
            raise refuse("request_invalid", "Runs are traced by this server, not by LangSmith; see docs/tracing.md.")
        # A ``Command`` of LangGraph is sent with all of its parts, and empty ones mean nothing.
        parts = {name: part for name, part in (self.command or {}).items() if part not in EMPTY}
        if unknown := sorted(parts.keys() - {"resume", "goto", "update"}):
            raise refuse("request_invalid", f"A command has only resume, goto and update here, no {unknown[0][:60]!r}.")
        if "update" in parts and (not isinstance(parts["update"], dict) or set(parts["update"]) != {"messages"}):
            raise refuse("request_invalid", ONLY_MESSAGES)
        _ = self.said
        if self.ends and len(parts) > 1:
            raise refuse("request_invalid", "A run that is ended is neither answered nor changed.")

    @property
    def goto(self) -> tuple[str, ...]:
        """The nodes to jump to. Raises ``request_invalid`` for a ``Send``, which would bring a state of its own."""
        named: Any = (self.command or {}).get("goto") or []
        nodes: Any = [named] if isinstance(named, (str, dict)) else named
        if not isinstance(nodes, list) or not all(isinstance(node, str) for node in cast("list[Any]", nodes)):
            raise refuse("request_invalid", "A jump names nodes; it brings them no input.")
        return tuple(cast("list[str]", nodes))

    @property
    def ends(self) -> bool:
        """Whether it jumps to the end, as "Mark as resolved" of LangGraph's chat clients does."""
        return self.goto == (END,)

    @property
    def said(self) -> list[dict[str, Any]]:
        """The messages of its ``update``, each with an id, so that they are written once.

        Raises ``request_invalid`` for what is none.
        """
        messages: Any = ((self.command or {}).get("update") or {}).get("messages") or []
        given: Any = [messages] if isinstance(messages, (str, dict)) else messages
        try:
            whole = [{"role": "user", "content": each} if isinstance(each, str) else {**each} for each in given]
            convert_to_messages(whole)
        except (AttributeError, KeyError, NotImplementedError, TypeError, ValueError):
            raise refuse("request_invalid", "The messages of an update have a role and a content each.") from None
        return [{**each, "id": str(each.get("id") or uuid4())} for each in whole]

    def breaks(self, nodes: Collection[str]) -> dict[str, list[str]]:
        """The nodes to pause before and behind. Raises ``request_invalid`` for one that there is not."""
        found: dict[str, list[str]] = {}
        for where, asked in (("before", self.interrupt_before), ("after", self.interrupt_after)):
            names = sorted(nodes) if asked == "*" else [asked] if isinstance(asked, str) else asked or []
            if unknown := sorted(set(names) - set(nodes)):
                known = ", ".join(sorted(nodes))
                raise refuse(
                    "request_invalid", f"There is no node {unknown[0][:60]!r} to pause at; there are: {known}."
                )
            found |= {where: names} if names else {}
        return found


def checked_modes(modes: Sequence[str]) -> tuple[str, ...]:
    """The stream modes. Raises ``request_invalid`` for one that is not known."""
    if unknown := sorted(set(modes) - MODES):
        raise refuse("request_invalid", f"There is no stream mode {unknown[0]!r}.")
    return tuple(dict.fromkeys(modes))


def idempotency_key(once: str, thread_id: str | None, ask: RunAsk) -> str:
    """What a turn is known by: the same key with another request is refused, so what was asked is part of it."""
    request = json.dumps([thread_id, ask.model_dump(mode="json")], sort_keys=True).encode()
    return f"{once}:{hashlib.sha256(request).hexdigest()[:32]}"


def wished(input_: Mapping[str, Any] | None) -> str:
    """The words of an input: of its task, or of the last human message. Empty: it says nothing."""
    task = (input_ or {}).get("task")
    if isinstance(task, dict) and task.get("text"):
        return str(task["text"]).strip()
    messages = (input_ or {}).get("messages")
    messages = [messages] if isinstance(messages, (dict, str)) else messages
    # The last one: those before it were answered by earlier runs.
    for message in reversed(cast("list[Any]", messages) if isinstance(messages, list) else []):
        if isinstance(message, str):
            return message.strip()
        if isinstance(message, dict) and message.get("role", message.get("type")) in {"user", "human"}:
            return spoken(message.get("content")).strip()
    return ""


def spoken(content: Any) -> str:
    """The text of a message's content, whichever form it has."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if isinstance(part, dict) and part.get("text"))


def task_fields(config: Mapping[str, Any], *sources: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a task in ``config.configurable`` and in more sources; the last one counts."""
    read = (_mapping(config.get("configurable")), *sources)
    return {key: part for source in read for key, part in source.items() if key in FIELDS}


def read_task(ask: RunAsk, principal: Principal, *, settings: Mapping[str, Any], default_repo: str | None) -> Task:
    """The task a run is asked to do; ``settings``: its fields where the request says nothing.

    Who requests it, and how they stand, is who is logged in, whatever the body says.

    Raises:
        Refused: ``task_missing`` without words or a repository, ``task_invalid`` for a field out of bounds,
            ``credential_in_url``.
    """
    input_ = ask.input or {}
    task = input_.get("task")
    # The later one wins: what stands nearest to the task.
    fields: dict[str, Any] = {**settings, **task_fields(ask.config, ask.context, input_)}
    fields |= {key: part for key, part in _mapping(task).items() if key not in {"requester", "received_at", "standing"}}
    fields["text"] = wished(input_)
    fields.setdefault("repo", default_repo or "")
    if not fields["text"]:
        raise refuse("task_missing", "The input says nothing that could be done.")
    if not fields["repo"]:
        raise refuse("task_missing", "The input names no repository.")
    return _made_task({**fields, "requester": principal.subject, "standing": principal.standing})


def _made_task(fields: Mapping[str, Any]) -> Task:
    for name in ("repo", "base"):
        ensure_no_credential(str(fields.get(name, "")))
    try:
        return _TASK.validate_python(fields)
    except ValidationError as error:
        raise Unprocessable(
            f"The task is not valid: {explained(error)}",
            code="task_invalid",
            hint='Send {"text": …, "repo": …}; see docs/api.md for the other fields.',
        ) from error


def _mapping(part: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", part) if isinstance(part, dict) else {}


_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@value
class Assistant:
    """A graph and how it is run: a repository with its settings, where it names one."""

    id: str
    name: str
    description: str | None = None
    graph: str = GRAPH
    config: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    version: int = 1
    created_at: datetime = _SINCE
    updated_at: datetime = _SINCE

    @property
    def settings(self) -> dict[str, Any]:
        """Fields of the tasks of its runs, where the run does not say otherwise."""
        return task_fields(self.config, self.context)

    @property
    def document(self) -> dict[str, Any]:
        """As the SDK reads it."""
        return {
            "assistant_id": self.id,
            "graph_id": self.graph,
            "name": self.name,
            "description": self.description,
            "config": self.config,
            "context": self.context,
            "metadata": self.metadata,
            "version": self.version,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }

    def ensure_settings(self) -> None:
        """Raise ``request_invalid``, ``task_invalid`` or ``credential_in_url`` for settings that no run could take."""
        named = {*_mapping(self.config.get("configurable")), *self.context}
        if unknown := sorted(named - FIELDS):
            raise refuse(
                "request_invalid",
                f"An assistant has no setting {unknown[0][:60]!r}; there are: {', '.join(sorted(FIELDS))}.",
            )
        _made_task({"text": "x", "repo": "x", **self.settings})


class AssistantSource(Protocol):
    """Knows assistants by id."""

    async def get(self, named: str, org: str) -> Assistant:
        """The assistant. Raises ``assistant_not_found``."""
        ...


def _fixed(name: str, profile: Profile, description: str) -> Assistant:
    id_ = str(uuid5(NAMESPACE_URL, f"signoff:assistant:{name}"))
    config = {"configurable": {"profile": profile}}
    about = {"created_by": "system", "profile": profile}
    return Assistant(id=id_, name=name, description=description, config=config, metadata=about)


ASSISTANTS: tuple[Assistant, ...] = (
    _fixed("coding", "sealed", "Changes code and proves it in a sandbox without a network."),
    _fixed("coding-packages", "packages", "The same, and the sandbox reaches package registries."),
)


def fixed_assistant(named: str) -> Assistant | None:
    """The server's own assistant of this id or name; the graph's name means the sealed one."""
    return next((each for each in ASSISTANTS if named in {each.id, each.name}), None)


def assistant(named: str) -> Assistant:
    """The same. Raises ``assistant_not_found``."""
    if (found := fixed_assistant(named)) is None:
        raise refuse("assistant_not_found", f"Assistant {named[:100]!r} not found.")
    return found
