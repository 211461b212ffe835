"""Requests for runs, in LangGraph's words: the body, the task that it means, and the assistants it may name. Pure.

There is one assistant of the coding graph for each sandbox profile.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from domain import Task, value
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
        named = self.checkpoint_id or (self.checkpoint or {}).get("checkpoint_id")
        if named is not None and not isinstance(named, str):
            raise refuse("request_invalid", "The id of a checkpoint is text.")
        return named

    def ensure_supported(self) -> None:
        """Say no to what would be ignored in silence."""
        if self.interrupt_before or self.interrupt_after:
            raise refuse("request_invalid", "This graph pauses where a signature is due; it takes no break points.")
        if self.on_completion == "delete":
            raise refuse("request_invalid", "What a run did is kept; delete its thread when you are done with it.")
        if self.feedback_keys or self.langsmith_tracer:
            raise refuse("request_invalid", "Runs are traced by this server, not by LangSmith; see docs/tracing.md.")
        # A ``Command`` of LangGraph is sent with all of its parts, and empty ones mean nothing.
        if {name for name, part in (self.command or {}).items() if part not in EMPTY} - {"resume"}:
            raise refuse("request_invalid", "Of the commands only resume is taken.")


def checked_modes(modes: Sequence[str]) -> tuple[str, ...]:
    """The stream modes. Raises ``request_invalid`` for one that is not known."""
    if unknown := sorted(set(modes) - MODES):
        raise refuse("request_invalid", f"There is no stream mode {unknown[0]!r}.")
    return tuple(dict.fromkeys(modes))


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


def read_task(ask: RunAsk, principal: Principal, *, profile: str, default_repo: str | None) -> Task:
    """The task a run is asked to do. Who requests it, and how they stand, is who is logged in, whatever the body says.

    Raises:
        Refused: ``task_missing`` without words or a repository, ``task_invalid`` for a field out of bounds,
            ``credential_in_url``.
    """
    input_ = ask.input or {}
    task = input_.get("task")
    fields: dict[str, Any] = {"profile": profile}
    # The later one wins: what stands nearest to the task.
    for source in (_mapping(ask.config.get("configurable")), ask.context, input_):
        fields |= {key: part for key, part in source.items() if key in FIELDS}
    fields |= {key: part for key, part in _mapping(task).items() if key not in {"requester", "received_at", "standing"}}
    fields["text"] = wished(input_)
    fields.setdefault("repo", default_repo or "")
    if not fields["text"]:
        raise refuse("task_missing", "The input says nothing that could be done.")
    if not fields["repo"]:
        raise refuse("task_missing", "The input names no repository.")
    for name in ("repo", "base"):
        ensure_no_credential(str(fields.get(name, "")))
    try:
        return _TASK.validate_python({**fields, "requester": principal.subject, "standing": principal.standing})
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise Unprocessable(
            f"The task is not valid: {what}",
            code="task_invalid",
            hint='Send {"text": …, "repo": …}; see docs/api.md for the other fields.',
        ) from error


def _mapping(part: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", part) if isinstance(part, dict) else {}


_SINCE = datetime(2026, 1, 1, tzinfo=UTC).isoformat()


@value
class Assistant:
    """A graph and how it is run."""

    id: str
    name: str
    description: str
    profile: Profile
    graph: str = GRAPH

    @property
    def document(self) -> dict[str, Any]:
        """As the SDK reads it."""
        return {
            "assistant_id": self.id,
            "graph_id": self.graph,
            "name": self.name,
            "description": self.description,
            "config": {"configurable": {"profile": self.profile}},
            "context": {},
            "metadata": {"created_by": "system", "profile": self.profile},
            "version": 1,
            "created_at": _SINCE,
            "updated_at": _SINCE,
        }


def _made(name: str, profile: Profile, description: str) -> Assistant:
    id_ = str(uuid5(NAMESPACE_URL, f"signoff:assistant:{name}"))
    return Assistant(id=id_, name=name, profile=profile, description=description)


ASSISTANTS: tuple[Assistant, ...] = (
    _made("coding", "sealed", "Changes code and proves it in a sandbox without a network."),
    _made("coding-packages", "packages", "The same, and the sandbox reaches package registries."),
)


def assistant(named: str) -> Assistant:
    """The assistant with this id or name; the graph's name means the sealed one. Raises ``assistant_not_found``."""
    for each in ASSISTANTS:
        if named in {each.id, each.name}:
            return each
    raise refuse("assistant_not_found", f"There is no assistant {named[:100]!r}.")
