"""Rules of a team's turns and merges, and tasks that outlast the visit that began them."""

import asyncio
from dataclasses import replace

import pytest

from domain import (
    CommandRun,
    Exhausted,
    Plan,
    RateLimited,
    Refused,
    SandboxLost,
    SignoffError,
    Spent,
    Step,
    Task,
    Unreadable,
)
from domain.coder import CoderTurn, OpenQuestion
from domain.evidence import Evidence, Finding, Output
from domain.limits import ATTEMPTS, SILENT
from domain.team import Team, TeamWorker
from models import Message
from models.contract import ToolCall
from nodes.teamwork.merging import MergeQueue, acceptable, answered
from nodes.teamwork.running import RunningTasks
from nodes.teamwork.turns import PATIENCE, WorkerTurns, broken_off, standing
from sandbox import Snapshot
from sandbox.tree_merge import MergedTree
from tests.unit.models.flaky import Clock

WORKER = TeamWorker(id="p1", step="p1", limit=30)
RAN = CommandRun(command="t", code=0, ended="exit", duration_ms=1.0, stdout=Output(), stderr=Output())
RED = replace(RAN, code=1)


@pytest.mark.parametrize(
    ("before", "after", "broken", "lands"),
    [
        (RED, RAN, (), True),
        (RED, RED, (), True),
        (RED, RED, None, True),
        (RED, RED, ("a::b",), False),
        (RAN, RED, (), False),
        (RAN, RED, None, False),
        (RED, replace(RED, ended="timeout"), None, False),
    ],
)
def test_a_branch_lands_when_it_breaks_nothing(
    before: CommandRun, after: CommandRun, broken: tuple[str, ...] | None, lands: bool
) -> None:
    assert acceptable(before, after, broken) is lands


def test_a_conversation_goes_on_in_the_form_it_had() -> None:
    words = [Message(role="user", content="no", prompt="returned@1")]
    assert answered((Message(role="assistant", content="done"),), words)[-1].role == "user"
    calls = tuple(ToolCall(id=str(n), name="done") for n in range(2))
    talk = answered((Message(role="assistant", content="", tool_calls=calls),), words)
    assert [(each.role, each.tool_call_id, each.content) for each in talk[1:]] == [
        ("tool", "0", "no"),
        ("tool", "1", "Not done: one call a turn."),
    ]


def test_how_a_worker_stands_after_a_turn() -> None:
    assert standing(WORKER, "").status == "working"
    assert standing(replace(WORKER, question=OpenQuestion(step="p1", text="?")), "").status == "asking"
    assert standing(WORKER, "The key is wrong.").note == "The key is wrong."
    silent = tuple(CoderTurn(step="p1", number=n) for n in range(SILENT))
    assert standing(replace(WORKER, turns=silent), "").status == "stopped"
    failed = Evidence(step="p1", attempt=1, findings=(Finding(kind="tests_failed", message="no"),))
    assert standing(replace(WORKER, tries=PATIENCE, evidence=(failed,)), "").status == "stopped"
    assert standing(replace(WORKER, tries=PATIENCE - 1, evidence=(failed,)), "").status == "working"


def test_what_may_get_better_is_tried_again_and_what_concerns_all_ends_the_run() -> None:
    lost = SandboxLost("gone")
    again = broken_off(WORKER, lost)
    assert again is not None
    assert (again.faults, again.status) == (1, "working")
    assert broken_off(replace(WORKER, faults=ATTEMPTS - 1), lost) is None
    assert broken_off(WORKER, Unreadable("what?")) is None, "asked the same again, a model answers the same"
    assert broken_off(WORKER, RateLimited("later", retry_after=600.0)) is None
    own = broken_off(WORKER, Refused("no", code="llm_bad_request", hint="h"))
    assert own is not None
    assert own.status == "stopped"
    everybody: list[SignoffError] = [Exhausted("spent"), Refused("stopped", code="run_killed", hint="h")]
    assert [broken_off(WORKER, error) for error in everybody] == [None, None]


TRUNK = Snapshot(tree="a" * 40, full="b" * 40, commit="c" * 40)


async def test_a_worker_waits_as_long_as_the_endpoint_asks() -> None:
    clock = Clock()

    async def busy(_: object) -> None:
        raise RateLimited("later", retry_after=20.0)

    turns = WorkerTurns(execute=busy, observe=busy, store=None, masks=None, pause=clock.pause)
    plan = Plan(goal="g", steps=(Step(id="p1", title="t"), Step(id="p2", title="t")))
    state = {
        "run": "r",
        "org": "a",
        "task": Task(text="x", repo="/x"),
        "pinned": None,
        "expert": "general",
        "plan": plan,
    }
    state |= {"baseline": RED, "context": "", "spent": Spent(), "team": Team(size=2, workers=(WORKER,))}
    broke_off = await turns(state, WORKER, TRUNK, ())
    assert isinstance(broke_off.error, RateLimited)
    assert clock.waits == [20.0]
    last = await turns(state, replace(WORKER, faults=ATTEMPTS - 1), TRUNK, ())
    assert isinstance(last.error, RateLimited)
    assert clock.waits == [20.0], "the run ends with it; there is nothing to wait for"


async def test_a_merge_is_tried_again_when_its_sandbox_is_lost() -> None:
    clock, merging = Clock(), list[SignoffError]([SandboxLost("gone"), SandboxLost("gone")])

    class Shaky:
        async def merged(self, *_: str) -> MergedTree:
            if merging:
                raise merging.pop()
            return MergedTree(TRUNK.tree, {"x": "both changed it"})

    queue = MergeQueue(store=Shaky(), workspaces=None, masks=None, prompt=None, tracer=None, pause=clock.pause)
    done = replace(WORKER, status="queued", base=TRUNK.tree, tree="d" * 40)
    merge = await queue({"run": "r"}, Team(workers=(done,)), (done,), TRUNK)
    assert merge.error is None
    assert merge.conflicts == {"p1": {"x": "both changed it"}}
    assert len(clock.waits) == 2
    merging += [SandboxLost("gone")] * ATTEMPTS
    assert isinstance((await queue({"run": "r"}, Team(workers=(done,)), (done,), TRUNK)).error, SandboxLost)


async def test_tasks_outlast_who_waits_for_them_and_end_when_they_are_stopped() -> None:
    running: RunningTasks[str] = RunningTasks()
    gate, cancelled = asyncio.Event(), list[str]()

    async def quick() -> str:
        return "quick"

    async def slow() -> str:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            cancelled.append("slow")
            raise
        return "slow"

    running.begin("r", "a", quick())
    running.begin("r", "b", slow())
    running.begin("r", "b", slow())  # it is under way: nothing is begun twice
    running.begin("other", "b", slow())
    assert await running.ended("r") == ["quick"]
    assert list(running.of("r")) == ["b"]
    await running.stop("r")
    assert cancelled == ["slow"]
    assert running.of("r") == {}
    gate.set()
    assert await running.ended("other") == ["slow"]
    await running.stop("other")
