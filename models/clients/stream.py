"""Stream accumulator: one answer as it comes in, its text, and what it used, however it ends."""

import time
from dataclasses import dataclass, field, replace
from uuid import uuid4

from domain import Refused, SignoffError, Unavailable
from models.clients.contract import CallDelta, Delta
from models.clients.lenient_json import lenient, unwrapped
from models.contract import Listener, ModelSettings, ToolCall, Usage
from models.errors import LARGEST, endless
from models.tokens import TokenRatio

CALLS_AT_MOST = 64
"""Of one answer; one is asked for."""


def read_call(id_: str, name: str, text: str, *, cut: bool = False) -> ToolCall:
    """A call with its arguments as they were written, or with what is wrong with them."""
    try:
        arguments = unwrapped(lenient(text.strip() or "{}"))
    except ValueError as error:
        wrong = "it was cut off at the length limit" if cut else f"it is no JSON: {error}"
        return ToolCall(id=id_, name=name, raw=text, wrong=wrong)
    if not isinstance(arguments, dict):
        return ToolCall(id=id_, name=name, raw=text, wrong="it is no JSON object")
    return ToolCall(id=id_, name=name, arguments=arguments)


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call while it comes in."""

    index: int | None
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


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
    tools: bool = False
    """Tools were offered. Where none were, arguments of calls are the answer: some models give it in no other way."""
    called: bool = False
    """A tool was called."""
    _texts: list[str] = field(default_factory=list[str])
    _thoughts: list[str] = field(default_factory=list[str])
    _calls: list["_Call"] = field(default_factory=list["_Call"])
    _size: int = 0

    @property
    def text(self) -> str:
        """The answer so far. Where there are thoughts alone, and they are whole, the answer is among them."""
        text = "".join(self._texts)
        if text.strip() or self.called or self.last.finish in {None, "length"}:
            return text
        return "".join(self._thoughts)

    def take(self, delta: Delta) -> None:
        """Add a delta. Raises ``Unreadable`` when the answer does not stop."""
        self.begun = True
        self.last = Delta(
            finish=delta.finish or self.last.finish,
            model=delta.model or self.last.model,
            usage=delta.usage or self.last.usage,
        )
        self.called = self.called or bool(delta.calls)
        text, size = delta.text, sum(len(call.arguments) + len(call.name) for call in delta.calls)
        if not self.tools:
            text, size = text or "".join(call.arguments for call in delta.calls), 0
        else:
            for call in delta.calls:
                self._add(call)
        self._thoughts.append(delta.reasoning)
        size += len(delta.reasoning)
        if self.first_ms is None and (text or delta.calls):
            self.first_ms = (time.monotonic() - self.started) * 1_000
        self._size += len(text) + size
        if self._size > LARGEST:
            raise endless(self.name)
        if text:
            self._texts.append(text)
            if self.listener is not None:
                self.listener(text)

    def _add(self, delta: CallDelta) -> None:
        """Add a part to the call that it belongs to. Some endpoints number none of them, or all of them 0."""
        call = next((each for each in reversed(self._calls) if delta.index in {None, each.index}), None)
        if call is None or (delta.id and delta.name and call.id and delta.id != call.id):
            call = _Call(index=delta.index)
            self._calls.append(call)
            if len(self._calls) > CALLS_AT_MOST:
                raise endless(self.name)
        call.id, call.name = call.id or delta.id, call.name or delta.name
        call.arguments.append(delta.arguments)

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The calls so far; each has an id of its own, whatever the endpoint gave it."""
        calls: dict[str, ToolCall] = {}
        for each in self._calls:
            id_ = each.id if each.id and each.id not in calls else uuid4().hex[:9]
            calls[id_] = read_call(id_, each.name, "".join(each.arguments), cut=self.last.finish == "length")
        return tuple(calls.values())

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

    def usage(self, sent: int, settings: ModelSettings, ratio: TokenRatio) -> Usage:
        """What it used: as the endpoint says, else by what went out and came in. A refusal is not billed.

        ``sent``: characters of the prompt.
        """
        if self.refused:
            return Usage()
        reported = self.last.usage
        if reported is not None and self.last.finish is not None:
            ratio.learn(sent, reported.tokens_in)
            return replace(reported, calls=1)
        # An endpoint was told how long an answer may be: whatever it sends, it does not bill more.
        counted = reported or Usage()
        tokens_in = counted.tokens_in or ratio.estimate(sent)
        tokens_out = max(counted.tokens_out, min(ratio.estimate(self._size), settings.max_tokens))
        estimated = tokens_in + tokens_out - counted.tokens
        return replace(counted, tokens_in=tokens_in, tokens_out=tokens_out, calls=1, estimated=estimated)
