"""Model contract: one question in, one reply out, whatever answers it. Messages of it lie in checkpoints."""

import json
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

from pydantic import Field

from domain import Broken, Spent, Task, value
from domain.evidence import FailureKind
from domain.work import Name

T = TypeVar("T")

Role = Literal["planner", "coder", "reviewer", "chat"]
Tier = Literal["fast", "balanced", "advanced", "premium"]
TIERS: tuple[Tier, ...] = ("fast", "balanced", "advanced", "premium")
"""From the cheapest to the best (D2)."""
CodeForm = Literal["blocks", "json"]
"""How a whole change is written: in fenced blocks, or as one JSON object."""
Listener = Callable[[str], None]
"""Called with text as it streams in; an empty text says that an answer begins, anew if there was one."""


DialectName = Literal["tools", "text", "single"]
"""How the coder works with a model: it calls functions turn by turn, writes a fenced block a turn, or answers once."""
ToolChoice = Literal["auto", "required"]
"""Whether a model may also answer in words, or has to call a tool."""


@value
class Tool:
    """A function that a model may call instead of answering in words."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """JSON Schema of its arguments, an object."""


@value
class ToolCall:
    """A call that a model made: its arguments, or the text that came in their place and what is wrong with it."""

    id: str
    """The result names it (``Message.tool_call_id``)."""
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    raw: str = ""
    """What was written as the arguments, where it cannot be read; empty otherwise."""
    wrong: str = ""
    """Why it cannot be read, in words for the model; empty: the arguments are what was written."""


@value
class Message:
    """One turn of a conversation. Who calls tools is answered by one ``tool`` message for each call."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    prompt: str = ""
    """``name@version`` of the prompt whose words these are; empty for everything else."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant, beside its words."""
    tool_call_id: str = ""
    """Of a ``tool`` message: the call whose result this is."""

    @property
    def text(self) -> str:
        """All that a tokenizer reads of it: the words, and the calls as JSON."""
        if not self.tool_calls:
            return self.content
        return "\n".join([self.content, *(f"{call.name} {arguments_text(call)}" for call in self.tool_calls)])


def arguments_text(call: ToolCall) -> str:
    """The arguments as a model is shown them: JSON. Templates read them again, so what nobody could read is wrapped."""
    return json.dumps({"unreadable": call.raw} if call.wrong else call.arguments, ensure_ascii=False)


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
    """The part of both kinds of tokens that no tokenizer counted: of answers that broke off, of endpoints without."""

    @property
    def tokens(self) -> int:
        """Both kinds together: what a budget of tokens is about."""
        return self.tokens_in + self.tokens_out

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
class Price:
    """Money for 1,000 tokens."""

    per_1k_in: Decimal = Decimal(0)
    per_1k_out: Decimal = Decimal(0)

    def of(self, usage: Usage) -> Decimal:
        """What this usage costs."""
        return (self.per_1k_in * usage.tokens_in + self.per_1k_out * usage.tokens_out) / 1_000


@value
class ModelSettings:
    """How to ask: sampling and bounds of one role (A1)."""

    temperature: float = Field(default=0.2, ge=0, le=2)
    max_tokens: int = Field(default=2_048, ge=1)
    timeout_s: float = Field(default=120.0, gt=0)


# A plain dataclass: it is made anew on the way through each wrapper, and nothing of it is stored.
@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """All that a model is asked with."""

    messages: Sequence[Message]
    answer: type[T]
    """A pydantic dataclass, or ``str`` for plain text."""
    _: KW_ONLY
    settings: ModelSettings
    listener: Listener | None = None
    tools: tuple[Tool, ...] = ()
    """What may be called instead of answering in words; then ``answer`` is ``str``."""
    tool_choice: ToolChoice = "auto"
    reader: Callable[[str, bool], tuple[T | None, str]] | None = None
    """Reads an ``answer`` out of a text that is no JSON: the value, or what is wrong and what to write instead. The
    second argument says whether the text was cut off. None: the answer is asked for and read as JSON."""
    facts: tuple[str, ...] = ()
    """What is said of the messages that are left out, where the conversation has to be compacted."""

    def __post_init__(self) -> None:
        if self.tools and self.answer is not str:
            raise Broken(
                f"A question with tools is answered in words or by calls, not by a {self.answer.__name__}.",
                code="tools_with_form",
                hint="Report it.",
            )


@value
class Reply(Generic[T]):
    """An answer that parsed: a value, and the tools that are called beside it."""

    value: T
    model: str
    usage: Usage = Field(default_factory=Usage)
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    finish: str = "stop"
    """``length``: it was cut off at ``settings.max_tokens``; ``cached``; whatever else the endpoint calls it."""
    tool_calls: tuple[ToolCall, ...] = ()
    """In their order; several where an endpoint does not keep to one at a time."""


class Model(Protocol):
    """Something that can be asked."""

    @property
    def name(self) -> str:
        """Model id, as spans and artefacts show it."""
        ...

    async def ask(self, question: Question[T]) -> Reply[T]:
        """Answer with a value of ``question.answer``.

        The client that sends something books what it used (``metering.book``), also when no answer comes of it.

        Raises:
            Unavailable, RateLimited, Unreadable: Transient; trying again later can help.
            ContextTooLong, Refused: the request itself is wrong (``llm_unauthorized``, ``llm_unknown_model`` …;
                ``llm_no_tools`` where the endpoint takes no tools: ask in another dialect).
            Exhausted: a budget is spent; nothing was sent.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """A model made of a model. What a wrapper does not change it hands on: the name, and every question."""

    model: Model

    @property
    def name(self) -> str:
        """See ``Model.name``."""
        return self.model.name

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        return await self.model.ask(question)


@value
class SelectionContext:
    """All that choosing a model or a provider depends on beside the role."""

    run: str
    org: str
    task: Task
    tree: str = ""
    """Id of the base commit's files: the model policy is read from there, never from what an agent wrote."""
    expert: Name = "code_general"
    spent: Spent = Field(default_factory=Spent)
    attempt: int = Field(default=1, ge=1)
    failure: FailureKind | None = None
    """Of the last attempt, where there was one."""
