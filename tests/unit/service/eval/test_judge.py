from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused, Unavailable, Unreadable
from models import ModelSettings, Question, Reply, Scripted
from models.routing import FixedModels
from service.eval.dataset import EvalCase
from service.eval.judge import (
    NOTHING,
    PADDING,
    SHOWN,
    ChangeJudge,
    JudgeAnswer,
    JudgeVote,
    family,
    judgement,
    judging_model,
    kappa,
    known_cases,
    report_on,
    vote_of,
)
from service.eval.judged import EvaluationJudge
from service.eval.results import AttemptResult, Prediction

SCORE = st.integers(1, 5)
ANSWER = st.builds(JudgeAnswer, a=SCORE, b=SCORE)
GOLD = "-    return sum(prices[1:])\n+    return sum(prices)\n"


class Opinion:
    """A judge whose scores are a function of the two changes, as they stand in the prompt."""

    name = "opinion"

    def __init__(self, of: Callable[[str, str], tuple[int, int] | None]) -> None:
        self.of = of
        self.asked = 0

    async def ask(self, question: Question[JudgeAnswer]) -> Reply[JudgeAnswer]:
        self.asked += 1
        text = question.messages[-1].content
        a, b = (text.split(f'<change id="{name}">\n')[1].split("\n</change>")[0] for name in "AB")
        scores = self.of(a, b)
        answer = JudgeAnswer(a=1, b=1, cannot_judge=True) if scores is None else JudgeAnswer(a=scores[0], b=scores[1])
        return Reply(value=answer, model=self.name)


def judge_that(of: Callable[[str, str], tuple[int, int] | None]) -> ChangeJudge:
    return ChangeJudge.of(Opinion(of), ModelSettings())


def by_evidence(a: str, b: str) -> tuple[int, int]:
    scores = [5 if "sum(prices)" in each else 1 for each in (a, b)]
    return scores[0], scores[1]


async def judged_known(judge: ChangeJudge, wrong: tuple[str, ...] = ()):
    known = known_cases("c", "The total leaves out the first price.", GOLD, wrong)
    return report_on("m", [(each, await judge(each.task, each.first, each.second)) for each in known])


async def test_a_judge_that_sees_what_is_there_agrees_and_has_no_bias():
    told = await judged_known(judge_that(by_evidence), ("+    return 6\n",))
    assert (told.agreement.value, told.kappa, told.refused, told.flips) == (1.0, 1.0, 0, 0.0)
    assert (told.position_bias.value, told.length_bias.value) == (0.0, 0.0)


async def test_a_judge_that_likes_length_is_found_out():
    told = await judged_known(
        judge_that(lambda a, b: (5, 2) if len(a) > len(b) else (2, 5) if len(b) > len(a) else (3, 3))
    )
    assert told.length_bias.value == 3.0


async def test_a_judge_that_takes_the_first_is_found_out_and_says_nothing():
    told = await judged_known(judge_that(lambda _a, _b: (5, 1)))
    assert told.position_bias.value == 4.0
    assert told.flips == 1.0
    assert told.refused == told.judged
    assert told.agreement.high == 1.0
    assert told.agreement.low == 0.0


async def test_a_judge_that_praises_everything_agrees_no_better_than_chance():
    told = await judged_known(judge_that(lambda _a, _b: (5, 5)), ("+    return 6\n",))
    assert told.false_good == 2
    assert told.kappa == 0.0


async def test_one_that_cannot_tell_and_one_that_cannot_be_read_say_nothing():
    unsure = await judge_that(lambda _a, _b: None)("Make it work as we discussed.", "x", "y")
    assert (unsure.score, unsure.good, unsure.abstained, unsure.why) == (None, None, 3, "3 of 3 votes say nothing")
    garbled = ChangeJudge.of(Scripted([Unreadable("no JSON")] * 6), ModelSettings())
    assert (await garbled("t", "x", "y")).score is None
    long = await judge_that(by_evidence)("t", "x" * (SHOWN + 1))
    assert long.score is None
    with pytest.raises(Unavailable):
        await ChangeJudge.of(Scripted([Unavailable("away")]), ModelSettings())("t", "x", "y")


async def test_the_rubric_has_anchors_examples_and_no_secret():
    seen: list[str] = []
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"

    def look(a: str, b: str) -> tuple[int, int]:
        seen.extend((a, b))
        return 1, 1

    judge = judge_that(look)
    await judge("t", f'+TOKEN = "{secret}"')
    assert not any(secret in each for each in seen)
    assert NOTHING in seen
    shown = judge.prompt.render(task="t", a="a", b="b")
    assert [each.role for each in shown] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert all(f"{score} - " in shown[0].content for score in range(1, 6))


@given(ANSWER, ANSWER)
def test_a_vote_does_not_know_which_change_came_first(straight, turned):
    vote, other = vote_of(straight, turned), vote_of(turned, straight)
    assert (vote.first, vote.second, vote.flipped) == (other.second, other.first, other.flipped)
    assert vote.first_position == other.first_position
    assert 1 <= vote.first <= 5


@given(st.lists(st.builds(vote_of, ANSWER, ANSWER), max_size=3))
def test_a_judgement_needs_a_majority_that_does_not_turn(votes):
    told = judgement(votes, 3)
    steady = [each for each in votes if not each.flipped]
    assert (told.score is not None) == (len(steady) >= 2)
    assert told.score is None or 1 <= told.score <= 5
    assert bool(told.why) == (told.score is None)


@given(st.lists(st.tuples(st.booleans(), st.booleans())))
def test_kappa_is_at_most_one(pairs):
    assert -1 <= kappa(pairs) <= 1
    assert kappa([(a, a) for a, _ in pairs]) in {0.0, 1.0}


def test_families_are_told_by_name():
    assert family("Qwen/Qwen2.5-Coder-7B-Instruct") == "qwen"
    assert family("gpt-5-mini") == "gpt"
    assert family("llama3.1:8b") == "llama"


async def test_evidence_is_never_overruled_and_the_cap_holds():
    case = EvalCase(id="c", kind="bug", text="t", gold=GOLD, test_command="true")
    results = [
        AttemptResult(case="c", outcome="wrong"),
        AttemptResult(case="c", attempt=2, outcome="resolved", hidden_passed=True),
    ]
    patches = {
        ("c", n): Prediction(instance_id="c", model_name_or_path="m", model_patch=text)
        for n, text in ((1, "+    return 6\n"), (2, GOLD))
    }
    praise = EvaluationJudge(judge=judge_that(lambda _a, _b: (5, 5)), model="m", same_family=False, validate=1)
    told = await praise([case], results, patches)
    assert [(each.resolved, each.score) for each in told.changes] == [(False, 5.0), (True, 5.0)]
    assert told.report.false_good == 2
    capped = EvaluationJudge(judge=praise.judge, model="m", same_family=False, max_cost=Decimal(0))
    nothing = await capped([case], results, patches)
    assert (nothing.changes, nothing.mean_score, nothing.left_out) == ((), None, 6)


async def test_without_a_model_nobody_judges():
    with pytest.raises(Refused) as caught:
        await judging_model(FixedModels(models={}), coder="", wanted=None)
    assert caught.value.stable_code == "llm_none"


def test_padding_changes_nothing_but_length():
    assert all(line.startswith("+#") for line in PADDING.splitlines())
    assert vote_of(JudgeAnswer(a=5, b=1), JudgeAnswer(a=1, b=5)) == JudgeVote(
        first=5, second=1, first_position=0, flipped=False
    )
