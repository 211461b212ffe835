"""Versions are promoted and taken back; a run that has begun keeps its own, whatever the files say by then."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Broken, Refused
from models.prompts import PromptFiles
from service.prompts.changes import PromptChange, earlier
from tests.worlds.prompts import NEW, OLD, START, PromptWorld, prompt, said


async def refused(coroutine) -> str:
    with pytest.raises(Refused) as caught:
        await coroutine
    return caught.value.stable_code


async def test_new_runs_speak_what_was_promoted_and_those_that_have_begun_keep_theirs(world: PromptWorld) -> None:
    prompts, before = world.process(), await world.run()
    assert await said(prompts, before) == "old"
    unspoken = await world.run()
    world.later(seconds=1)
    change = await prompts.changes.promote("acme", "plan", "new-1", by="ann", why="shorter")
    assert (change.version, change.before) == ("new-1", "old-1")
    after = await world.run()
    assert await said(prompts, after) == "new"
    for process in (prompts, world.process()):  # another one knows it from the row
        assert await said(process, before) == "old"
        assert await said(process, unspoken) == "old", "it had begun before"
    fact = world.audits.facts[-1]
    assert (fact.actor, fact.verb, fact.object, fact.note) == ("ann", "prompt.promoted", "prompt:plan@new-1", "shorter")


async def test_a_run_goes_on_with_its_text_when_the_file_is_another_one(world: PromptWorld) -> None:
    run = await world.run()
    assert await said(world.process(), run) == "old"
    world.files["plan"] = PromptFiles(prompts=(prompt("newest {{ x }}"),))
    assert await said(world.process(), run) == "old"
    assert await said(world.process(), await world.run()) == "newest"


async def test_what_was_spoken_before_is_spoken_again(world: PromptWorld) -> None:
    changes = world.process().changes
    await changes.promote("acme", "plan", "new-", by="ann")
    world.files["plan"] = PromptFiles(prompts=(prompt("newest {{ x }}", version="newest-1"),))
    assert (await changes.roll_back("acme", "plan", by="ann", why="worse")).version == "old-1"
    assert await said(world.process(), await world.run()) == "old", "and not what the file has by now"
    assert await refused(changes.roll_back("acme", "plan", by="ann")) == "prompt_no_earlier"
    assert (await changes.follow("acme", "plan", by="bo")).version == ""
    assert await said(world.process(), await world.run()) == "newest"
    assert (await changes.roll_back("acme", "plan", by="bo")).version == "old-1"
    history = [(each.verb, each.version, each.changed_by) for each in await changes.history("acme")]
    assert history == [
        ("rolled_back", "old-1", "bo"),
        ("followed", "", "bo"),
        ("rolled_back", "old-1", "ann"),
        ("promoted", "new-1", "ann"),
    ]


async def test_what_cannot_be_promoted(world: PromptWorld) -> None:
    changes = world.process().changes
    assert await refused(changes.promote("acme", "plan", "nobodys", by="ann")) == "prompt_unknown"
    assert await refused(changes.promote("acme", "plan", "ne", by="ann")) == "prompt_unknown"
    assert await refused(changes.promote("acme", "poem", "new-1", by="ann")) == "prompt_unknown"
    assert await refused(changes.follow("acme", "plan", by="ann")) == "prompt_current"
    await changes.promote("acme", "plan", "new-1", by="ann")
    assert await refused(changes.promote("acme", "plan", "new-1", by="ann")) == "prompt_current"
    assert await refused(changes.roll_back("acme", "poem", by="ann")) == "prompt_unknown"


async def test_of_two_that_promote_at_once_one_is_told(world: PromptWorld) -> None:
    both = [world.process().changes.promote("acme", "plan", "new-1", by=name) for name in ("ann", "bo")]
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "PromptChange"]


async def test_another_organisation_speaks_what_it_spoke(world: PromptWorld) -> None:
    await world.process().changes.promote("acme", "plan", "new-1", by="ann")
    world.later(seconds=1)
    assert await said(world.process(), await world.run(org="other")) == "old"
    assert await said(world.process(), await world.run()) == "new"
    assert await world.process().changes.history("other") == []


async def test_a_fork_speaks_what_its_run_spoke(world: PromptWorld) -> None:
    prompts, run = world.process(), await world.run()
    await said(prompts, run)
    world.later(seconds=1)
    await prompts.changes.promote("acme", "plan", "new-1", by="ann")
    assert await said(prompts, await world.run(forked_from=run)) == "old"


async def test_a_run_of_another_server_has_a_version_too(world: PromptWorld) -> None:
    assert await said(world.process(), "of-studio") == "old"
    assert await world.spoken("of-studio") == {"plan": "old-1"}


async def test_workers_that_ask_at_once_speak_with_one_voice(world: PromptWorld) -> None:
    run = await world.run()
    voices = await asyncio.gather(*(said(world.process(), run) for _ in range(6)))
    assert set(voices) == {"old"}
    assert await world.spoken(run) == {"plan": "old-1"}


async def test_a_promoted_version_that_cannot_be_filled_in_is_not_spoken(world: PromptWorld) -> None:
    broken = prompt("broken {{ nobody_gives_this }}", version="broken-1", label="staging")
    world.files["plan"] = PromptFiles(prompts=(OLD, broken))
    await world.process().changes.promote("acme", "plan", "broken-1", by="ann")
    run = await world.run()
    assert await said(world.process(), run) == "old"
    assert await world.spoken(run) == {"plan": "old-1"}
    world.files["plan"] = PromptFiles(prompts=(prompt("{{ nor_this }}", version="none-1"),))
    with pytest.raises(Broken):
        await said(world.process(), await world.run())


async def test_the_staged_share_stays_as_it_is(world: PromptWorld) -> None:
    third = prompt("third {{ x }}", version="third-1")
    world.files["plan"] = PromptFiles(prompts=(OLD, NEW, third), staging_share=0.5)
    await world.process().changes.promote("acme", "plan", "third-1", by="ann")
    voices = [await said(world.process(), await world.run()) for _ in range(24)]
    assert set(voices) == {"new", "third"}


@given(st.lists(st.sampled_from(["promoted", "followed", "rolled_back"]), max_size=12))
def test_what_is_spoken_last_is_what_the_newest_change_says(verbs: list) -> None:
    changes: list[PromptChange] = []
    for number, verb in enumerate(verbs):
        spoken = earlier(changes) or ["first"]
        if verb == "rolled_back":
            if len(spoken) < 2:
                continue
            version = spoken[-2]
        else:
            version = f"v{number}" if verb == "promoted" else ""
        changes.append(
            PromptChange(name="plan", verb=verb, version=version, before=spoken[-1], changed_by="ann", why="", at=START)
        )
        assert earlier(changes)[-1] == version
