"""Stream accumulator: one answer as it comes in, its text, and what it used, however it ends."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from domain import Refused, SignoffError, Unavailable
from models.clients.contract import Delta
from models.contract import Listener, Message, ModelSettings, Usage
from models.errors import LARGEST, endless
from models.tokens import TokenRatio


@dataclass(slots=True, kw_only=True)
class StreamAccumulator:
    """Accumulates the deltas of one answer."""

    name: str
    listener: Listener | None = None
    started: float = field(default_factory=time.monotonic)
    first_ms: float | None = None
    last: Delta = field(default_factory=Delta)
    begun: bool = False
    refused: bool = False
    """The endpoint said no, or did not answer: nothing was read and nothing written."""
    _texts: list[str] = field(default_factory=list[str])
    _size: int = 0

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._texts)

    def take(self, delta: Delta) -> None:
        """Add a delta. Raises ``Unreadable`` when the answer does not stop."""
        self.begun = True
        self.last = Delta(
            finish=delta.finish or self.last.finish,
            model=delta.model or self.last.model,
            usage=delta.usage or self.last.usage,
            called=delta.called or self.last.called,
        )
        if not delta.text:
            return
        if self.first_ms is None:
            self.first_ms = (time.monotonic() - self.started) * 1_000
        self._texts.append(delta.text)
        self._size += len(delta.text)
        if self._size > LARGEST:
            raise endless(self.name)
        if self.listener is not None:
            self.listener(delta.text)

    def must_be_whole(self) -> None:
        """Check that the end came, too. Raises ``Unavailable``, ``Refused``."""
        if self.last.finish is None:
            raise Unavailable(
                f"{self.name} broke off in the middle of an answer.", hint="See the log of the model server."
            )
        if self.last.finish == "content_filter":
            raise Refused(
                f"{self.name} withheld its answer (content filter).",
                code="llm_content_filter",
                hint="Put the task in other words, or choose another model.",
            )

    def failed(self, error: SignoffError) -> None:
        """Take in that nothing more comes."""
        self.refused = not self.begun and error.stable_code != "llm_endless"

    def usage(self, prompt: Sequence[Message], settings: ModelSettings, ratio: TokenRatio) -> Usage:
        """What it used: as the endpoint says, else by what went out and came in. A refusal is not billed."""
        if self.refused:
            return Usage()
        sent, reported = sum(len(message.content) for message in prompt), self.last.usage
        if reported is not None and self.last.finish is not None:
            ratio.learn(sent, reported.tokens_in)
            return replace(reported, calls=1)
        # An endpoint was told how long an answer may be: whatever it sends, it does not bill more.
        counted = reported or Usage()
        tokens_in = counted.tokens_in or ratio.estimate(sent)
        tokens_out = max(counted.tokens_out, min(ratio.estimate(self._size), settings.max_tokens))
        estimated = tokens_in + tokens_out - counted.tokens
        return replace(counted, tokens_in=tokens_in, tokens_out=tokens_out, calls=1, estimated=estimated)
