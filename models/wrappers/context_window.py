"""A model whose prompts always fit the context that is really served (B9)."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from domain import ContextTooLong, value
from models.clients.tokenizer import Counting
from models.contract import Heard, Message, Model, Reply, Settings

Count = Callable[[str], int]
"""Tokens of a text."""

PER_MESSAGE = 8
"""Tokens that a chat template adds to each message; more than any we know."""
FULL, AFTER = 0.9, 0.6
"""Compaction begins when the window is this full, and leaves it this full: rarely, and by a good piece."""
HEAD_AT_MOST = 0.5
"""Share of the window that the opening may take when the conversation goes on."""
TIGHTER_CUT = 0.95
"""Tokens are not spread evenly over a text: what was cut may still be too long."""
_WORDS = re.compile(r"\w+|[^\w\s]|\s+")
_CUT = "\n… {} characters left out …\n"


def rough(text: str) -> int:
    """Estimate tokens without a tokenizer, on the high side: words by length, every sign, runs of space."""
    per_token = 4 if text.isascii() else 3
    return sum(math.ceil(len(word.encode(errors="replace")) / per_token) for word in _WORDS.findall(text))


def counted(messages: Sequence[Message], count: Count = rough) -> int:
    """Tokens of a prompt."""
    return sum(count(message.content) + PER_MESSAGE for message in messages)


@value
class Kept:
    """A conversation that fits, and how many of its messages are not in it."""

    messages: tuple[Message, ...]
    dropped: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What fits into one model: the ``served`` context, less what it may answer."""

    served: int
    reserve: int
    """Tokens kept free for the answer."""
    count: Count = rough

    @property
    def room(self) -> int:
        """Tokens a prompt may have."""
        return self.served - self.reserve

    def keep(self, messages: Sequence[Message], *, facts: Sequence[str] = ()) -> Kept:
        """Return the conversation as it is, or compacted where it is nearly too long.

        The opening (everything before the first answer) stays; of the turns after it the newest stay.
        ``facts`` are said in the note that stands where turns were left out.

        Raises:
            ContextTooLong: not even a cut opening and the last message fit.
        """
        if counted(messages, self.count) <= self.room * FULL:
            return self._made(tuple(messages), 0)
        answered = next((n for n, message in enumerate(messages) if message.role == "assistant"), len(messages))
        opening, turns = tuple(messages[:answered]), tuple(messages[answered:])
        opening = self._shortened(opening, self.room * (HEAD_AT_MOST if turns else FULL))
        if not turns:
            return self._made(opening, 0)
        start = self._start(opening, turns, facts)
        note = _note(start, facts)
        rest = turns[start:]
        left = self.room * FULL - counted((*opening, *note), self.count)
        return self._made((*opening, *note, *self._shortened(rest, left)), start)

    def _start(self, opening: tuple[Message, ...], turns: tuple[Message, ...], facts: Sequence[str]) -> int:
        """First turn that is kept: moves in jumps as the conversation grows, and stands still between them."""
        sizes = [self.count(turn.content) + PER_MESSAGE for turn in turns]
        fixed = counted((*opening, *_note(len(turns), facts)), self.count)
        start, total = 0, fixed
        for n, size in enumerate(sizes):
            total += size
            if total > self.room * FULL:
                while start < n and total > self.room * AFTER:
                    total -= sizes[start]
                    start += 1
        return start

    def _shortened(self, messages: tuple[Message, ...], room: float) -> tuple[Message, ...]:
        """Cut the middle out of the longest messages, all to the same size, until they fit. Rules are never cut."""
        whole, tight = messages, 1.0
        while counted(messages, self.count) > room:
            rules = [message for message in whole if message.role == "system"]
            others = [self.count(message.content) for message in whole if message.role != "system"]
            left = room - counted(rules, self.count) - PER_MESSAGE * len(others)
            most = _share(others, left * tight)
            messages = tuple(m if m.role == "system" else self._cut(m, most) for m in whole)
            tight *= TIGHTER_CUT
        return messages

    def _cut(self, message: Message, most: float) -> Message:
        """The message, in about so many tokens at most."""
        if (size := self.count(message.content)) <= most:
            return message
        keep = int(len(message.content) * most / size) - len(_CUT) - 8
        if keep < len(_CUT):
            raise ContextTooLong(
                f"The rules and the task alone do not fit into {self.room} tokens.",
                max_tokens=self.served,
                hint="Serve the model with a longer context (vLLM: --max-model-len), or make the task smaller.",
            )
        return replace(message, content=_ends(message.content, keep))

    def _made(self, messages: tuple[Message, ...], dropped: int) -> Kept:
        return Kept(messages=messages, dropped=dropped, tokens=counted(messages, self.count))


def _share(sizes: Sequence[int], room: float) -> float:
    """The size to which the larger ones are cut, so that all of them have room; the smaller ones stay as they are."""
    left, most = room, 0.0
    for place, size in enumerate(sorted(sizes)):
        most = left / (len(sizes) - place)
        if size > most:
            break
        left -= size
    return most


def _note(dropped: int, facts: Sequence[str]) -> tuple[Message, ...]:
    if not dropped:
        return ()
    told = "".join(f"\n- {fact}" for fact in facts)
    return (Message(role="user", content=f"[{dropped} earlier messages are left out.]{told}"),)


def _ends(text: str, size: int) -> str:
    """The end and, more of it, the start of a text.

    What is cut are lists of passages, the most relevant first, and tasks, whose words come before the output that
    goes with them; the end has the step that is asked for. Output alone is cut to its end by whoever shows it.
    """
    end = size // 3
    start = size - end
    return text[:start] + _CUT.format(len(text) - size) + text[len(text) - end :]


T = TypeVar("T")

ROUNDS = 4
SMALLEST = 256
"""Tokens; a smaller number is no context that anybody serves, but something else in the message."""
TIGHTER = 0.8
"""The estimate of tokens was too low: what the server counts decides."""
NEAR = 0.5
"""Share of the served context from which it is worth counting exactly."""
OFF = 0.05
"""An estimate may be so far too low; the factor is changed rarely, so that compactions stand still."""


@dataclass(slots=True)
class _Served:
    """What the endpoint said about its context; None until it said something."""

    tokens: int | None = None
    scale: float = 1.0
    factor: float | None = None
    """Tokens by the endpoint's tokenizer for each token of our estimate; None: not counted yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Keep conversations below what the endpoint serves; as they are, until it says how much that is.

    Only what the endpoint said counts, not what a model was made for: by its tokenizer where it lends one,
    else by its first refusal. Prompts that cannot fit are ``ContextTooLong`` as before.
    """

    model: Model
    count: Count = rough
    counting: Counting | None = None
    served: _Served = field(default_factory=_Served, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``."""
        await self._measure(messages, settings)
        for _ in range(ROUNDS):
            try:
                return await self._ask(messages, answer, settings, heard)
            except ContextTooLong as error:
                if not self._learn(error.max_tokens, settings):
                    raise
        return await self._ask(messages, answer, settings, heard)

    async def _measure(self, messages: Sequence[Message], settings: Settings) -> None:
        """Count exactly where it may matter: the first time, and when a prompt comes near to what is served."""
        if self.counting is None:
            return
        known, guess = self.served, max(1, counted(messages, self.count))
        near = guess * (known.factor or 1.0) + settings.max_tokens >= (known.tokens or 0) * NEAR
        if known.factor is not None and not near:
            return
        exact = await self.counting.count(messages)
        if exact is None:
            return
        known.tokens = exact.served or known.tokens
        factor = exact.tokens / guess
        if known.factor is None or factor > known.factor * (1 + OFF):
            known.factor = factor

    async def _ask(
        self, messages: Sequence[Message], answer: type[T], settings: Settings, heard: Heard | None
    ) -> Reply[T]:
        if self.served.tokens is None:
            return await self.model.ask(messages, answer, settings=settings, heard=heard)
        settings = replace(settings, max_tokens=min(settings.max_tokens, max(1, self.served.tokens // 2)))
        room = int(self.served.tokens * self.served.scale)
        window = Window(served=room, reserve=settings.max_tokens, count=self._scaled)
        return await self.model.ask(_kept(window, messages), answer, settings=settings, heard=heard)

    def _scaled(self, text: str) -> int:
        """Our estimate, corrected by what the endpoint's tokenizer counted."""
        return math.ceil(self.count(text) * (self.served.factor or 1.0))

    def _learn(self, said: int | None, settings: Settings) -> bool:
        """Take in what the endpoint says; False when there is nothing more to try."""
        if said is None or said < SMALLEST:
            return False
        if self.served.tokens == said:
            self.served.scale *= TIGHTER
            return said * self.served.scale > min(settings.max_tokens, said // 2)
        self.served.tokens, self.served.scale = said, 1.0
        return True


def _kept(window: Window, messages: Sequence[Message]) -> Sequence[Message]:
    """What fits; all of it where nothing would: then the endpoint has the last word."""
    try:
        return window.keep(messages).messages
    except ContextTooLong:
        return messages
