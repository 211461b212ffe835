"""Providers of changes: the contract, and the one that asks a model.

A provider proposes a code change, by asking a model or by searching for a repair; the graph cannot tell which, and
ranks by evidence.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

from pydantic import Field

from domain import CodeChange, CommandRun, value
from domain.change import Hunk
from domain.coder import UseAction
from domain.work import Name, Prose
from models.contract import CodeForm, Listener, Message, Model, ModelSettings, Question, Reply, Usage
from models.dialects import single

LOOKUPS = 3
"""Of one answer, before its change."""
Lookup = Callable[[UseAction], Awaitable[str]]
"""Looks something up with a tool that only reads, and says what came of it."""


class Bench(Protocol):
    """The little of a sandbox that a provider may use. A workspace happens to satisfy it."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = ...,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
    ) -> CommandRun: ...

    async def read(self, path: str, *, limit: int = ...) -> bytes: ...

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None: ...


@value
class ChangeRequest:
    """One change that is wanted."""

    messages: tuple[Message, ...] = ()
    """The whole prompt, rendered by the node that speaks it."""
    accept: str = ""
    """Shell command that must pass afterwards; it fails now when there is a bug to repair."""
    expert: Name = "code_general"
    settings: ModelSettings = Field(default_factory=ModelSettings)
    seconds: float = Field(default=60.0, gt=0)
    """Wall time a provider may take."""
    suspects: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    """Paths worth looking at first."""
    hunks: Annotated[tuple[Hunk, ...], Field(max_length=500)] = ()
    """What changed lately, newest first."""
    lookup: Lookup | None = None
    """None: there are no tools."""


@value
class Proposal:
    """A proposed change, and what it took."""

    provider: str
    model: str = ""
    change: CodeChange
    usage: Usage = Field(default_factory=Usage)
    duration_ms: float = 0.0
    tried: int = 1
    """Candidates that were run to find it."""
    passing: int = 0
    """How many different candidates passed; more than one means the tests do not decide."""
    note: Prose = ""
    left_out: Prose = ""
    """What of the answer is no part of the change, in words for who gave it."""
    run: CommandRun | None = None
    """The acceptance command with this change, where the provider ran it itself: nobody needs to run it again."""


class Provider(Protocol):
    """Proposes changes."""

    @property
    def name(self) -> str: ...

    @property
    def repairs(self) -> bool:
        """Whether it looks for a small repair of what lies there, instead of writing what was asked for.

        Where others have written a change, it may repair that one, and never takes its place.
        """
        ...

    async def propose(self, job: ChangeRequest, bench: Bench, *, listener: Listener | None = None) -> Proposal:
        """One change for this job. The bench's files are the same afterwards as before.

        Raises:
            as ``Model.ask``; and Refused ``no_failing_test``, ``no_repair_found`` from the repair engine.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProvider:
    """Ask ``model`` for the change; the job's messages are the whole prompt, which speaks of fenced blocks."""

    model: Model
    form: CodeForm = "blocks"

    @property
    def name(self) -> str:
        """The model's name: it is the one who proposes."""
        return self.model.name

    @property
    def repairs(self) -> bool:
        return False

    async def propose(self, job: ChangeRequest, bench: Bench, *, listener: Listener | None = None) -> Proposal:  # noqa: ARG002
        """See ``Provider.propose``; the bench is not needed."""

        def blocks(answer: str, cut: bool) -> tuple[CodeChange | None, str]:
            reading = single.read(answer, cut=cut)
            return reading.change, reading.correction

        messages, reader = job.messages, blocks
        if self.form == "json":
            # The prompt speaks of blocks for everybody: who comes last is right.
            messages, reader = (*messages, Message(role="user", content=single.json_instructions())), None
        elif job.lookup is not None:
            messages, reply, reading = await self._looked_up(job, job.lookup, listener)
            if reading.change is not None:
                return self._proposal(reply, reading.change)
            correction = Message(role="user", content=reading.correction)
            messages = (*messages, Message(role="assistant", content=reply.value), correction)
        question = Question(messages, CodeChange, settings=job.settings, listener=listener, reader=reader)
        answer = await self.model.ask(question)
        return self._proposal(answer, answer.value)

    def _proposal(self, reply: Reply[Any], change: CodeChange) -> Proposal:
        cut = "Your answer was cut off at its limit of tokens: what it ended with is not made. Send the rest."
        return Proposal(
            provider=self.name,
            model=reply.model,
            change=change,
            usage=reply.usage,
            duration_ms=reply.latency_ms,
            note=change.notes,
            left_out=cut if reply.finish == "length" and self.form == "blocks" else "",
        )

    async def _looked_up(
        self, job: ChangeRequest, lookup: Lookup, listener: Listener | None
    ) -> tuple[tuple[Message, ...], Reply[str], single.ChangeReading]:
        """The conversation with what was looked up, the first answer that looks nothing up, and what that means."""
        messages, left = job.messages, LOOKUPS
        while True:
            reply = await self.model.ask(Question(messages, str, settings=job.settings, listener=listener))
            reading = single.read(reply.value, cut=reply.finish == "length")
            if reading.use is None or not left:
                return messages, reply, reading
            left -= 1
            answer = Message(role="user", content=await lookup(reading.use))
            messages = (*messages, Message(role="assistant", content=reply.value), answer)
