"""Model contract: one question in, one reply out, whatever answers it, and the tokens that it costs.

Messages of it lie in checkpoints.

A reply says what its answer cost. Of an answer that failed there is no reply, yet it was paid for: so the client that
sends something books what it used, at once, and a caller that wants to know opens a meter around the question. Meters
nest: what is booked counts on all that are open, also from tasks that were started inside.

Estimates that decide about money are cautious; those that decide between models are as near as they get. A ratio that
an endpoint's own counts have taught is better than both.
"""

import json
import math
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import KW_ONLY, dataclass, field
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
Facts = Callable[[int], Sequence[str]]
"""What the first so many answers of a conversation came to, a line each; always the same for the same number."""
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
    facts: Facts | None = None
    """Of a conversation that goes on turn by turn: what stands for the answers that are left out of it, where it has to
    be compacted. None: nothing does."""

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

        The client that sends something books what it used (``book``), also when no answer comes of it.

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
    red: FailureKind = "general"
    """What the acceptance command failed with before anything was changed: by this the router learns."""


@dataclass(slots=True)
class UsageMeter:
    """The sum of what was booked so far."""

    usage: Usage = field(default_factory=Usage)

    @property
    def spent(self) -> Spent:
        """The same in the words of a run's books."""
        used = self.usage
        return Spent(tokens_in=used.tokens_in, tokens_out=used.tokens_out, cost=used.cost, model_calls=used.calls)


_OPEN: ContextVar[tuple[UsageMeter, ...]] = ContextVar("signoff_meters", default=())


@contextmanager
def metered() -> Generator[UsageMeter]:
    """Open a meter for as long as the block runs; it can still be read afterwards."""
    meter = UsageMeter()
    # A tuple that is replaced, never changed: tasks started before keep the meters that were open for them.
    token = _OPEN.set((*_OPEN.get(), meter))
    try:
        yield meter
    finally:
        _OPEN.reset(token)


def book(usage: Usage) -> None:
    """Count what a call used on every open meter; once, by the client that made it."""
    for meter in _OPEN.get():
        meter.usage += usage


Estimator = Callable[[str], int]
"""Tokens of a text."""

PER_TOKEN = 4.0
"""Characters of a token in code and English."""
PER_TOKEN_AT_LEAST = 3.0
"""Low on purpose: what is reserved with it is a worst case."""
PER_MESSAGE = 8
"""Tokens that a chat template adds to each message; more than any we know."""
_ENOUGH = 400
"""Characters of a prompt from which its count says something about the tokenizer."""
_WORDS = re.compile(r"\w+|[^\w\s]|\s+")


def tools_text(tools: Sequence[Tool]) -> str:
    """What a tokenizer reads of the tools that are offered; templates write them into the prompt as JSON."""
    return "\n".join(json.dumps([tool.name, tool.description, tool.parameters]) for tool in tools)


def estimated_size(messages: Sequence[Message], per_token: float = PER_TOKEN, *, tools: Sequence[Tool] = ()) -> int:
    """Tokens of a prompt by its bytes: one of another script has more tokens for as many characters."""
    texts = [message.text for message in messages] + ([tools_text(tools)] if tools else [])
    # Lone surrogates come out of broken JSON; they have no bytes.
    return int(sum(len(text.encode(errors="replace")) for text in texts) // per_token)


def worst_case(
    messages: Sequence[Message], settings: ModelSettings, *, rounds: int = 2, tools: Sequence[Tool] = ()
) -> Usage:
    """What a call uses at most: an answer of the full length, and with two rounds its repair, which reads it again."""
    prompt = estimated_size(messages, PER_TOKEN_AT_LEAST, tools=tools)
    return Usage(
        tokens_in=rounds * prompt + (rounds - 1) * settings.max_tokens, tokens_out=rounds * settings.max_tokens
    )


def estimated(text: str) -> int:
    """Tokens of a text, on the high side: words by length, every sign, runs of space."""
    per_token = 4 if text.isascii() else 3
    return sum(math.ceil(len(word.encode(errors="replace")) / per_token) for word in _WORDS.findall(text))


def estimated_prompt(messages: Sequence[Message], estimate: Estimator = estimated) -> int:
    """Tokens of a prompt, with what a chat template adds."""
    return sum(estimate(message.text) + PER_MESSAGE for message in messages)


@dataclass(slots=True)
class TokenRatio:
    """Characters of a token at one endpoint, as it reported last: its tokenizer decides where it counts nothing."""

    chars_per_token: float = PER_TOKEN

    def learn(self, chars: int, tokens: int) -> None:
        """Take in what the endpoint counted."""
        # Of a short prompt the chat template is most of what is counted.
        if chars >= _ENOUGH and tokens > 0:
            # Within what any tokenizer does: a server that counts wrongly must not make prompts free, or endless.
            self.chars_per_token = min(8.0, max(1.0, chars / tokens))

    def estimate(self, chars: int) -> int:
        """Tokens of so many characters."""
        return int(chars / self.chars_per_token)
