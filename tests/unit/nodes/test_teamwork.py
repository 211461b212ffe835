"""Rules of a team's turns and merges, and tasks that outlast the visit that began them."""

import asyncio
from dataclasses import replace

import pytest

from domain import CommandRun, Exhausted, RateLimited, Refused, SandboxLost, SignoffError
from domain.coder import CoderTurn, OpenQuestion
from domain.evidence import Evidence, Finding, Output
from domain.limits import SILENT
from domain.team import TeamWorker
from models import Message
from models.contract import ToolCall
from nodes.teamwork.merging import acceptable, answered
from nodes.teamwork.running import RunningTasks
from nodes.teamwork.turns import PATIENCE, broken_off, standing

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
    assert broken_off(replace(WORKER, faults=PATIENCE), lost) is None
    assert broken_off(WORKER, RateLimited("later", retry_after=600.0)) is None
    own = broken_off(WORKER, Refused("no", code="llm_bad_request", hint="h"))
    assert own is not None
    assert own.status == "stopped"
    everybody: list[SignoffError] = [Exhausted("spent"), Refused("stopped", code="run_killed", hint="h")]
    assert [broken_off(WORKER, error) for error in everybody] == [None, None]


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
