"""Usage: what calls really used, metered, and token estimates where no tokenizer counts.

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
from dataclasses import dataclass, field

from domain import Spent
from models.contract import Message, ModelSettings, Tool, Usage


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
        if chars >= _ENOUGH and tokens > 0:
            self.chars_per_token = min(8.0, max(1.0, chars / tokens))

    def estimate(self, chars: int) -> int:
        """Tokens of so many characters."""
        return int(chars / self.chars_per_token)
