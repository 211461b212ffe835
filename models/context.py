"""Keep a conversation below the context that is really served (B9). Pure.

Between compactions a transcript is only added to, so that a server's prefix cache keeps hitting. A
compaction drops the middle: what stands first (the rules, the repository, the task) and what stands
last (the newest evidence) is what models use best; between them a note says what was left out, with
the facts that must not be lost.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from domain import ContextTooLong, value
from models.contract import Message

Count = Callable[[str], int]
"""Tokens of a text."""

PER_MESSAGE = 8
"""Tokens that a chat template adds to each message; more than any we know."""
FULL, AFTER = 0.9, 0.6
"""Compaction begins when the window is this full, and leaves it this full: rarely, and by a good piece."""
_WORDS = re.compile(r"\w+|[^\w\s]|\s+")
_CUT = "\n… {} characters left out …\n"


def rough(text: str) -> int:
    """Estimate tokens without a tokenizer, on the high side: words by length, every sign, runs of space."""
    ascii_only = text.isascii()
    return sum(math.ceil(len(word.encode()) / (4 if ascii_only else 3)) for word in _WORDS.findall(text))


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

    def keep(self, messages: Sequence[Message], *, head: int = 2, facts: Sequence[str] = ()) -> Kept:
        """Return the conversation as it is, or compacted where it is nearly too long.

        Args:
            messages: the whole conversation.
            head: messages at the start that stay as they are.
            facts: said first and last when the middle is left out (the task, the plan, what was learned).

        Raises:
            ContextTooLong: even head, facts and a cut last message do not fit.
        """
        tokens = counted(messages, self.count)
        if tokens <= self.room * FULL:
            return Kept(messages=tuple(messages), tokens=tokens)
        head = min(head, max(0, len(messages) - 1))
        first, rest = tuple(messages[:head]), tuple(messages[head:])
        for start in range(len(rest)):
            kept = _joined(first, rest[start:], dropped=start, facts=facts)
            if counted(kept, self.count) <= self.room * AFTER:
                return Kept(messages=kept, dropped=start, tokens=counted(kept, self.count))
        return self._cut(first, rest, facts)

    def _cut(self, first: tuple[Message, ...], rest: tuple[Message, ...], facts: Sequence[str]) -> Kept:
        """Only the last message is left, and it is too long: keep its start and, more of it, its end."""
        last = rest[-1]
        low, high = 0, len(last.content)
        best: tuple[Message, ...] | None = None
        while low <= high:  # the longest piece that fits
            size = (low + high) // 2
            shorter = replace(last, content=_ends(last.content, size))
            kept = _joined(first, (shorter,), dropped=len(rest) - 1, facts=facts)
            if counted(kept, self.count) <= self.room:
                best, low = kept, size + 1
            else:
                high = size - 1
        if best is None:
            raise ContextTooLong(
                f"The rules and the task alone do not fit into {self.room} tokens.",
                max_tokens=self.served,
                hint="Serve the model with a longer context (vLLM: --max-model-len), or make the task smaller.",
            )
        return Kept(messages=best, dropped=len(rest) - 1, tokens=counted(best, self.count))


def _joined(
    first: tuple[Message, ...], rest: tuple[Message, ...], *, dropped: int, facts: Sequence[str]
) -> tuple[Message, ...]:
    if not dropped:
        return (*first, *rest)
    told = "".join(f"\n- {fact}" for fact in facts)
    note = Message(role="user", content=f"[{dropped} earlier messages are left out.]{told}".strip())
    reminder = Message(role="user", content=f"To remember:{told}") if facts else None
    return (*first, note, *rest, *((reminder,) if reminder else ()))


def _ends(text: str, size: int) -> str:
    if len(text) <= size:
        return text
    start, end = size // 3, size - size // 3
    return text[:start] + _CUT.format(len(text) - size) + (text[-end:] if end else "")
