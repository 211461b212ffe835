"""Judged evaluations: every change of an evaluation scored, and the judge held against what is known of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import fmean

from domain import value
from service.eval.dataset import EvalCase
from service.eval.judge import ChangeJudge, Judgement, JudgeReport, KnownCase, known_cases, report_on
from service.eval.results import APART, AttemptResult, Prediction


@value
class JudgedChange:
    """A change of an evaluation with its score, beside what the hidden tests say of it."""

    case: str
    attempt: int = 1
    resolved: bool
    """By the hidden tests, whatever the judge says."""
    score: float | None
    why: str = ""


@value
class JudgedEvaluation:
    """Scores, and how far they can be believed."""

    changes: tuple[JudgedChange, ...]
    mean_score: float | None
    report: JudgeReport
    left_out: int = 0
    """Changes and known cases that were not judged: the cost cap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationJudge:
    """Judges the changes of an evaluation, and known cases of the same dataset."""

    judge: ChangeJudge
    model: str
    same_family: bool
    max_cost: Decimal | None = None
    validate: int = 5
    """Cases of the dataset whose known change, and what is known to be none, the judge is tried on."""

    async def __call__(
        self,
        cases: Sequence[EvalCase],
        results: Sequence[AttemptResult],
        patches: Mapping[tuple[str, int], Prediction],
        seen: Callable[[str, Judgement], None] = lambda _case, _judgement: None,
    ) -> JudgedEvaluation:
        by_id = {case.id: case for case in cases}
        known = [
            each
            for case in [case for case in cases if case.gold][: self.validate]
            for each in known_cases(case.id, case.text, case.gold)
        ]
        own: list[tuple[AttemptResult, KnownCase]] = []
        for result in results:
            case, prediction = by_id.get(result.case), patches.get((result.case, result.attempt))
            if case is not None and prediction is not None and prediction.model_patch and result.outcome not in APART:
                kind = "good" if result.hidden_passed else "bad"
                pair = KnownCase(
                    case=case.id, kind=kind, task=case.text, first=prediction.model_patch, second=case.gold
                )
                own.append((result, pair))
        judged: list[tuple[KnownCase, Judgement]] = []
        changes: list[JudgedChange] = []
        left_out, spent = 0, Decimal(0)
        for result, pair in [*((None, each) for each in known), *own]:
            if self.max_cost is not None and spent >= self.max_cost:
                left_out += 1
                continue
            answer = await self.judge(pair.task, pair.first, pair.second)
            spent += answer.cost
            judged.append((pair, answer))
            seen(f"{pair.case} ({pair.kind})", answer)
            if result is not None:
                changes.append(
                    JudgedChange(
                        case=result.case,
                        attempt=result.attempt,
                        resolved=result.outcome == "resolved",
                        score=answer.score,
                        why=answer.why,
                    )
                )
        scores = [each.score for each in changes if each.score is not None]
        return JudgedEvaluation(
            changes=tuple(changes),
            mean_score=fmean(scores) if scores else None,
            report=report_on(self.model, judged, same_family=self.same_family),
            left_out=left_out,
        )
