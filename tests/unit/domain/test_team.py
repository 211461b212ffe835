from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from domain import Budget, CommandRun, Plan, Spent, Step
from domain.evidence import Output
from domain.team import (
    MOST_RETURNS,
    Team,
    TeamWorker,
    fair_share,
    first_batch,
    handed_out,
    landed,
    regressions,
    stopped_by,
    unfinished,
    worker_id,
)

FILES = st.sampled_from(["a.py", "b.py", "c.py"])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Steps that need only steps before them."""
    size = draw(st.integers(1, 8))
    steps = [
        Step(
            id=f"s{n}",
            title="t",
            needs=tuple(f"s{m}" for m in sorted(draw(st.sets(st.integers(0, n - 1), max_size=3)) if n else ())),
            files=tuple(sorted(draw(st.sets(FILES, max_size=2)))),
        )
        for n in range(size)
    ]
    return Plan(goal="g", steps=tuple(steps))


def begun(team: Team, plan: Plan) -> Team:
    return replace(team, workers=(*team.workers, *handed_out(plan, team)))


@given(plans(), st.integers(1, 8), st.data())
def test_every_step_is_done_once_whatever_becomes_of_the_workers(plan: Plan, size: int, data: st.DataObject) -> None:
    team = Team(size=size)
    needs = {step.id: {*step.needs} for step in plan.steps}
    files = {step.id: {*step.files} for step in plan.steps}
    for _ in range(100):
        before = team
        team = begun(team, plan)
        busy = [each for each in team.workers if each.status == "working"]
        assert len(busy) <= size
        for each in team.workers[len(before.workers) :]:
            assert needs[each.step] <= set(landed(before)), "it has all that it needs"
            others = [other for other in busy if other.id != each.id]
            assert not any(files[each.step] & files[other.step] for other in others)
        if not busy:
            break
        chosen = data.draw(st.sampled_from(busy))
        status: Any = data.draw(st.sampled_from(["landed", "stopped"]))
        order = len(landed(team)) + 1 if status == "landed" else 0
        changed = replace(chosen, status=status, order=order)
        team = replace(team, workers=tuple(changed if each.id == chosen.id else each for each in team.workers))
    done = landed(team)
    assert len(done) == len(set(done)), "nothing lands twice"
    assert len({each.id for each in team.workers}) == len(team.workers)
    stuck = {each.step for each in team.workers if each.status == "stopped" and each.attempt == 2}
    for step in unfinished(plan, team):
        blocked = {step.id} | needs[step.id]
        assert step.id in stuck or blocked - set(done), "what is left could not be begun"


def queued(name: str, *touched: str, alone: bool = False) -> TeamWorker:
    return TeamWorker(id=name, step=name, status="queued", touched=touched, alone=alone)


@given(st.lists(st.tuples(st.sets(FILES, min_size=1), st.booleans()), max_size=8))
def test_branches_of_other_files_are_merged_together_and_those_of_the_same_are_not(queue: list[Any]) -> None:
    workers = [queued(f"w{n}", *sorted(touched), alone=alone) for n, (touched, alone) in enumerate(queue)]
    batch = first_batch(workers)
    assert bool(batch) == bool(workers), "nobody waits for nothing"
    assert not workers or batch[0] == workers[0]
    paths = [path for each in batch for path in each.touched]
    assert len(paths) == len(set(paths))
    assert len(batch) == 1 or not any(each.alone for each in batch)


def test_what_failed_together_is_tried_one_by_one() -> None:
    a, b, c = queued("a", "1", alone=True), queued("b", "2", alone=True), queued("c", "3")
    assert first_batch([a, b, c]) == (a,)
    assert first_batch([c, a, b]) == (c,)


def test_workers_have_names_of_their_own() -> None:
    assert [worker_id("s"), worker_id("s", attempt=2), worker_id("s", team=1, attempt=2)] == ["s", "s/2", "plan-2/s/2"]


def test_a_share_is_fair_and_never_too_small_to_be_of_use() -> None:
    plan = Plan(goal="g", steps=tuple(Step(id=f"s{n}", title="t") for n in range(8)))
    assert fair_share(plan, Team(), Budget(max_steps=200), Spent()) == 25
    assert fair_share(plan, Team(), Budget(max_steps=200), Spent(steps=190)) == 12
    done = Team(workers=tuple(TeamWorker(id=f"s{n}", step=f"s{n}", status="landed", order=n) for n in range(1, 8)))
    assert fair_share(plan, done, Budget(max_steps=200), Spent(steps=100)) == 100


def test_who_comes_back_too_often_is_stopped() -> None:
    worker = TeamWorker(id="a", step="a", returns=MOST_RETURNS, note="conflicts in x")
    assert stopped_by(worker) == ""
    assert "conflicts in x" in stopped_by(replace(worker, returns=MOST_RETURNS + 1))
    assert "share of 12 turns" in stopped_by(replace(worker, taken=12))


RAN = CommandRun(command="t", code=1, ended="exit", duration_ms=1.0, stdout=Output(), stderr=Output())


def printed(*failing: str) -> str:
    lines = "".join(f"FAILED {name} - boom\n" for name in failing)
    return f"{lines}{len(failing)} failed, 3 passed in 0.1s\n"


def test_a_merge_is_blamed_for_what_it_breaks_and_not_for_what_was_broken() -> None:
    assert regressions(RAN, RAN, (printed("a.py::x"), printed("a.py::x", "b.py::y"))) == ("b.py::y",)
    assert regressions(RAN, RAN, (printed("a.py::x"), printed("a.py::x"))) == ()
    assert regressions(RAN, RAN, ("no report", printed("a.py::x"))) is None
    assert regressions(RAN, replace(RAN, ended="timeout"), (printed("a.py::x"), printed("a.py::x"))) is None


def test_a_role_that_nobody_knows_is_a_coders() -> None:
    adapter = TypeAdapter(Step)
    roles = [adapter.validate_python({"id": "a", "title": "t", "role": role}).role for role in ("Tester", "qa", None)]
    assert roles == ["tester", "coder", "coder"]
