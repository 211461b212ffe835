"""Keep a conversation below the context that is really served (B9). Pure.

Between compactions a transcript is only added to, so that a server's prefix cache keeps hitting. A
compaction drops the middle: what stands first (the rules, the repository, the task) and what stands
last (the newest evidence) is what models use best; between them a note says what was left out. What is
kept depends on the conversation alone: nobody has to remember earlier compactions.
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
HEAD_AT_MOST = 0.5
"""Share of the window that the opening may take when the conversation goes on."""
TIGHTER = 0.95
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
            tight *= TIGHTER
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
