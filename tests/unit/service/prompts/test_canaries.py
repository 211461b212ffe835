"""Canaries: runs are drawn by their ids, counted once, and a worse version is stopped without anybody looking."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from models.prompts import PromptFiles
from service.prompts.canaries import document, drawn
from service.prompts.sequential import ArmCounts
from tests.worlds.prompts import OLD, PromptWorld, prompt, said


async def refused(coroutine) -> str:
    with pytest.raises(Refused) as caught:
        await coroutine
    return caught.value.stable_code


async def the_canary(world: PromptWorld):
    (canary,) = await world.process().canaries.list("acme")
    return canary


@given(st.text(max_size=12), st.floats(0, 1), st.floats(0, 1))
def test_a_growing_share_only_adds_runs(run: str, one: float, two: float) -> None:
    assert (drawn("c", run) < min(one, two)) <= (drawn("c", run) < max(one, two))
    assert 0.0 <= drawn("c", run) < 1.0


async def test_a_share_of_new_runs_speaks_it_whichever_process_asks(world: PromptWorld) -> None:
    began_before = await world.run()
    world.later(seconds=1)
    canary = await world.process().canaries.start("acme", "plan", "new-1", share=0.25, by="ann", why="shorter")
    runs = [await world.run() for _ in range(60)]
    voices = {run: await said(world.process(), run) for run in runs}
    assert voices == {run: "new" if drawn(canary.id, run) < 0.25 else "old" for run in runs}
    assert await said(world.process(), began_before) == "old"
    counted = await the_canary(world)
    assert counted.drawn == sum(voice == "new" for voice in voices.values())
    assert {run: await said(world.process(), run) for run in runs} == voices, "each keeps its own"
    assert (await the_canary(world)).drawn == counted.drawn
    assert [fact.verb for fact in world.audits.facts] == ["prompt.canary_started"]


async def test_a_worse_version_is_stopped_by_itself(world: PromptWorld) -> None:
    prompts = world.process()
    await prompts.canaries.start("acme", "plan", "new-1", share=0.3, by="ann")
    for _ in range(200):
        run = await world.run()
        voice = await said(prompts, run)
        await world.ends(prompts, run, "delivered" if voice == "old" else "paused_budget")
        if (await the_canary(world)).state != "running":
            break
    canary = await the_canary(world)
    assert (canary.state, canary.ended_by) == ("stopped", "")
    assert canary.counts.candidate_failures == canary.drawn < 10
    assert canary.reason.startswith("worse beyond chance: 0 of its")
    assert {await said(world.process(), await world.run()) for _ in range(20)} == {"old"}
    fact, letter = world.audits.facts[-1], (await world.letters())[-1]
    assert (fact.verb, fact.actor) == ("prompt.canary_stopped", "")
    assert (letter.topic, letter.facts) == ("prompt.canary_stopped", {"prompt": "plan", "version": "new-1"})
    assert "New runs speak old-1 again." in letter.title
    assert document(canary)["log_evidence"] > 2.9


async def test_it_is_stopped_before_the_next_run_where_nobody_heard_of_the_ends(world: PromptWorld) -> None:
    """Workers that died before they could say how their runs ended: the rows say it."""
    prompts = world.process()
    await prompts.canaries.start("acme", "plan", "new-1", share=0.5, by="ann")
    voices = {run: await said(prompts, run) for run in [await world.run() for _ in range(40)]}
    for run, voice in voices.items():
        await world.ends(world.process(), run, "delivered" if voice == "old" else "failed")
    assert (await the_canary(world)).counts == ArmCounts(), "nobody counted"
    assert await said(prompts, await world.run()) == "old"
    canary = await the_canary(world)
    assert (canary.state, canary.counts.candidate + canary.counts.current) == ("stopped", 40)


async def test_a_version_that_is_no_worse_has_its_runs_and_may_be_promoted(world: PromptWorld) -> None:
    prompts = world.process()
    await prompts.canaries.start("acme", "plan", "new-1", share=0.5, most_runs=4, by="ann")
    while (await the_canary(world)).drawn < 4:
        run = await world.run()
        await said(prompts, run)
        await world.ends(prompts, run, "delivered")
    canary = await the_canary(world)
    assert (canary.state, canary.drawn, canary.counts.candidate_successes) == ("passed", 4, 4)
    assert {await said(prompts, await world.run()) for _ in range(20)} == {"old"}, "a person promotes it"
    letter = (await world.letters())[-1]
    assert letter.topic == "prompt.canary_passed"
    assert letter.title.endswith("It may be promoted: signoff prompts promote plan new-1")
    await prompts.changes.promote("acme", "plan", canary.version, by="ann")
    world.later(seconds=1)
    assert await said(prompts, await world.run()) == "new"


async def test_the_last_runs_are_waited_for_and_later_ones_are_not_part_of_it(world: PromptWorld) -> None:
    prompts = world.process()
    await prompts.canaries.start("acme", "plan", "new-1", share=0.9, most_runs=1, by="ann")
    first = await world.run()
    while await said(prompts, first) != "new":
        first = await world.run()
    for _ in range(10):
        run = await world.run()
        assert await said(prompts, run) == "old"
        await world.ends(prompts, run, "failed")
    waits = await the_canary(world)
    assert (waits.state, waits.counts.current_failures) == ("running", 0)
    await world.ends(prompts, first, "cancelled")
    canary = await the_canary(world)
    assert (canary.state, canary.counts) == ("passed", ArmCounts()), "what a person cancelled says nothing"


async def test_an_outcome_counts_once_however_often_a_run_rests(world: PromptWorld) -> None:
    prompts = world.process()
    await prompts.canaries.start("acme", "plan", "new-1", share=0.5, by="ann")
    run = await world.run()
    voice = await said(prompts, run)
    for status in ("paused_budget", "delivered", "delivered"):
        await world.ends(prompts, run, status)
    counts = (await the_canary(world)).counts
    failures = counts.candidate_failures if voice == "new" else counts.current_failures
    assert (failures, counts.candidate + counts.current) == (1, 1)


async def test_any_number_of_workers_draws_and_counts(world: PromptWorld) -> None:
    processes = [world.process() for _ in range(4)]
    await processes[0].canaries.start("acme", "plan", "new-1", share=0.5, most_runs=6, by="ann")
    runs = [await world.run() for _ in range(24)]
    asked = [(run, process) for run in runs for process in processes[:2]]
    voices = await asyncio.gather(*(said(process, run) for run, process in asked))
    by_run: dict[str, set[str]] = {}
    for (run, _), voice in zip(asked, voices, strict=True):
        by_run.setdefault(run, set()).add(voice)
    assert all(len(each) == 1 for each in by_run.values()), "a run speaks with one voice"
    assert sum(each == {"new"} for each in by_run.values()) == (await the_canary(world)).drawn == 6
    await asyncio.gather(*(world.ends(processes[n % 2], run, "delivered") for n, run in enumerate(runs)))
    counts = (await the_canary(world)).counts
    assert counts.candidate_successes == 6
    assert counts.candidate_failures + counts.current_failures == 0
    assert len([fact for fact in world.audits.facts if fact.verb == "prompt.canary_passed"]) == 1


async def test_a_version_that_cannot_be_filled_in_is_stopped_at_once(world: PromptWorld) -> None:
    broken = prompt("broken {{ nobody_gives_this }}", version="broken-1", label="staging")
    world.files["plan"] = PromptFiles(prompts=(OLD, broken))
    prompts = world.process()
    await prompts.canaries.start("acme", "plan", "broken-1", share=0.9, by="ann")
    runs = [await world.run() for _ in range(12)]
    assert {await said(prompts, run) for run in runs} == {"old"}
    assert {(await world.spoken(run))["plan"] for run in runs} == {"old-1"}
    canary = await the_canary(world)
    assert (canary.state, canary.reason) == ("stopped", "one of its versions cannot be filled in")


async def test_what_cannot_be_tried(world: PromptWorld) -> None:
    canaries = world.process().canaries
    for share in (0.0, -0.1, 0.91, float("nan")):
        assert await refused(canaries.start("acme", "plan", "new-1", share=share, by="a")) == "canary_share_invalid"
    assert (
        await refused(canaries.start("acme", "plan", "new-1", share=0.1, most_runs=0, by="a")) == "canary_share_invalid"
    )
    assert await refused(canaries.start("acme", "plan", "old-1", share=0.1, by="a")) == "prompt_current"
    assert await refused(canaries.start("acme", "plan", "nobodys", share=0.1, by="a")) == "prompt_unknown"
    assert await refused(canaries.end("acme", "plan", by="a")) == "canary_unknown"
    both = [world.process().canaries.start("acme", "plan", "new-1", share=0.1, by="a") for _ in range(2)]
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["Canary", "Conflict"]
    assert (await canaries.start("other", "plan", "new-1", share=0.1, by="a")).org == "other"


async def test_a_person_ends_it_and_a_promotion_does(world: PromptWorld) -> None:
    prompts = world.process()
    await prompts.canaries.start("acme", "plan", "new-1", share=0.9, by="ann")
    ended = await prompts.canaries.end("acme", "plan", by="bo", why="enough")
    assert (ended.state, ended.ended_by) == ("ended", "bo")
    assert {await said(prompts, await world.run()) for _ in range(5)} == {"old"}
    world.later(seconds=1)
    await prompts.canaries.start("acme", "plan", "new-1", share=0.9, by="ann")
    await prompts.changes.promote("acme", "plan", "new-1", by="bo")
    assert [each.state for each in await prompts.canaries.list("acme")] == ["promoted", "ended"]
    third = prompt("third {{ x }}", version="third-1", label="staging")
    world.files["plan"] = PromptFiles(prompts=(OLD, third))
    world.later(seconds=1)
    canary = await prompts.canaries.start("acme", "plan", "third-1", share=0.5, by="ann")
    assert canary.against == "new-1", "what was promoted, also when no file has it any more"
    world.later(seconds=1)
    assert {await said(world.process(), await world.run()) for _ in range(30)} == {"new", "third"}
    await prompts.changes.roll_back("acme", "plan", by="bo")
    assert [each.state for each in await prompts.canaries.list("acme")] == ["ended", "promoted", "ended"]


async def test_a_fork_is_in_no_canary(world: PromptWorld) -> None:
    prompts = world.process()
    await prompts.canaries.start("acme", "plan", "new-1", share=0.9, by="ann")
    forks = [await world.run(forked_from="somebody") for _ in range(6)]
    assert {await said(prompts, fork) for fork in forks} == {"old"}
    assert (await the_canary(world)).drawn == 0


async def test_outcomes_stand_beside_one_another(world: PromptWorld) -> None:
    prompts = world.process()
    olds = [await world.run() for _ in range(5)]
    for run, status in zip(olds, ("delivered", "nothing_to_do", "failed", "cancelled", "paused_budget"), strict=True):
        await said(prompts, run)
        await world.ends(prompts, run, status, steps=4, cost="0.25")
    world.later(days=1)
    await prompts.changes.promote("acme", "plan", "new-1", by="ann")
    news = [await world.run() for _ in range(2)]
    await world.run(org="other")
    for run in news:
        await said(prompts, run)
    await world.ends(prompts, news[0], "delivered", steps=2, cost="1.5")
    new, old = await prompts.outcomes.of("acme")
    assert (old.runs, old.succeeded, old.failed, old.cancelled, old.open) == (5, 2, 2, 1, 0)
    assert (old.version, old.turns, old.minutes, str(old.cost_per_run)) == ("old-1", 4.0, 1.5, "0.25")
    assert (old.rate.value, round(old.rate.low, 2), round(old.rate.high, 2)) == (0.5, 0.15, 0.85)
    assert (new.version, new.runs, new.succeeded, new.open, new.measured) == ("new-1", 2, 1, 1, 1)
    assert (new.turns, str(new.cost)) == (2.0, "1.5")
    (since,) = await prompts.outcomes.of("acme", name="plan", since=world.now - timedelta(hours=1))
    assert since.version == "new-1"
    assert await prompts.outcomes.of("other") == []
