"""Layout of a plan as a graph, in layers (after Sugiyama, 1981), and how each of its steps stands. Pure.

A step stands to the right of everything that it needs. A need that follows from others is not drawn; an arrow over
several layers has a lane of its own in each of them, so none runs through a box.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from domain import Plan
from domain.team import Team, TeamWorker
from domain.work import ready

WIDTH, HEIGHT = 176, 58
"""Of a box, in pixels."""
BETWEEN, APART, MARGIN = 56, 18, 6
"""Between layers, between what stands in one, and around all."""
LANE = 12
"""Height of what an arrow takes in a layer that it only passes."""
SWEEPS = 6
MOST_STEPS = 60
"""More are not drawn: the list beside the drawing has them."""
StepStatus = Literal["done", "working", "asking", "queued", "stopped", "ready", "waiting", "left"]
"""``left``: the run ended without it. The middle four are a worker's (``domain.team.WorkerStatus``)."""


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """A step's box: its upper left corner."""

    id: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class PlacedNeed:
    """An arrow, and where its line runs, from layer to layer."""

    before: str
    after: str
    points: tuple[tuple[int, int], ...]

    @property
    def path(self) -> str:
        """As SVG: curves between layers, straight through the layers that it passes."""
        (x, y), *rest = self.points
        parts = [f"M{x} {y}"]
        for place, (right, low) in enumerate(rest):
            if place % 2 == 0:
                middle = (x + right) // 2
                parts.append(f"C{middle} {y} {middle} {low} {right} {low}")
            else:
                parts.append(f"H{right}")
            x, y = right, low
        return " ".join(parts)


@dataclass(frozen=True, slots=True)
class PlanGraph:
    """Everything that is drawn, and how large it is."""

    steps: tuple[PlacedStep, ...] = ()
    needs: tuple[PlacedNeed, ...] = ()
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepState:
    """How a step stands, and who is at it."""

    status: StepStatus
    workers: tuple[TeamWorker, ...] = ()

    @property
    def by(self) -> str:
        """Its last worker, in words; empty where no team works."""
        if not self.workers:
            return ""
        worker = self.workers[-1]
        return f"{worker.role} {worker.id}, turn {worker.taken} of {worker.limit}"


@dataclass(slots=True)
class _Place:
    """Something that stands in a layer: a step, or an arrow that passes."""

    key: object
    size: int
    left: list["_Place"] = field(default_factory=list["_Place"])
    right: list["_Place"] = field(default_factory=list["_Place"])
    y: int = 0


def states_of(
    plan: Plan, done: Collection[str], team: Team | None, *, at: str = "", final: bool = False
) -> dict[str, StepState]:
    """How each step stands. ``at``: the step that the run's only coder works on; ``final``: nothing more comes."""
    workers = team.workers if team is not None else ()
    landed = {*done, *(each.step for each in workers if each.status == "landed")}
    begins = {step.id for step in ready(plan, landed)}
    states: dict[str, StepState] = {}
    for step in plan.steps:
        own = tuple(each for each in workers if each.step == step.id)
        status: StepStatus
        if step.id in landed:
            status = "done"
        elif final:
            status = "left"
        elif own:
            status = "done" if own[-1].status == "landed" else own[-1].status
        elif step.id == at:
            status = "working"
        else:
            status = "ready" if step.id in begins else "waiting"
        states[step.id] = StepState(status=status, workers=own)
    return states


def plan_graph(plan: Plan) -> PlanGraph:
    """The drawing of a plan; an empty one where it has too many steps, or one alone."""
    if not 1 < len(plan.steps) <= MOST_STEPS:
        return PlanGraph()
    return layered(tuple((step.id, step.needs) for step in plan.steps))


@lru_cache(maxsize=200)
def layered(steps: tuple[tuple[str, tuple[str, ...]], ...]) -> PlanGraph:
    """Place steps (id, and ids of those that it needs), also what stands in a circle or needs what there is not."""
    layers = waves(steps)
    level = {id_: number for number, ids in enumerate(layers) for id_ in ids}
    needs = reduced({id_: [n for n in dict.fromkeys(own) if level.get(n, 99_999) < level[id_]] for id_, own in steps})
    columns = [[_Place(id_, HEIGHT) for id_ in ids] for ids in layers]
    boxes = {str(place.key): place for column in columns for place in column}
    arrows: list[tuple[str, str, list[_Place]]] = []
    for after, befores in needs.items():
        for before in befores:
            way = [boxes[before]]
            for between in range(level[before] + 1, level[after]):
                way.append(_Place((before, after), LANE))
                columns[between].append(way[-1])
            way.append(boxes[after])
            for one, other in pairwise(way):
                one.right.append(other)
                other.left.append(one)
            arrows.append((before, after, way))
    _order(columns)
    height = max(sum(each.size + APART for each in column) - APART for column in columns)
    for column in columns:
        y = MARGIN + (height - (sum(each.size + APART for each in column) - APART)) // 2
        for each in column:
            each.y, y = y, y + each.size + APART
    at = [MARGIN + number * (WIDTH + BETWEEN) for number in range(len(columns))]
    placed = tuple(PlacedStep(id_, at[level[id_]], boxes[id_].y) for id_, _ in steps)
    lines = tuple(PlacedNeed(before, after, _points(way, at[level[before] :])) for before, after, way in arrows)
    return PlanGraph(placed, lines, at[-1] + WIDTH + MARGIN, height + 2 * MARGIN)


def waves(steps: Sequence[tuple[str, Sequence[str]]]) -> list[list[str]]:
    """Each step behind the last of its needs; what no wave reaches stands in a circle, and comes last."""
    known, layers = {id_ for id_, _ in steps}, list[list[str]]()
    left = {id_: {need for need in needs if need in known} for id_, needs in steps}
    there: set[str] = set()
    while left:
        wave = [id_ for id_, needs in left.items() if needs <= there] or list(left)
        layers.append(wave)
        there.update(wave)
        left = {id_: needs for id_, needs in left.items() if id_ not in there}
    return layers


def reduced(needs: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The needs that follow from no others: the transitive reduction of what has no circle."""
    reach: dict[str, set[str]] = {}

    def reached(id_: str) -> set[str]:
        if id_ not in reach:
            reach[id_] = set().union(*({need} | reached(need) for need in needs.get(id_, ())))
        return reach[id_]

    return {
        id_: [need for need in own if not any(need in reached(other) for other in own if other != need)]
        for id_, own in ((id_, list(each)) for id_, each in needs.items())
    }


def _order(columns: list[list[_Place]]) -> None:
    """Order each layer by where its neighbours stand, to and fro, and keep the order with the fewest crossings."""
    best, fewest = [list(column) for column in columns], crossings(columns)
    for sweep in range(SWEEPS):
        rightward = sweep % 2 == 0
        for number in range(1, len(columns)) if rightward else range(len(columns) - 2, -1, -1):
            beside = columns[number - 1 if rightward else number + 1]
            rank = {id(place): float(index) for index, place in enumerate(beside)}
            means: dict[int, float] = {}
            for index, place in enumerate(columns[number]):
                near = [rank[id(each)] for each in (place.left if rightward else place.right)]
                means[id(place)] = sum(near) / len(near) if near else float(index)
            columns[number].sort(key=lambda place, means=means: means[id(place)])
        if (count := crossings(columns)) < fewest:
            best, fewest = [list(column) for column in columns], count
    columns[:] = best


def crossings(columns: Sequence[Sequence[_Place]]) -> int:
    """How many pairs of lines cross between neighbouring layers."""
    count = 0
    for one, other in pairwise(columns):
        rank = {id(place): index for index, place in enumerate(other)}
        ends = [sorted(rank[id(right)] for right in place.right) for place in one]
        flat = [end for own in ends for end in own]
        count += sum(a > b for index, a in enumerate(flat) for b in flat[index + 1 :])
    return count


def _points(way: Sequence[_Place], at: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Out of the first box, into and out of each lane, into the last box."""
    middles = [place.y + place.size // 2 for place in way]
    points = [(at[0] + WIDTH, middles[0])]
    for number in range(1, len(way)):
        points.append((at[number], middles[number]))
        if number < len(way) - 1:
            points.append((at[number] + WIDTH, middles[number]))
    return tuple(points)
