"""Timeline of a run: what its turns said, the newest part of it at once, what comes live, earlier parts on request.

It is read from the event log of turns, so a place in it means the same in every process and over a restart. A place is
``TURN-EVENT``: the number of the turn's row, and that of the event within it; 0 is where the turn began.
"""

import json
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from database import AGAIN_S, look_again
from domain import Refused, Transient
from service.console.pages import rendered
from service.runs.event_log import HEARTBEAT_S, TurnEvents
from service.runs.turns import Turn
from service.wiring.server import ServerContext

PAGE = 200
"""Entries that are shown at once."""
END = 10**9
"""The event behind which nothing of a turn comes any more."""
PLACE = re.compile(r"(\d{1,15})-(\d{1,10})")
SILENT = frozenset({"node_ended"})
"""Kinds of events that say nothing to people."""
MOVES = frozenset(
    {"plan_made", "ballot_opened", "ballot_decided", "delivered", "reviewed", "question_asked", "question_answered"}
    | {"change_applied", "run_paused", "run_ended", "replanned"}
)
"""Kinds behind which the rest of the page is looked at again."""
MOST_DATA = 4_000
"""Characters of an event's data that a timeline shows; the log has all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry: its place, its HTML, and whether the rest of the page is another one now."""

    place: str
    html: str
    moves: bool = False

    @property
    def frame(self) -> bytes:
        """As a server-sent event: no line of it is left to be taken for something else."""
        data = "".join(f"data: {line}\n" for line in self.html.replace("\r", "").split("\n"))
        return f"id: {self.place}\nevent: entry\n{data}\n".encode() + (STANDING if self.moves else b"")


STANDING = b"event: standing\ndata:\n\n"
"""Has the page look at how the run stands."""


def place_of(text: str) -> tuple[int, int]:
    """The numbers of a place; the beginning for anything that is none."""
    match = PLACE.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else (0, END)


@lru_cache(maxsize=4_000)
def logged_entry(place: str, body: bytes) -> Entry | None:
    """The entry of a logged event; None for what says nothing. Rendered once, however many people look on."""
    event: Any = json.loads(body)
    if not isinstance(event, dict) or event.get("kind") in SILENT or "kind" not in event:
        return None
    data: Mapping[str, Any] = event.get("data") or {}
    at_ms = float(event.get("at_ms") or 0)
    at = datetime.fromtimestamp(at_ms / 1_000, UTC) if at_ms else None
    text = json.dumps(data, indent=1, ensure_ascii=False) if data else ""
    told = {
        "place": place,
        "kind": str(event["kind"]),
        "node": str(event.get("node") or ""),
        "message": str(event.get("message") or ""),
        "data": data,
        "text": text[:MOST_DATA] + ("\n… cut here" if len(text) > MOST_DATA else ""),
        "at": at,
        "joins": f"{data.get('provider')}-{data.get('id')}" if event["kind"] == "text" else "",
    }
    return Entry(place=place, html=rendered("entry.html", **told), moves=event["kind"] in MOVES)


def turn_entry(number: int, turn: Turn, *, began: bool) -> Entry:
    """Where a turn began or ended."""
    place = f"{number}-{0 if began else END}"
    return Entry(place=place, html=rendered("turn.html", place=place, turn=turn, began=began), moves=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Reads one run's timeline."""

    at: ServerContext
    thread: str
    org: str

    async def newest(self, before: str = "") -> tuple[list[Entry], bool]:
        """A page of entries in their order, before a place or the last ones; whether there are earlier ones."""
        number, event = place_of(before) if before else (END * 1_000, END)
        turns: list[tuple[int, Turn]] = []
        while batch := await self._turns(turns[-1][0] if turns else 0):
            turns += batch
        turns = [each for each in turns if each[0] <= number]
        entries: list[Entry] = []
        for seq, turn in reversed(turns):
            upto = event if seq == number else END
            if upto == 0:
                continue
            if not turn.open and upto == END and seq != number:
                entries.append(turn_entry(seq, turn, began=False))
            entries += await self._logged(seq, turn, None if upto == END else upto, PAGE - len(entries))
            if len(entries) >= PAGE:
                return entries[::-1], True
            entries.append(turn_entry(seq, turn, began=True))
        return entries[::-1], False

    async def _turns(self, behind: int) -> list[tuple[int, Turn]]:
        return await self.at.turns.numbered(self.thread, behind=behind, limit=1_000)

    async def _logged(self, seq: int, turn: Turn, before: int | None, most: int) -> list[Entry]:
        """The last entries of a turn before an event, the newest first."""
        entries: list[Entry] = []
        log = TurnEvents(engine=self.at.database)
        while len(entries) < most:
            batch = await log.before(turn.id, before, event="custom", limit=most * 2)
            for event, _, body in reversed(batch):
                if len(entries) < most and (entry := logged_entry(f"{seq}-{event}", body)) is not None:
                    entries.append(entry)
            if len(batch) < most * 2:
                break
            before = batch[0][0]
        return entries

    async def follow(self, after: str) -> AsyncGenerator[Entry | None]:
        """What comes behind a place, and goes on coming; None where it was silent for a while."""
        number, event = place_of(after)
        silent = 0.0
        with self.at.dispatch.signals.on(f"thread:{self.thread}") as news:
            while True:
                news.clear()
                following: list[tuple[int, Turn]] = []
                with suppress(Transient):  # the database is away for a moment: who looks on goes on looking
                    following = await self._turns(number if event == END else number - 1)
                for seq, turn in following:
                    async with aclosing(self._turn(seq, turn, event if seq == number else -1)) as entries:
                        async for entry in entries:
                            yield entry
                    number, event, silent = seq, END, 0.0
                if following:
                    continue
                await look_again(news)
                silent += AGAIN_S
                if silent >= HEARTBEAT_S:
                    silent = 0.0
                    yield None

    async def _turn(self, seq: int, turn: Turn, behind: int) -> AsyncGenerator[Entry | None]:
        if behind < 0:
            yield turn_entry(seq, turn, began=True)
        feed = self.at.dispatch.hear(turn) if turn.asked.get("modes") else None
        if feed is not None:
            async with aclosing(feed.numbered(max(0, behind))) as events:
                async for each in events:
                    if each is None:
                        yield None
                    elif each[1].startswith("custom") and (entry := logged_entry(f"{seq}-{each[0]}", each[2])):
                        yield entry
        else:
            async for beat in self._until_over(turn):
                yield beat
        with suppress(Refused):
            turn = await self.at.turns.get(turn.id, self.org)
        yield turn_entry(seq, turn, began=False)

    async def _until_over(self, turn: Turn) -> AsyncGenerator[None]:
        """Wait for the end of a turn that nobody recorded."""
        silent = 0.0
        with self.at.dispatch.signals.on(f"turn:{turn.id}") as news:
            while True:
                news.clear()
                with suppress(Transient):
                    if not await self.at.turns.is_open(turn.id):
                        return
                await look_again(news)
                silent += AGAIN_S
                if silent >= HEARTBEAT_S:
                    silent = 0.0
                    yield None
