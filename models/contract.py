"""What a model and a provider of changes promise.

``Model`` answers messages with a value of a given type. ``Provider`` proposes a code change, by
asking a model or by searching for a repair; the graph cannot tell which, and ranks by evidence.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Generic, Literal, Protocol, TypeVar

from pydantic import Field

from domain import CodeChange, CommandRun, Hunk, Name, Prose, value

T = TypeVar("T")

Role = Literal["planner", "coder", "reviewer", "chat"]
Heard = Callable[[str], None]
"""Called with text as it streams in; an empty text says that an answer begins, anew if there was one."""


@value
class Message:
    role: Literal["system", "user", "assistant"]
    content: str
    prompt: str = ""
    """``name@version`` of the prompt whose words these are; empty for everything else."""


@value
class Usage:
    """What one answer, or several together, cost."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    """The part of ``tokens_in`` that the server took from its prefix cache."""
    cost: Decimal = Decimal(0)
    calls: int = 0
    estimated: int = 0
    """The part of both kinds of tokens that nobody counted: of answers that broke off, and of endpoints that do not."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            tokens_cached=self.tokens_cached + other.tokens_cached,
            cost=self.cost + other.cost,
            calls=self.calls + other.calls,
            estimated=self.estimated + other.estimated,
        )


@value
class Settings:
    """How to ask: sampling and bounds of one role (A1)."""

    temperature: float = Field(default=0.2, ge=0, le=2)
    max_tokens: int = Field(default=2_048, ge=1)
    timeout_s: float = Field(default=120.0, gt=0)


@value
class Reply(Generic[T]):
    """An answer that parsed."""

    value: T
    model: str
    usage: Usage = Field(default_factory=Usage)
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    finish: str = "stop"


class Model(Protocol):
    """Something that can be asked."""

    @property
    def name(self) -> str:
        """Model id, as spans and artefacts show it."""
        ...

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """Answer with a value of ``answer`` (a pydantic dataclass, or ``str`` for plain text).

        Whoever sends something books what it used (``metering.book``), also when no answer comes of it.

        Raises:
            Unavailable, RateLimited, Unreadable: Transient; trying again later can help.
            ContextTooLong, Refused: the request itself is wrong (``llm_unauthorized``, ``llm_unknown_model`` …).
            Exhausted: a budget is spent; nothing was sent.
        """
        ...


class Bench(Protocol):
    """The little of a sandbox that a provider may use. A workspace happens to satisfy it."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = ...,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> CommandRun: ...

    async def read(self, path: str, *, limit: int = ...) -> bytes: ...

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None: ...


@value
class Job:
    """One change that is wanted."""

    messages: tuple[Message, ...] = ()
    """The whole prompt, rendered by the node that speaks it."""
    accept: str = ""
    """Shell command that must pass afterwards; it fails now when there is a bug to repair."""
    expert: Name = "code_general"
    settings: Settings = Field(default_factory=Settings)
    seconds: float = Field(default=60.0, gt=0)
    """Wall time a provider may take."""
    suspects: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """Paths worth looking at first."""
    hunks: Annotated[tuple[Hunk, ...], Field(max_length=500)] = ()
    """What changed lately, newest first."""


@value
class Proposal:
    """A change somebody proposes, and what it took."""

    provider: str
    model: str = ""
    change: CodeChange
    usage: Usage = Field(default_factory=Usage)
    duration_ms: float = 0.0
    tried: int = 1
    """Candidates that were run to find it."""
    passing: int = 0
    """How many different candidates passed; more than one means the tests do not decide."""
    note: Prose = ""


class Provider(Protocol):
    """Somebody who proposes changes."""

    @property
    def name(self) -> str: ...

    async def propose(self, job: Job, bench: Bench, *, heard: Heard | None = None) -> Proposal:
        """One change for this job. The bench's files are the same afterwards as before.

        Raises:
            as ``Model.ask``; and Refused ``no_failing_test``, ``no_repair_found`` from the repair engine.
        """
        ...
