"""Several candidates: run side by side, the first that passes everything ends it, evidence decides the rest."""

import asyncio
from pathlib import Path

import pytest

from domain import CodeChange, Refused, Unavailable
from models import Asked, Job, Message, Scripted
from nodes._propose import propose
from tests.worlds.contest import BROKEN, RIGHT, WRONG, Told, contest, stopped
from tests.worlds.house import QUICK

JOB = Job(messages=(Message(role="user", content="Fix the total. " * 20),))


async def test_the_first_that_passes_everything_ends_the_search(tmp_path: Path):
    slow = Told(name="slow", until=asyncio.Event())
    async with contest(tmp_path, QUICK) as (trials, bench):
        answer = await propose([slow, Told(name="quick")], JOB, bench, trials)
    assert slow.cancelled
    assert answer.proposal is not None
    assert answer.proposal.provider == "quick"
    assert [(c.provider, c.regression_passed) for c in answer.candidates] == [("quick", True), ("slow", False)]
    assert "another candidate passes everything" in answer.candidates[1].note
    assert answer.spent.model_calls == 1
    assert answer.spent.sandbox_seconds > 0


async def test_candidates_run_at_the_same_time(tmp_path: Path):
    """Each leaves a sign and waits for the other's: one after the other would never pass."""
    meet = tmp_path / "meeting"
    meet.mkdir()
    accept = (
        f'touch {meet}/$$; for n in $(seq 200); do [ "$(ls {meet} | wc -l)" -ge 2 ] && exec {QUICK}; sleep 0.05; done; '
        "exit 1"
    )
    async with contest(tmp_path, accept) as (trials, bench):
        answer = await propose([Told(name="one", change=WRONG), Told(name="two", change=BROKEN)], JOB, bench, trials)
    assert len(list(meet.iterdir())) == 2
    assert len(answer.candidates) == 2


async def test_evidence_decides_between_what_fails(tmp_path: Path):
    accept = "python3 -m pytest -q -p no:cacheprovider"
    async with contest(tmp_path, accept) as (trials, bench):
        answer = await propose(
            [Told(name="broken", change=BROKEN), Told(name="wrong", change=WRONG)], JOB, bench, trials
        )
    assert [(c.provider, c.builds) for c in answer.candidates] == [("wrong", True), ("broken", False)]
    assert answer.candidates[0].score == 0.5
    assert "it builds" in answer.reason


async def test_what_needs_a_signature_is_not_run(tmp_path: Path):
    risky = CodeChange(files_to_update=RIGHT.files_to_update, cmd_instructions=(f"touch {tmp_path}/ran",))
    async with contest(tmp_path, QUICK, signed=[risky]) as (trials, bench):
        answer = await propose([Told(name="risky", change=risky), Told(name="wrong", change=WRONG)], JOB, bench, trials)
    assert not (tmp_path / "ran").exists()
    assert {c.provider: c.note for c in answer.candidates}["risky"] == "Not run: it needs a signature first."


async def test_a_change_s_own_commands_are_part_of_its_evidence(tmp_path: Path):
    helped = CodeChange(cmd_instructions=("sed -i 's/\\[1:\\]//' shop/prices.py",))
    async with contest(tmp_path, QUICK) as (trials, bench):
        answer = await propose([Told(name="wrong", change=WRONG), Told(name="sed", change=helped)], JOB, bench, trials)
    assert answer.candidates[0].provider == "sed"


async def test_the_kill_switch_holds_in_the_middle(tmp_path: Path):
    other = Told(name="other", until=asyncio.Event())
    async with contest(tmp_path, QUICK) as (trials, bench):
        with pytest.raises(Refused) as caught:
            await propose([Told(name="one"), other], JOB, bench, stopped(trials))
    assert caught.value.stable_code == "run_killed"
    assert other.cancelled


async def test_a_provider_that_fails_is_left_out_and_the_last_resort_comes_last(tmp_path: Path):
    dead = Asked(model=Scripted([Unavailable("gone", hint="wait")] * 3, name="dead"))
    async with contest(tmp_path, QUICK) as (trials, bench):
        answer = await propose([dead, Told(name="quick")], JOB, bench, trials)
        assert [c.note for c in answer.candidates] == ["", "gone"]
        spare = await propose([dead], JOB, bench, trials, last_resort=Told(name="spare"))
        nobody = await propose([dead], JOB, bench, trials)
    assert spare.proposal is not None
    assert spare.proposal.provider == "spare"
    assert nobody.proposal is None
    assert isinstance(nobody.problem, Unavailable)
