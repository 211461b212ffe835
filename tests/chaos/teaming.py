"""A process in which a team works, and that may die at any turn, at any merge, and in any visit of its supervisor."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import SecretStr

from models import Question, Reply
from nodes.teamwork.slices import TeamInput
from service.runs.runs import RunState
from service.wiring.application import open_application
from tests.chaos.mortal import Doom
from tests.worlds.house import settings
from tests.worlds.quick import employing
from tests.worlds.teamwork import DONE, Teammates, edit, models, plan, team_task

T = TypeVar("T")
RUN = "r1"
PLAN = plan("p1", "p2", "p3", {"id": "p4", "needs": ["p1", "p2"]})
"""Three that do not need each other, and one that waits for two of them."""
ANSWERS = {f"p{n}": (edit(n), DONE) for n in (1, 2, 3, 4)}
PLACES = ("ask", "answered", "turn", "merging", "merged", "visit", "visited")
"""Where it may die: a worker that asks, or has its answer; that is done with a turn; the merge; the supervisor."""


@dataclass
class Clock:
    """Counts how often this process came to each place, and ends it where it is told to."""

    doom: Doom
    seen: dict[str, int] = field(default_factory=dict[str, int])

    def came_to(self, place: str) -> None:
        self.seen[place] = self.seen.get(place, 0) + 1
        self.doom.strike(place, str(self.seen[place]))


@dataclass
class MortalTeammates(Teammates):
    clock: Clock | None = None

    async def ask(self, question: Question[T]) -> Reply[T]:
        assert self.clock is not None
        self.clock.came_to("ask")
        reply = await super().ask(question)
        self.clock.came_to("answered")
        return reply


def counted(clock: Clock, work: Callable[..., Awaitable[T]], before: str, after: str) -> Callable[..., Awaitable[T]]:
    """The same, between two places."""

    async def done(*given: Any) -> T:
        if before:
            clock.came_to(before)
        outcome = await work(*given)
        clock.came_to(after)
        return outcome

    return done


@dataclass(frozen=True, slots=True)
class MortalSupervisor:
    """The node, between two places."""

    inner: Any
    clock: Clock

    async def __call__(self, state: TeamInput) -> Mapping[str, Any]:
        return await counted(self.clock, self.inner, "visit", "visited")(state)


@dataclass(frozen=True, slots=True)
class MortalQueue:
    """The merge queue, between two places."""

    inner: Any
    clock: Clock

    async def __call__(self, *given: Any) -> Any:
        return await counted(self.clock, self.inner, "merging", "merged")(*given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def team_up(folder: str, *, sandbox: str, server: str, doom: Doom) -> None:
    """Make the run, or go on with it; ``ended`` has how it ended."""
    place, clock = Path(folder), Clock(doom)
    coder = MortalTeammates(ANSWERS, notes=place / "asked", clock=clock)
    given: dict[str, Any] = {"database_url": SecretStr(server)} if server else {}
    chosen = settings(place, coder_dialect="text", sandbox=sandbox, **given)
    async with open_application(chosen, models=models(coder, [PLAN])) as opened:
        real = opened.nodes.team
        turns = cast("Any", counted(clock, real.turns, "", "turn"))
        team = replace(real, turns=turns, queue=cast("Any", MortalQueue(real.queue, clock)))
        application = employing(opened, replace(opened.nodes, team=cast("Any", MortalSupervisor(team, clock))))
        engine = application.engine
        if await engine.runs.exactly(RUN, org=application.org) is None:
            await engine.create(team_task(place / "repo"), id=RUN)
        standing = await engine.advance(RUN, None)
    (place / "ended").write_text(json.dumps({**result_of(standing), "places": clock.seen}, indent=1))


def result_of(standing: RunState) -> dict[str, Any]:
    """What the run came to."""
    values, ending = standing.values, standing.run.ending
    team = values["team"]
    return {
        "status": standing.run.status,
        "message": ending.message if ending else "",
        "tree": values["snapshot"].tree,
        "steps": values["spent"].steps,
        "workers": [(each.id, each.status, each.order, each.tree, each.taken) for each in team.workers],
    }
