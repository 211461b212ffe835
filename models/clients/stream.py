"""One answer as it comes in: what was heard of it, and what it used, however it ends."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from domain import Refused, SignoffError, Unavailable
from models.clients.contract import Piece
from models.contract import Heard, Message, Settings, Usage
from models.errors import LARGEST, endless

CHARS_PER_TOKEN = 4.0
"""Until an endpoint has counted a prompt of ours."""
_ENOUGH = 400
"""Characters of a prompt from which its count says something about the tokenizer."""


@dataclass(slots=True)
class Scale:
    """How long a token is at an endpoint, by what it reported last: its tokenizer decides where nobody counts."""

    chars_per_token: float = CHARS_PER_TOKEN

    def learn(self, chars: int, tokens: int) -> None:
        """Take in what the endpoint counted."""
        if chars >= _ENOUGH and tokens > 0:
            self.chars_per_token = min(8.0, max(1.0, chars / tokens))

    def guess(self, chars: int) -> int:
        """Tokens of so many characters."""
        return int(chars / self.chars_per_token)


@dataclass(slots=True, kw_only=True)
class Ear:
    """Listens to one answer."""

    name: str
    heard: Heard | None = None
    started: float = field(default_factory=time.monotonic)
    first_ms: float | None = None
    last: Piece = field(default_factory=Piece)
    begun: bool = False
    refused: bool = False
    """The endpoint said no, or nobody answered: nothing was read and nothing written."""
    _texts: list[str] = field(default_factory=list[str])
    _size: int = 0

    @property
    def text(self) -> str:
        """What it said so far."""
        return "".join(self._texts)

    def take(self, piece: Piece) -> None:
        """Hear a piece of it. Raises ``Unreadable`` when it does not stop."""
        self.begun = True
        self.last = Piece(
            finish=piece.finish or self.last.finish, model=piece.model or self.last.model,
            usage=piece.usage or self.last.usage, called=piece.called or self.last.called,
        )  # fmt: skip
        if not piece.text:
            return
        if self.first_ms is None:
            self.first_ms = (time.monotonic() - self.started) * 1_000
        self._texts.append(piece.text)
        self._size += len(piece.text)
        if self._size > LARGEST:
            raise endless(self.name)
        if self.heard is not None:
            self.heard(piece.text)

    def must_be_whole(self) -> None:
        """Check that the end was heard, too. Raises ``Unavailable``, ``Refused``."""
        if self.last.finish is None:
            raise Unavailable(f"{self.name} broke off in the middle of an answer.",
                              hint="See the log of the model server.")  # fmt: skip
        if self.last.finish == "content_filter":
            raise Refused(f"{self.name} withheld its answer (content filter).", code="llm_content_filter",
                          hint="Put the task in other words, or choose another model.")  # fmt: skip

    def failed(self, error: SignoffError) -> None:
        """Hear that nothing more comes."""
        self.refused = not self.begun and error.stable_code != "llm_endless"

    def used(self, asked: Sequence[Message], settings: Settings, scale: Scale) -> Usage:
        """What it used: as the endpoint says, else estimated from what was sent and heard. Nobody bills a refusal."""
        if self.refused:
            return Usage()
        sent, told = sum(len(message.content) for message in asked), self.last.usage
        if told is not None and self.last.finish is not None:
            scale.learn(sent, told.tokens_in)
            return replace(told, calls=1)
        # An endpoint was told how long an answer may be: whatever it sends, it does not bill more.
        known = told or Usage()
        read = known.tokens_in or scale.guess(sent)
        wrote = max(known.tokens_out, min(scale.guess(self._size), settings.max_tokens))
        guessed = read + wrote - known.tokens_in - known.tokens_out
        return replace(known, tokens_in=read, tokens_out=wrote, calls=1, estimated=guessed)
