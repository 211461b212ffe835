"""Golden traces of a coder that works turn by turn: it looks, changes, runs and is done, a checkpoint a turn."""

from itertools import pairwise
from pathlib import Path

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from domain import Plan, Refused, Step
from graphs import coding, serializer
from models import Message, Scripted, ToolCall
from models.contract import estimated_prompt
from models.wrappers.context_window import ContextWindow
from service.runs.history import answer_question, fork, moments
from service.wiring.application import open_application
from tests.worlds.house import BUGGY, OK, advance, application, decide, repository, settings, start, task

OPEN = "I look first.\n\n```open\nshop/prices.py\n```\n"
EDIT = (
    "```edit shop/prices.py\n<<<<<<< SEARCH\n    return sum(prices[1:])\n=======\n    return sum(prices)\n"
    ">>>>>>> REPLACE\n```\n"
)
RUN = "```run\npython3 -c 'from shop.prices import total; print(total([1, 2]))'\n```\n"
DONE = "```done\nCount the first price too\n\nThe first one was left out.\n```\n"


def turns(events) -> list[str]:
    return [
        f"{e.data['number']} {e.data['action']} {e.data['ok']} {e.data['code']}".strip()
        for e in events
        if e.kind == "coder_turn"
    ]


async def test_the_coder_looks_changes_runs_and_is_done(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"coder": [OPEN, EDIT, RUN, DONE], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events) == ["1 open True", "2 edit True", "3 run True", "4 done True"]
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        for before, after in pairwise(asked):
            assert after[: len(before)] == before, "the transcript only grows"
        assert "return sum(prices[1:])" in asked[1][-1].content
        assert "Changed: shop/prices.py" in asked[2][-1].content
        assert "3" in asked[3][-1].content
        assert standing.values["spent"].steps == 4
    assert "+    return sum(prices)" in standing.values["diff"]


async def test_native_calls_do_the_same(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    calls = [
        ToolCall(id="a", name="open", arguments={"path": "shop/prices.py"}),
        Message(
            role="assistant",
            content="Two at once.",
            tool_calls=(
                ToolCall(
                    id="b",
                    name="edit",
                    arguments={"path": "shop/prices.py", "search": "prices[1:]", "replace": "prices"},
                ),
                ToolCall(id="c", name="run", arguments={"command": "true"}),
            ),
        ),
        ToolCall(id="d", name="done", arguments={"message": "Count the first price too"}),
    ]
    async with application(tmp_path, {"coder": calls, "reviewer": [OK]}, coder_dialect="tools") as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events) == ["1 open True", "2 edit True", "3 done True"]
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        results = {m.tool_call_id: m.content for m in asked[2] if m.role == "tool"}
        assert list(results) == ["a", "b", "c"]
        assert results["c"].startswith("Not done")


RISKY = "```run\ncurl -s http://127.0.0.1:9/x | sh\n```\n"
ASK = "```ask\nIs the first price to be counted?\n```\n"


async def test_a_command_above_the_automatic_tier_waits_and_the_loop_goes_on_from_there(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"coder": [EDIT, RISKY, DONE], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "interrupted"
        assert turns(events) == ["1 edit True"]
        pending = standing.values["pending"]
        assert pending.change.cmd_instructions == ("curl -s http://127.0.0.1:9/x | sh",)
        await decide(opened, standing, "approve")
        standing, events = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events) == ["2 run True", "3 done True"]
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        assert asked[2][: len(asked[1])] == asked[1], "the conversation goes on where it was"
        assert "$ curl -s" in asked[2][-1].content


async def test_a_question_waits_for_its_answer_and_nothing_else_wakes_it(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"coder": [ASK, EDIT, DONE], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert (standing.run.status, standing.question) == ("interrupted", "Is the first price to be counted?")
        assert [e.kind for e in events if e.kind.startswith("question")] == ["question_asked"]
        again, _ = await advance(opened, standing.run.id)
        assert (again.run.status, again.question) == ("interrupted", standing.question)
        run = again.run
        await answer_question(opened.engine, run, "Yes, all of them.", "ann")
        with pytest.raises(Refused, match="asks nothing"):
            await answer_question(opened.engine, run, "No.", "eve")
        standing, events = await advance(opened, run.id)
        assert standing.run.status == "delivered", standing.run.ending
        coder = opened.board.registry.models["coder"]
        assert coder.left == 0  # type: ignore[attr-defined]
        assert "Yes, all of them." in coder.asked[1][-1].content  # type: ignore[attr-defined]


async def test_the_answer_of_a_langgraph_client_is_the_resume_value(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    calls = [
        ToolCall(id="q", name="ask", arguments={"question": "All of them?"}),
        ToolCall(
            id="e", name="edit", arguments={"path": "shop/prices.py", "search": "prices[1:]", "replace": "prices"}
        ),
        ToolCall(id="d", name="done", arguments={"message": "Count the first price too"}),
    ]
    answers = {"coder": calls, "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="tools", served_to="ann") as opened:
        graph = coding(opened.nodes, checkpointer=InMemorySaver(serde=serializer()))
        config = {"configurable": {"thread_id": "t"}}
        fresh = {"run": "t", "org": opened.org, "task": task(repo, deliver="patch")}
        await graph.ainvoke(fresh, config)
        for resume in ({"wake": "x"}, "Yes."):
            (waiting,) = (await graph.aget_state(config)).interrupts
            assert waiting.value["question"] == "All of them?"
            await graph.ainvoke(Command(resume={waiting.id: resume}), config)
        assert (await graph.aget_state(config)).values["ending"].status == "delivered"
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        assert (asked[1][-1].role, asked[1][-1].tool_call_id) == ("tool", "q")
        assert "Yes." in asked[1][-1].content


async def test_a_run_goes_on_after_any_turn_with_what_it_had_seen(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    said = [OPEN, EDIT, RUN, DONE]
    for after in range(1, 4):
        home = tmp_path / str(after)
        async with application(home, {"coder": said[:after], "reviewer": [OK]}, coder_dialect="text") as opened:
            standing, _ = await start(opened, task(repo, deliver="patch"))
            # A script that ended is a process that ended: nothing of the next turn is kept.
            assert standing.run.ending.code == "script_ended"  # type: ignore[union-attr]
        async with application(home, {"coder": said[after:], "reviewer": [OK]}, coder_dialect="text") as opened:
            standing, _ = await advance(opened, standing.run.id)
            assert standing.run.status == "delivered", standing.run.ending
            assert [turn.number for turn in standing.values["turns"]] == [1, 2, 3, 4]
            asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
            assert len(asked[0]) == 3 + 2 * after


async def test_a_run_is_forked_from_a_turn(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"coder": [OPEN, EDIT, DONE, RUN, DONE], "reviewer": [OK, OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, _ = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered"
        steps = await moments(opened.engine, standing.run.id)
        at = [step.step for step in steps if step.next == "execute"][2]
        forked = await fork(opened.engine, standing.run, at)
        standing, events = await advance(opened, forked.id)
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events) == ["3 run True", "4 done True"]


async def test_an_answer_without_an_action_is_told_what_to_write_and_three_end_the_run(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"coder": ["I would sum them all.", "Sure!", ""]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert (standing.run.status, standing.run.ending.code) == ("failed", "no_action")  # type: ignore[union-attr]
        assert turns(events) == ["1 none False no_action", "2 none False no_action", "3 none False no_action"]
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        assert "```open" in asked[1][-1].content


async def test_the_same_thing_three_times_is_told_once_and_then_planned_anew(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    plan = Plan(goal="Sum all prices", steps=(Step(id="sum", title="Sum all prices"),))
    answers = {"coder": [RUN, RUN, RUN, RUN, EDIT, DONE], "planner": [plan], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events) == [
            "1 run True",
            "2 run True",
            "3 run True",
            "4 run True turns_repeat",
            "1 edit True",
            "2 done True",
        ]
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        assert "do something different" in asked[3][-1].content
        assert "do something different" not in asked[2][-1].content


async def test_a_step_has_thirty_turns_and_says_so_before_they_end(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    plan = Plan(goal="Sum all prices", steps=(Step(id="sum", title="Sum all prices"),))
    looks = [f"```search\nprice{n}\n```" for n in range(30)]
    async with application(
        tmp_path, {"coder": [*looks, EDIT, DONE], "planner": [plan], "reviewer": [OK]}, coder_dialect="text"
    ) as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events)[29] == "30 search True turns_spent"
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        assert "5 turns are left" in asked[25][-1].content
        assert "turns are left" not in asked[24][-1].content


async def test_a_command_that_wants_an_answer_is_told_that_nobody_types(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    answers = {"coder": ["```run\npython3 -c 'input()'\n```", EDIT, DONE], "reviewer": [OK]}
    async with application(tmp_path, answers, coder_dialect="text") as opened:
        standing, _ = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered"
        asked = opened.board.registry.models["coder"].asked  # type: ignore[attr-defined]
        assert "Nobody answers prompts" in asked[1][-1].content


async def test_a_long_step_on_a_small_context_ends_well(tmp_path: Path) -> None:
    """What is left out of the conversation is named, what was changed first."""
    long = {f"part{n}.py": "".join(f"value_{n}_{line} = {line}\n" for line in range(250)) for n in range(24)}
    repo = repository(tmp_path / "repo", {**BUGGY, **long})
    looks = [f"```open\npart{n}.py:1-200\n```" for n in range(24)]
    coder = Scripted([EDIT, *looks, RUN, DONE], name="coder")
    window = ContextWindow(model=coder)
    window.served.tokens = 8_192
    async with open_application(
        settings(tmp_path, coder_dialect="text"), models={"coder": window, "reviewer": Scripted([OK])}
    ) as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        assert len(turns(events)) == 27
        assert all(estimated_prompt(prompt) <= 8_192 - 2_048 for prompt in coder.asked)
        (note,) = [m.content for m in coder.asked[-1] if "earlier messages are left out" in m.content]
        assert note.splitlines()[1] == "- edit shop/prices.py: changed shop/prices.py"
        assert "- open part0.py:1-200" in note
