"""Context window wrapper: compacts conversations so that they fit the context that is really served (B9).

Between compactions a transcript is only added to, so that a server's prefix cache keeps hitting. A
compaction drops the middle: what stands first (the rules, the repository, the task) and what stands
last (the newest evidence) is what models use best; between them a note says what was left out, and of
nothing that is still there: it stands still until more is left out. What is kept depends on the
conversation alone: no earlier compaction has to be remembered.

How long a prompt is says the model's own tokenizer where its endpoint lends it (vLLM: ``POST /tokenize``). Of a local
server that lends none at least the context is learned: Ollama cuts what does not fit without a word.
"""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import httpx

from domain import ContextTooLong, value
from models.clients.contract import ModelEndpoint, wire_messages, wire_tools
from models.clients.http import http_client
from models.clients.local_servers import loaded
from models.contract import (
    PER_MESSAGE,
    Estimator,
    Facts,
    Message,
    ModelSettings,
    Question,
    Reply,
    Tool,
    Wrapper,
    estimated,
    estimated_prompt,
    tools_text,
)

T = TypeVar("T")

PATIENCE_S = 5.0
"""So long a tokenizer is waited for: a prompt that is not counted can still be asked."""

FULL, AFTER = 0.9, 0.6
"""Compaction begins when the window is this full, and leaves it this full: rarely, and by a good piece."""
HEAD_AT_MOST = 0.5
"""Share of the window that the opening may take when the conversation goes on."""
TURN_AT_MOST, NOTE_AT_MOST = 0.2, 0.1
"""Shares of the window for one message of a conversation that is too long for it, and for what stands for those that
are left out: one file that was opened does not drive out all that was seen before it."""
TIGHTER_CUT = 0.95
"""Tokens are not spread evenly over a text: what was cut may still be too long."""
LOOSEST_CUT = 0.05
"""What does not fit when it is cut to this share of its room has parts that cannot be cut."""
SHORT = 60
"""Characters of an argument, a path for example, that are not cut."""
FEWEST_FACTS = 2
ROUNDS = 4
SMALLEST = 256
"""Tokens; a smaller number is no context that is served anywhere, but something else in the message."""
TIGHTER = 0.8
"""The estimate of tokens was too low: what the server counts decides."""
NEAR = 0.5
"""Share of the served context from which it is worth counting exactly."""
OFF = 0.05
"""An estimate may be so far too low; the factor is changed rarely, so that compactions stand still."""
_CUT = "\n… {} characters left out …\n"


@value
class Compacted:
    """A conversation that fits, and how many of its messages are not in it."""

    messages: tuple[Message, ...]
    dropped: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compactor:
    """Keeps conversations within one model: the ``served`` context, less what it may answer."""

    served: int
    reserve: int
    """Tokens kept free for the answer."""
    estimate: Estimator = estimated

    @property
    def room(self) -> int:
        """Tokens a prompt may have."""
        return self.served - self.reserve

    def keep(self, messages: Sequence[Message], *, facts: Facts | None = None) -> Compacted:
        """Return the conversation as it is, or compacted where it is nearly too long.

        The opening (everything before the first answer) stays; of the turns after it the newest stay.

        Args:
            messages: the whole conversation.
            facts: see ``Question.facts``. With them an opening that leaves no room for turns is cut before the first
                one, and long messages as they come: cut later, all of it would be read anew.

        Raises:
            ContextTooLong: not even a cut opening and the last message fit.
        """
        # What comes before the first answer; a call's result comes after one.
        answered = next((n for n, message in enumerate(messages) if message.role == "assistant"), len(messages))
        opening, turns = tuple(messages[:answered]), tuple(messages[answered:])
        crowded = facts is not None and estimated_prompt(opening, self.estimate) > self.room * AFTER
        if crowded:
            opening = self._shortened(opening, self.room * HEAD_AT_MOST)
            turns = self._capped(turns)
        if estimated_prompt((*opening, *turns), self.estimate) <= self.room * FULL:
            return self._compacted((*opening, *turns), 0)
        # With turns behind it the opening leaves them half: evidence is what the next answer depends on.
        opening = self._shortened(opening, self.room * (HEAD_AT_MOST if turns else FULL))
        if not turns:
            return self._compacted(opening, 0)
        if facts is not None:
            turns = self._capped(turns)
        start = self.first_kept(opening, turns, facts)
        note, rest = self._note(turns[:start], facts), turns[start:]
        left = self.room * FULL - estimated_prompt((*opening, *note), self.estimate)
        return self._compacted((*opening, *note, *self._shortened(rest, left)), start)

    def first_kept(self, opening: tuple[Message, ...], turns: tuple[Message, ...], facts: Facts | None) -> int:
        """First turn that is kept: moves in jumps as the conversation grows, and stands still between them."""
        sizes = [self.estimate(turn.text) + PER_MESSAGE for turn in turns]
        # The room that a note may take, whatever it comes to: its own length would move what is kept.
        note = (
            self.room * NOTE_AT_MOST if facts is not None else estimated_prompt(self._note(turns, None), self.estimate)
        )
        start, total, call = 0, estimated_prompt(opening, self.estimate) + note, 0
        for n, size in enumerate(sizes):
            if turns[n].role != "tool":
                call = n  # a result that follows is never shown without it
            total += size
            if total > self.room * FULL:
                while start < call and (total > self.room * AFTER or turns[start].role == "tool"):
                    total -= sizes[start]
                    start += 1
        return start

    def _note(self, dropped: Sequence[Message], facts: Facts | None) -> tuple[Message, ...]:
        """What stands for turns that are left out: how many they are, and what they came to."""
        if not dropped:
            return ()
        head = f"[{len(dropped)} earlier messages are left out.]"
        answers = sum(message.role == "assistant" for message in dropped)
        lines = [f"\n- {fact}" for fact in (facts(answers) if facts is not None else ())]
        sizes = [self.estimate(line) for line in lines]
        left = self.room * NOTE_AT_MOST - PER_MESSAGE - self.estimate(head) - sum(sizes)
        # What was changed comes first and the newest last: what is in the middle goes.
        while left < 0 and len(lines) > FEWEST_FACTS:
            left += sizes.pop(middle := len(lines) // 2)
            del lines[middle]
        return (Message(role="user", content=head + "".join(lines)),)

    def _shortened(self, messages: tuple[Message, ...], room: float) -> tuple[Message, ...]:
        """Cut the middle out of the longest messages, all to the same size, until they fit. Rules are never cut."""
        whole, tight = messages, 1.0
        while estimated_prompt(messages, self.estimate) > room:
            if tight < LOOSEST_CUT:
                raise self._too_long()
            rules = [message for message in whole if message.role == "system"]
            others = [self.estimate(message.text) for message in whole if message.role != "system"]
            left = room - estimated_prompt(rules, self.estimate) - PER_MESSAGE * len(others)
            most = water_level(others, left * tight)
            messages = tuple(m if m.role == "system" else self._cut(m, most) for m in whole)
            tight *= TIGHTER_CUT
        return messages

    def _capped(self, turns: tuple[Message, ...]) -> tuple[Message, ...]:
        return tuple(self._cut(message, self.room * TURN_AT_MOST) for message in turns)

    def _cut(self, message: Message, most: float) -> Message:
        """The message, in about so many tokens at most."""
        if (size := self.estimate(message.text)) <= most:
            return message
        share = most / size
        keep = int(len(message.content) * share) - len(_CUT) - 8
        if message.tool_calls:
            calls = tuple(
                replace(
                    call,
                    arguments={name: _shorter(value, share) for name, value in call.arguments.items()},
                    raw=_shorter(call.raw, share),
                )
                for call in message.tool_calls
            )
            return replace(message, content=_shorter(message.content, share), tool_calls=calls)
        if keep < len(_CUT):
            raise self._too_long()
        return replace(message, content=_ends(message.content, keep))

    def _too_long(self) -> ContextTooLong:
        return ContextTooLong(
            f"The rules and the task alone do not fit into {self.room} tokens.",
            max_tokens=self.served,
            hint="Serve the model with a longer context (vLLM: --max-model-len), or make the task smaller.",
        )

    def _compacted(self, messages: tuple[Message, ...], dropped: int) -> Compacted:
        return Compacted(messages=messages, dropped=dropped, tokens=estimated_prompt(messages, self.estimate))


def water_level(sizes: Sequence[int], room: float) -> float:
    """Water-filling: the size to which the larger ones are cut, so that all have room; the smaller ones stay."""
    left, most = room, 0.0
    for place, size in enumerate(sorted(sizes)):
        most = left / (len(sizes) - place)
        if size > most:
            break
        left -= size
    return most


def _ends(text: str, size: int) -> str:
    """The end and, more of it, the start of a text.

    What is cut are lists of passages, the most relevant first, and tasks, whose words come before the output that
    goes with them; the end has the step that is asked for. Output alone is cut to its end where it is shown.
    """
    end = size // 3
    start = size - end
    return text[:start] + _CUT.format(len(text) - size) + text[len(text) - end :]


def _shorter(text: Any, share: float) -> Any:
    """About this share of a text; what is short stays, and what is no text."""
    if not isinstance(text, str) or len(text) <= SHORT:
        return text
    keep = int(len(text) * share) - len(_CUT) - 8
    return _ends(text, keep) if keep > len(_CUT) else f"{text[: max(SHORT, int(len(text) * share)) - 1]}…"


@value
class TokenCount:
    """Tokens of a conversation as the endpoint counts them, and how many it serves."""

    tokens: int | None
    """None: it does not count, and says only how many it serves."""
    served: int | None = None


class TokenCounter(Protocol):
    """Counts exactly, or says that it cannot."""

    async def count(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> TokenCount | None: ...


@dataclass(slots=True)
class _Available:
    """False once the endpoint lends no tokenizer."""

    yes: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """See ``TokenCounter``. An endpoint without one is asked once and never again."""

    client: httpx.AsyncClient
    url: str
    model: str
    available: _Available = field(default_factory=_Available, repr=False, compare=False)

    async def count(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> TokenCount | None:
        """See ``TokenCounter.count``; None where there is no tokenizer, or no answer."""
        if not self.available.yes:
            return None
        body = {"model": self.model, "messages": wire_messages(messages)}
        try:
            answer = await self.client.post(self.url, json=body | ({"tools": wire_tools(tools)} if tools else {}))
        except httpx.HTTPError:
            return None  # whether the endpoint is there is found out by the one that asks it
        try:
            body = answer.json()
            served = body.get("max_model_len")
            return TokenCount(tokens=int(body["count"]), served=served if isinstance(served, int) else None)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            # A server that fails may count the next one; one that refuses has no tokenizer to lend.
            self.available.yes = answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
        # Local servers speak plain HTTP; a vendor is not asked for Ollama's addresses.
        if self.available.yes or self.url.startswith("https://"):
            return None
        local = await loaded(self.client, self.url.removesuffix("/tokenize"), self.model, load=False)
        return TokenCount(tokens=None, served=local.context) if local.context else None


@asynccontextmanager
async def open_tokenizer(endpoint: ModelEndpoint) -> AsyncGenerator[Tokenizer | None]:
    """Open the tokenizer of an endpoint; None for one whose model is not known by name."""
    if endpoint.model is None or not endpoint.base_url.startswith(("http://", "https://")):
        yield None
        return
    async with http_client(endpoint, timeout_s=PATIENCE_S) as client:
        url = endpoint.base_url.rstrip("/").removesuffix("/v1") + "/tokenize"
        yield Tokenizer(client=client, url=url, model=endpoint.model)


@dataclass(slots=True)
class ServedContext:
    """What the endpoint said about its context; None until it said something."""

    tokens: int | None = None
    scale: float = 1.0
    """Share of it that is used: less, each time that what we took to fit was refused."""
    factor: float | None = None
    """Tokens by the endpoint's tokenizer for each token of our estimate; None: not counted yet."""

    def learn(self, tokens: int | None, settings: ModelSettings) -> bool:
        """Take in what a refusal says is served; False when there is nothing more to try."""
        if tokens is None or tokens < SMALLEST:
            return False
        if self.tokens == tokens:
            self.scale *= TIGHTER
            return tokens * self.scale > min(settings.max_tokens, tokens // 2)
        self.tokens, self.scale = tokens, 1.0
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextWindow(Wrapper):
    """Keep conversations below what the endpoint serves; as they are, until it says how much that is.

    Only what the endpoint said counts, not what a model was made for: by its tokenizer where it lends one,
    else by its first refusal. Prompts that cannot fit are ``ContextTooLong`` as before.
    """

    estimate: Estimator = estimated
    tokenizer: TokenCounter | None = None
    served: ServedContext = field(default_factory=ServedContext, repr=False, compare=False)

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        await self._measure(question)
        for _ in range(ROUNDS):
            try:
                return await self.model.ask(self._fitting(question))
            except ContextTooLong as error:
                if not self.served.learn(error.max_tokens, question.settings):
                    raise
        return await self.model.ask(self._fitting(question))

    async def _measure(self, question: Question[T]) -> None:
        """Count exactly where it may matter: the first time, and when a prompt comes near to what is served."""
        if self.tokenizer is None:
            return
        served = self.served
        guess = max(1, estimated_prompt(question.messages, self.estimate) + self._of_tools(question))
        near = guess * (served.factor or 1.0) + question.settings.max_tokens >= (served.tokens or 0) * NEAR
        if served.factor is not None and not near:
            return
        exact = await self.tokenizer.count(question.messages, question.tools)
        if exact is None:
            return
        served.tokens = exact.served or served.tokens
        factor = exact.tokens / guess if exact.tokens is not None else served.factor or 1.0
        # Only upwards: a factor that fell would move the cut, and with it the cached prefix.
        if served.factor is None or factor > served.factor * (1 + OFF):
            served.factor = factor

    def _fitting(self, question: Question[T]) -> Question[T]:
        """The question in the room that is served; as it is where none would do: the endpoint has the last word."""
        if self.served.tokens is None:
            return question
        settings = question.settings
        # An answer as long as the context would leave no room for any question.
        settings = replace(settings, max_tokens=min(settings.max_tokens, max(1, self.served.tokens // 2)))
        room = int(self.served.tokens * self.served.scale)
        reserve = settings.max_tokens + math.ceil(self._of_tools(question) * (self.served.factor or 1.0))
        factor = self.served.factor or 1.0
        compactor = Compactor(
            served=room, reserve=reserve, estimate=lambda text: math.ceil(self.estimate(text) * factor)
        )
        try:
            messages = compactor.keep(question.messages, facts=question.facts).messages
        except ContextTooLong:
            messages = question.messages
        return replace(question, messages=messages, settings=settings)

    def _of_tools(self, question: Question[T]) -> int:
        """Tokens of the tools that are offered, by our estimate."""
        return self.estimate(tools_text(question.tools)) if question.tools else 0
