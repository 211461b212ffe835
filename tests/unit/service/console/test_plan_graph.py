"""The drawing of a plan: everything once, nothing over anything else, every arrow forward."""

import time
from datetime import UTC, datetime
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from domain import Plan, Task
from domain.team import Team, TeamWorker
from domain.work import Step
from service.console.pages import rendered
from service.console.plan_graph import HEIGHT, WIDTH, layered, plan_graph, reduced, states_of, waves
from service.runs.runs import Run

Steps = tuple[tuple[str, tuple[str, ...]], ...]


@st.composite
def plans(draw: st.DrawFn, most: int = 14) -> Steps:
    count = draw(st.integers(1, most))
    steps: list[tuple[str, tuple[str, ...]]] = []
    for n in range(count):
        needs = draw(st.lists(st.integers(0, n - 1), max_size=4, unique=True)) if n else []
        steps.append((f"s{n}", tuple(f"s{each}" for each in needs)))
    return tuple(draw(st.permutations(steps)))


def reached(needs: dict[str, list[str]]) -> set[tuple[str, str]]:
    pairs = {(id_, need) for id_, own in needs.items() for need in own}
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs |= more
    return pairs


@given(plans())
def test_every_step_stands_once_and_no_box_lies_on_another(steps: Steps) -> None:
    drawing = layered(steps)
    assert [each.id for each in drawing.steps] == [id_ for id_, _ in steps]
    for one, other in combinations(drawing.steps, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    for each in drawing.steps:
        assert 0 <= each.x <= drawing.width - WIDTH
        assert 0 <= each.y <= drawing.height - HEIGHT


@given(plans())
def test_an_arrow_runs_forward_from_box_to_box_and_through_none(steps: Steps) -> None:
    drawing = layered(steps)
    boxes = {each.id: each for each in drawing.steps}
    for need in drawing.needs:
        before, after = boxes[need.before], boxes[need.after]
        assert need.points[0] == (before.x + WIDTH, before.y + HEIGHT // 2)
        assert need.points[-1] == (after.x, after.y + HEIGHT // 2)
        xs = [x for x, _ in need.points]
        assert xs == sorted(set(xs))
        # In a layer that it only passes, it runs level, and above or below what stands there.
        for (left, y), (_, low) in zip(need.points[1:-1:2], need.points[2:-1:2], strict=True):
            assert y == low
            assert all(not box.y <= y <= box.y + HEIGHT for box in drawing.steps if box.x == left)
        assert need.path.startswith("M")
        assert need.path.count("C") == (len(need.points)) // 2


@given(plans())
def test_what_is_left_out_follows_from_what_is_drawn(steps: Steps) -> None:
    all_needs = {id_: list(needs) for id_, needs in steps}
    fewer = reduced(all_needs)
    assert reached(fewer) == reached(all_needs)
    drawn = {(each.after, each.before) for each in layered(steps).needs}
    assert drawn == {(id_, need) for id_, own in fewer.items() for need in own}


def test_a_step_comes_in_the_wave_behind_the_last_of_its_needs() -> None:
    assert waves((("d", ("b", "c")), ("b", ("a",)), ("c", ()), ("a", ()))) == [["c", "a"], ["b"], ["d"]]
    assert waves((("a", ()), ("x", ("y",)), ("y", ("x",)))) == [["a"], ["x", "y"]]


def test_circles_and_needs_of_nothing_are_drawn_too() -> None:
    drawing = layered((("a", ("b",)), ("b", ("a",)), ("c", ("ghost", "c")), ("d", ())))
    assert {each.id for each in drawing.steps} == set("abcd")


def test_sixty_steps_are_placed_in_a_moment_and_more_are_not_drawn() -> None:
    steps = tuple((f"s{n}", tuple(f"s{m}" for m in range(max(0, n - 20), n) if (n * m) % 3)) for n in range(60))
    layered.cache_clear()
    began = time.perf_counter()
    drawing = layered(steps)
    assert time.perf_counter() - began < 1
    assert len(drawing.steps) == 60
    one = Plan(goal="g", steps=(Step(id="only", title="t"),))
    assert plan_graph(one).steps == ()


def test_crossings_are_taken_out_where_that_can_be() -> None:
    drawing = layered((("a", ()), ("b", ()), ("c", ("b",)), ("d", ("a",))))
    at = {each.id: each.y for each in drawing.steps}
    assert (at["a"] < at["b"]) == (at["d"] < at["c"])


PLAN = Plan(
    goal="g",
    steps=(
        Step(id="a", title="A"),
        Step(id="b", title="B", needs=("a",)),
        Step(id="c", title="C"),
        Step(id="d", title="D", needs=("b", "c")),
    ),
)


def test_the_only_coder_is_at_one_step() -> None:
    states = states_of(PLAN, ("a",), None, at="b")
    assert {id_: state.status for id_, state in states.items()} == {
        "a": "done",
        "b": "working",
        "c": "ready",
        "d": "waiting",
    }
    ended = states_of(PLAN, ("a",), None, at="b", final=True)
    assert {id_: state.status for id_, state in ended.items()} == {"a": "done", "b": "left", "c": "left", "d": "left"}


def test_workers_are_in_the_drawing_and_in_the_words_beside_it() -> None:
    team = Team(size=2, workers=(TeamWorker(id="b", step="b", status="working", role="tester", taken=2, limit=9),))
    moment = datetime(2026, 11, 30, tzinfo=UTC)
    task = Task(text="t", repo="/r", requester="ann")
    html = rendered(
        "standing.html",
        run=Run(id="r", org="o", requester="ann", status="running", task=task, created_at=moment, updated_at=moment),
        task=task,
        now=moment,
        **dict.fromkeys(("ending", "ballot", "question", "spent", "delivered")),
        working=True,
        machine=("team",),
        at_node="team",
        been=(),
        plan=PLAN,
        plan_graph=plan_graph(PLAN),
        step_states=states_of(PLAN, ("a",), team),
    )
    drawn = html[html.index("<svg") : html.index("</svg>")]
    assert "B, working, tester b, turn 2 of 9" in drawn
    assert "working · tester" in drawn
    assert "tester <code>b</code> working, 2 of 9 turns" in html[html.index("</svg>") :]


def test_a_steps_state_is_that_of_its_last_worker() -> None:
    team = Team(
        size=4,
        workers=(
            TeamWorker(id="a", step="a", status="landed", order=1),
            TeamWorker(id="b", step="b", status="stopped"),
            TeamWorker(id="b/2", step="b", status="asking", attempt=2, role="tester", taken=3),
            TeamWorker(id="c", step="c", status="queued"),
        ),
    )
    states = states_of(PLAN, (), team)
    assert {id_: state.status for id_, state in states.items()} == {
        "a": "done",
        "b": "asking",
        "c": "queued",
        "d": "waiting",
    }
    assert states["b"].by == "tester b/2, turn 3 of 12"
    assert states["d"].by == ""
