"""What is left to do after a turn was stopped, whichever engine performed it."""

from dataclasses import replace
from datetime import datetime

from service.contract import Stop
from service.performer import Performer
from service.rewinding import roll_back
from service.turns import Turn


async def take_back(performer: Performer, turn: Turn, how: Stop, *, now: datetime) -> None:
    """After a turn was stopped: undo what it did where that is wanted, and say how its thread stands now."""
    engine = replace(performer.engine, org=turn.org)
    if how == "rollback":
        latest = await performer.turns.get(turn.id, turn.org)
        if latest.attempts:
            await roll_back(engine, turn.thread, latest.before or "")
        await performer.turns.delete(turn.id)
    state = await engine.graph.aget_state(engine.config(turn.thread))
    waiting = bool(await performer.turns.unfinished(turn.thread))
    status = "busy" if waiting else "interrupted" if state.interrupts else "idle"
    await performer.threads.update(turn.thread, now=now, status=status)
