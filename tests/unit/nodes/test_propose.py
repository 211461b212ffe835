"""Several candidates: run side by side, the first that passes everything ends it, evidence decides the rest."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain import Budget, CodeChange, CommandRun, FileEdit, NewFile, Refused, Spent, Task, Unavailable
from models import ChangeRequest, Message, ModelProvider, ModelSettings, Scripted
from models.prompts import PromptFiles
from nodes import prompts
from nodes.coder.candidates import affordable, propose, together
from nodes.coder.judge import Judge
from tests.worlds.contest import BROKEN, RIGHT, WRONG, Told, change, contest, stopped
from tests.worlds.house import QUICK

JOB = ChangeRequest(messages=(Message(role="user", content="Fix the total. " * 20),))


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
    dead = ModelProvider(model=Scripted([Unavailable("gone", hint="wait")] * 3, name="dead"))
    async with contest(tmp_path, QUICK) as (trials, bench):
        answer = await propose([dead, Told(name="quick")], JOB, bench, trials)
        assert [c.note for c in answer.candidates] == ["", "gone"]
        spare = await propose([dead], JOB, bench, trials, last_resort=Told(name="spare"))
        nobody = await propose([dead], JOB, bench, trials)
    assert spare.proposal is not None
    assert spare.proposal.provider == "spare"
    assert nobody.proposal is None
    assert isinstance(nobody.problem, Unavailable)


FEATURE = CodeChange(
    files_to_create=(NewFile(path="shop/vat.py", language="python", content="RATE = 19\n"),),
    files_to_update=WRONG.files_to_update,
)
REPAIRED = CodeChange(
    files_to_update=(FileEdit(path="shop/prices.py", content="def total(prices):\n    return sum(prices)\n"),)
)


async def test_a_repair_lies_on_top_of_a_written_change_and_never_in_its_place(tmp_path: Path):
    writer, engine = Told(name="coder", change=FEATURE), Told(name="engine", change=REPAIRED, repairs=True)
    async with contest(tmp_path, QUICK) as (trials, bench):
        answer = await propose([engine, writer], JOB, bench, trials)
    assert answer.proposal is not None
    assert answer.proposal.provider == "engine"
    assert answer.proposal.note.startswith("On top of the change of coder")
    assert [file.path for file in answer.proposal.change.files_to_create] == ["shop/vat.py"], "what was written stays"
    assert answer.proposal.change.files_to_update == REPAIRED.files_to_update
    assert [(c.provider, c.regression_passed) for c in answer.candidates] == [("engine", True), ("coder", False)]
    assert answer.run is not None
    assert answer.run.ok


async def test_a_repair_of_a_file_that_the_change_makes_is_part_of_it(tmp_path: Path):
    made = NewFile(path="shop/vat.py", language="python", content="RATE = 7\n")
    engine = Told(
        name="engine",
        repairs=True,
        change=CodeChange(files_to_update=(FileEdit(path="shop/vat.py", content="RATE = 19\n"),)),
    )
    async with contest(tmp_path, f"grep -q 19 shop/vat.py && {QUICK}") as (trials, bench):
        coder = Told(name="coder", change=CodeChange(files_to_create=(made,), files_to_update=RIGHT.files_to_update))
        answer = await propose([coder, engine], JOB, bench, trials)
    assert answer.proposal is not None
    assert answer.proposal.change.files_to_create == (replace(made, content="RATE = 19\n"),)
    assert answer.candidates[0].regression_passed


async def test_nobody_is_asked_to_repair_what_passes_or_must_be_signed(tmp_path: Path):
    engine = Told(name="engine", change=REPAIRED, repairs=True)
    async with contest(tmp_path, QUICK, signed=[WRONG]) as (trials, bench):
        passing = await propose([engine, Told(name="coder")], JOB, bench, trials)
        waiting = await propose([engine, Told(name="coder", change=WRONG)], JOB, bench, trials)
    assert [c.provider for c in passing.candidates] == ["coder", "engine"]
    assert passing.spent.model_calls == waiting.spent.model_calls == 1
    assert waiting.proposal is not None
    assert waiting.proposal.provider == "coder"
    assert waiting.candidates[1].note.startswith("Not asked")


async def test_without_a_written_change_what_lies_there_is_repaired(tmp_path: Path):
    dead = ModelProvider(model=Scripted([Unavailable("gone", hint="wait")], name="dead"))
    async with contest(tmp_path, QUICK) as (trials, bench):
        answer = await propose([dead, Told(name="engine", change=REPAIRED, repairs=True)], JOB, bench, trials)
    assert answer.proposal is not None
    assert answer.proposal.change == REPAIRED


async def test_a_suite_that_the_provider_ran_is_not_run_again(tmp_path: Path):
    count = tmp_path / "count"
    accept = f"echo >> {count}; {QUICK}"
    ran = CommandRun(command=accept, ended="exit", code=0)
    async with contest(tmp_path, accept) as (trials, bench):
        providers = [Told(name="engine", change=REPAIRED, repairs=True, run=ran), Told(name="coder", change=WRONG)]
        answer = await propose(providers, JOB, bench, trials)
    assert answer.run == ran
    assert count.read_text() == "\n", "that of the coder, once"


COUNTED = """python3 -c '
from shop.prices import total
bad = [name for name, ok in (("sum", total([1, 2, 3]) == 6), ("nothing", total([]) == 0)) if not ok]
print(*(f"FAILED t.py::{name} - wrong" for name in bad), sep="\\n")
print(f"{len(bad)} failed, {2 - len(bad)} passed in 0.01s")
raise SystemExit(len(bad))'"""
"""Says what pytest would say, in a tenth of the time."""
ALIKE = change("return sum(prices[1:]) + 0")
"""Fails the same tests as ``WRONG``."""


def judge(*said: object, budget: Budget | None = None) -> Judge:
    """The reviewer, who says this."""
    return Judge(
        model=Scripted(list(said), name="reviewer"),
        prompt=PromptFiles(prompts=prompts("judge")),
        settings=ModelSettings(),
        clock=lambda: datetime.now(UTC),
        run="run",
        accept=QUICK,
        expert="",
        spent=Spent(),
        task=Task(text="Fix the total", repo="r", budget=budget or Budget()),
    )


def scores(**given: int) -> dict[str, object]:
    ids = {"one": "candidate-1-1", "two": "candidate-1-2", "nobody": "nobody"}
    return {"scores": [{"candidate": ids[name], "score": n, "reason": f"{name} it is"} for name, n in given.items()]}


def two(first: CodeChange = WRONG, second: CodeChange = ALIKE) -> list[Told]:
    return [Told(name="one", change=first), Told(name="two", change=second)]


async def test_the_reviewer_decides_between_what_the_tests_cannot_tell_apart(tmp_path: Path):
    rates = judge(scores(one=2, two=9, nobody=10))
    async with contest(tmp_path, COUNTED) as (trials, bench):
        alone = await propose(two(), JOB, bench, trials)
        answer = await propose(two(), JOB, bench, trials, judge=rates)
    assert alone.proposal is not None
    assert alone.proposal.provider == "one"
    assert answer.proposal is not None
    assert answer.proposal.provider == "two"
    assert [(c.provider, c.review) for c in answer.candidates] == [("two", 0.9), ("one", 0.2)]
    assert answer.candidates[0].note == "Reviewer: two it is"
    assert answer.reason == "two (candidate-1-2) before one (candidate-1-1): the reviewer rates it higher."
    assert answer.spent.model_calls == alone.spent.model_calls + 1, "one call, and it is paid for"


@pytest.mark.parametrize("entrants", [two(RIGHT, WRONG), two(WRONG, WRONG), two(WRONG, BROKEN), two(BROKEN, BROKEN)])
async def test_the_reviewer_is_not_asked_where_it_would_decide_nothing(tmp_path: Path, entrants: list[Told]):
    """One passes everything, both are the same, one does better, or neither is worth anything."""
    rates = judge()
    async with contest(tmp_path, COUNTED) as (trials, bench):
        answer = await propose(entrants, JOB, bench, trials, judge=rates)
    assert answer.proposal is not None
    assert all(c.review is None for c in answer.candidates)


@pytest.mark.parametrize(
    "rates",
    [judge(Unavailable("gone", hint="wait")), judge(scores(one=1), budget=Budget(max_tokens=10)), judge(scores())],
)
async def test_without_the_reviewer_the_evidence_decides(tmp_path: Path, rates: Judge):
    """It does not answer, it would cost too much, or it has no opinion: nothing fails."""
    async with contest(tmp_path, COUNTED) as (trials, bench):
        answer = await propose(two(), JOB, bench, trials, judge=rates)
    assert answer.proposal is not None
    assert answer.proposal.provider == "one"


def test_a_small_budget_has_fewer_candidates_instead_of_none():
    asked = [ModelProvider(model=Scripted([], name=name)) for name in ("a", "b")]
    repair = Told(name="repair")
    prompts_ = [JOB.messages, JOB.messages]
    settings = ModelSettings(max_tokens=100)
    at_worst = 2 * (sum(len(m.content) for m in JOB.messages) // 3 + 100) + 100

    def kept(tokens: int, steps: int = 1) -> list[str]:
        budget = Budget(max_tokens=tokens)
        return [p.name for p in affordable([asked[0], asked[1], repair], budget, Spent(), prompts_[:steps], settings)]

    assert kept(2 * at_worst) == ["a", "b", "repair"]
    assert kept(2 * at_worst - 1) == ["a", "repair"]
    assert kept(0) == ["a", "repair"], "whether there is room for one is the budget's own business"
    assert kept(2 * at_worst, steps=2) == ["a", "repair"]
    assert together(Budget(max_tokens=2 * at_worst), Spent(), prompts_, settings) == 2
    assert together(Budget(max_tokens=2 * at_worst), Spent(tokens_in=1), prompts_, settings) == 1
    assert together(Budget(max_tokens=0), Spent(), prompts_, settings) == 1
