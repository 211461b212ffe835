"""Event stream of a thread: protocol events of its turns, one behind the other, those of the past and those to come.

It ends with its listener only. A turn that nobody recorded is told by how it ended.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from database import AGAIN_S, look_again
from domain import Refused, Transient
from service.runs.dispatcher import Dispatcher
from service.runs.event_log import HEARTBEAT_S, as_json
from service.runs.protocol import ProtocolEncoder, ProtocolEvent, turn_in
from service.runs.runs import RunState
from service.runs.streaming import final_values, readable
from service.runs.turns import Turn, Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadStream:
    """Reads one thread for one listener."""

    thread: str
    org: str
    turns: Turns
    dispatch: Dispatcher
    standing: Callable[[], Awaitable[RunState]]
    """How the thread stands now."""

    async def events(self, since: int | None = None) -> AsyncGenerator[ProtocolEvent | None]:
        """The events behind a number; None where it was silent for a while.

        Without a number: from the beginning of the first turn that is open, or else of the newest.
        """
        behind, silent = None if since is None else turn_in(since) - 1, 0.0
        with self.dispatch.signals.on(f"thread:{self.thread}") as news:
            while True:
                news.clear()
                following: list[tuple[int, Turn]] = []
                with suppress(Transient):  # the database is away for a moment: the listener goes on listening
                    following = await self.turns.numbered(self.thread, behind=behind)
                for seq, turn in following:
                    behind, silent = seq, 0.0
                    async with aclosing(self._turn(seq, turn)) as events:
                        async for event in events:
                            if event is None or since is None or event.seq > since:
                                yield event
                if following:
                    continue
                await look_again(news)
                silent += AGAIN_S
                if silent >= HEARTBEAT_S:
                    silent = 0.0
                    yield None

    async def _turn(self, seq: int, turn: Turn) -> AsyncGenerator[ProtocolEvent | None]:
        encoder = ProtocolEncoder(turn=turn.id, turn_number=seq, answered=turn.asked.get("answered", ()))
        begun = False
        async with aclosing(self._log(turn)) as log:
            async for each in log:
                # Not before its first word: it may wait for the turns before it.
                for event in (None,) if each is None else () if begun else encoder.begin():
                    yield event
                begun = begun or each is not None
                for event in encoder.event(*each) if each and each[1] else ():
                    yield event
        for event in () if begun else encoder.begin():
            yield event
        for event in await self._end(seq, turn, encoder):
            yield event

    async def _end(self, seq: int, turn: Turn, encoder: ProtocolEncoder) -> list[ProtocolEvent]:
        try:
            ended = await self.turns.get(turn.id, self.org)
        except Refused:  # taken back and forgotten
            ended = turn
        values = None
        if not encoder.has_values or (ended.status == "interrupted" and not encoder.asked):
            values = await self._values(seq)
        return encoder.end(ended.status, error=ended.error, values=values)

    async def _log(self, turn: Turn) -> AsyncGenerator[tuple[int, str, bytes] | None]:
        """The turn's log; of a turn that has none, an empty event when it begins."""
        feed = self.dispatch.hear(turn) if turn.asked.get("modes") else None
        if feed is not None:
            async with aclosing(feed.numbered()) as events:
                async for each in events:
                    yield each
            return
        begun, silent = False, 0.0
        with self.dispatch.signals.on(f"turn:{turn.id}") as news:
            while True:
                news.clear()
                try:
                    latest = await self.turns.get(turn.id, self.org)
                    if latest.status == "running" and not begun:
                        begun = True
                        yield 0, "", b""
                    if not latest.open:
                        return
                except Refused:
                    return
                except Transient:
                    pass
                await look_again(news)
                silent += AGAIN_S
                if silent >= HEARTBEAT_S:
                    silent = 0.0
                    yield None

    async def _values(self, seq: int) -> Mapping[str, Any] | None:
        """The final state, unless a later turn has changed it by now."""
        if await self.turns.numbered(self.thread, behind=seq, limit=1):
            return None
        with suppress(Refused):
            values = {name: entry for name, entry in final_values(await self.standing()).items() if name != "__error__"}
            return from_json(as_json(readable(values))) if values else None
        return None
