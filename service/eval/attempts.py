"""Attempts: one run of the product on a case, and the hidden tests on what came of it."""

import asyncio
import hashlib
import re
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from approvals import Decision
from domain import Refused, SignoffError, Spent, Task
from domain.evidence import Proof
from domain.work import Budget
from sandbox import Workspaces, bring
from service.cli.fix import FixRequest, lay_out
from service.eval.dataset import EvalCase
from service.eval.hidden_tests import HiddenRun, HiddenTests
from service.eval.results import AttemptResult, Outcome
from service.eval.test_statuses import not_passed
from service.runs.runs import FINAL, RunState
from service.wiring.application import Application

SIGNATURES: Final = 20
"""Questions of one run that are answered, where they are."""
FAILING: Final = 20
CHAT: Final = "chat "
_REFUSAL = re.compile(
    r"^\W{0,20}(?:i['\u2019]?m sorry|i am sorry|sorry|i apologi[sz]e|unfortunately)?[,.:; ]{0,5}(?:but )?"
    r"(?:as an ai[^.]{0,80}[.,] ?)?"
    r"i (?:can(?:no|['\u2019])t|won['\u2019]t|will not|am (?:not able|unable)|refuse|must decline)"
    r"[^.\n]{0,40}\b(?:help|assist|comply|do (?:that|this)|fulfil+|provide|continue|with)",
    re.IGNORECASE,
)
_MODEL_CODES: Final = frozenset({"rate_limit_exceeded", "context_too_long"})


def peak_mb() -> float:
    """Return the most memory that this process ever had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def is_refusal(answer: str) -> bool:
    """Whether a model's answer begins by refusing the task."""
    return bool(_REFUSAL.match(answer[:400]))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """What one attempt may take."""

    cost: Decimal = Decimal(5)
    """Of its run in all, with what that had cost when it was gone on with."""
    minutes: float = 30.0
    steps: int = 200
    tests_s: float = 600.0


@dataclass(frozen=True, slots=True)
class EvalAttempt:
    """Which attempt at which case, and the id of its run: the same again after a kill."""

    case: EvalCase
    number: int
    run: str

    @classmethod
    def of(cls, evaluation: str, case: EvalCase, number: int, before: AttemptResult | None = None) -> "EvalAttempt":
        """Go on with the run of the result before; a run that an endpoint ended is over, and another one begins."""
        over = before is not None and before.outcome == "model_error" and before.status in FINAL
        if before is not None and before.run and not over:
            return cls(case, number, before.run)
        after = f"\0{before.run}" if before is not None and over else ""
        digest = hashlib.sha256(f"{evaluation}\0{case.id}\0{number}{after}".encode()).hexdigest()
        return cls(case, number, digest[:12])


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """Makes attempts in one application.

    ``folder`` is where repositories are laid out that a case only has as files; ``sign``: every question of a run for a
    signature is answered with yes, and counted.
    """

    application: Application
    tests: HiddenTests
    folder: Path
    strategy: str
    pipeline: bool = True
    sign: bool = False

    @classmethod
    def on(cls, application: Application, folder: Path, **more: Any) -> "Attempts":
        """With workspaces of its own for the hidden tests: the engine's are for runs under way."""
        environments = application.environments
        restore = environments.restore if environments is not None else None
        workspaces = Workspaces(application.backend, application.store, application.spec, restore=restore)
        tests = HiddenTests(store=application.store, workspaces=workspaces)
        return cls(application=application, tests=tests, folder=folder, **more)

    async def __call__(self, attempt: EvalAttempt, limits: AttemptLimits) -> tuple[AttemptResult, str]:
        """Let the product work on a case, and judge it; return the result and the change as a diff."""
        began = time.monotonic()
        clock = _Clock()
        try:
            state, prompts = await self._run(attempt, limits, clock)
        except SignoffError as error:
            result = _with_spent(_failure(attempt, error), await self._spent(attempt.run))
            return self._finished(result, began, clock), ""
        tree, base = _tree(state), state.values["pinned"].tree if "pinned" in state.values else ""
        patch = await self.application.store.diff(attempt.run, base, tree) if tree and base and tree != base else ""
        result = await self._judged(attempt, state, base, tree or base, limits, clock)
        models = await self._models(attempt.run, state)
        result = replace(
            _with_spent(result, state.values.get("spent") or Spent()),
            prompts=prompts,
            models=models,
            patch_lines=sum(line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"} for line in patch.splitlines()),
        )
        return self._finished(result, began, clock), patch

    async def judge(self, attempt: EvalAttempt, change: str, limits: AttemptLimits) -> AttemptResult:
        """Judge a change that somebody else made; nothing is run but the hidden tests."""
        began, clock, case = time.monotonic(), _Clock(), attempt.case
        store = self.application.store
        try:
            with clock.tests:
                pinned = await store.pin(attempt.run, await self._repository(case), case.base)
                await bring(store, attempt.run, pinned)
                environments, paths = self.application.environments, await store.files(attempt.run, pinned.tree)
                if environments is not None and environments.enabled and not case.image:
                    recipe = await environments.recipe(attempt.run, pinned, paths)
                    if not recipe.empty:
                        await environments.prepare(attempt.run, pinned, recipe)
                hidden = await self._hidden(attempt, pinned.tree, limits, change=change)
        except SignoffError as error:
            return self._finished(_failure(attempt, error), began, clock)
        result = await self._verdict(attempt, hidden, pinned.tree, limits, delivered=True)
        result = replace(result, base=pinned.tree, status="predicted")
        await store.drop(attempt.run)
        return self._finished(result, began, clock)

    async def _run(self, attempt: EvalAttempt, limits: AttemptLimits, clock: "_Clock") -> tuple[RunState, int]:
        """Take the run to its end, or to where a person would have to say something."""
        engine, case = self.application.engine, attempt.case
        if (run := await engine.runs.exactly(attempt.run, org=engine.org)) is not None:
            if run.status not in FINAL and run.task.budget.max_cost > limits.cost:
                # The cap was lowered, or others hold what was left for it.
                budget = replace(run.task.budget, max_cost=limits.cost)
                await engine.runs.retask(run.id, replace(run.task, budget=budget))
        else:
            budget = Budget(max_cost=limits.cost, max_minutes=limits.minutes, max_steps=limits.steps)
            task = Task(
                text=case.text,
                repo=await self._repository(case),
                base=case.base,
                accept=case.accept,
                deliver="patch",
                strategy=self.strategy,
                pipeline=self.pipeline,
                budget=budget,
            )
            await engine.create(task, id=attempt.run)
        prompts = 0
        with clock.run:
            state = await engine.standing(attempt.run)
            # What ended before a kill is judged, and not begun again.
            if state.run.status not in {*FINAL, "interrupted", "paused_budget"}:
                state = await engine.advance(attempt.run, None)
            while state.run.status == "interrupted":
                prompts += 1
                if not self.sign or state.ballot is None or prompts > SIGNATURES:
                    break
                ballot = await self.application.ballots.get(state.ballot, self.application.org)
                if ballot.requirement.humans > 1:
                    break  # two different people: nobody here is both
                decision = Decision(choice="approve", comment="evaluation", action_digest=ballot.action_digest)
                await self.application.voting.vote(ballot, decision, self.application.person())
                state = await engine.advance(attempt.run, None)
        return state, prompts

    async def _spent(self, run: str) -> Spent:
        """What a run has taken; one that never began took nothing."""
        engine = self.application.engine
        if await engine.runs.exactly(run, org=engine.org) is None:
            return Spent()
        return (await engine.standing(run)).values.get("spent") or Spent()

    async def _repository(self, case: EvalCase) -> str:
        if case.repo:
            return case.repo
        # Ids that differ only in what no path may hold have folders of their own.
        digest = hashlib.sha256(case.id.encode()).hexdigest()[:12]
        place = self.folder / f"{re.sub(r'[^A-Za-z0-9_-]', '-', case.id)[:60]}-{digest}"

        def laid_out() -> None:
            if place.exists():
                return
            self.folder.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=self.folder) as fresh:
                repository = Path(fresh) / "repository"
                repository.mkdir()
                lay_out(FixRequest(files=dict(case.files)), repository)
                # All of it or nothing: attempts at one case may begin together, and a kill may come in between.
                try:
                    repository.rename(place)
                except OSError:
                    if not place.exists():
                        raise

        await asyncio.to_thread(laid_out)
        return str(place)

    async def _judged(
        self, attempt: EvalAttempt, state: RunState, base: str, tree: str, limits: AttemptLimits, clock: "_Clock"
    ) -> AttemptResult:
        proof: Proof | None = state.values.get("proof")
        ending, status = state.run.ending or state.values.get("ending"), state.run.status
        delivered = proof is not None and proof.ok and status in {"delivered", "interrupted"}
        code, message = (ending.code, ending.message) if ending else ("", state.question or "")
        if not tree:
            result = AttemptResult(case=attempt.case.id, outcome="undelivered")
        else:
            try:
                with clock.tests:
                    hidden = await self._hidden(attempt, tree, limits)
                    result = await self._verdict(attempt, hidden, base, limits, delivered=delivered)
            except SignoffError as error:
                result = _failure(attempt, error)
        if result.outcome == "undelivered":
            result = replace(result, outcome=why_undelivered(status, code, state.values))
        if result.outcome not in {"undelivered", "budget", "waits", "refused", "model_error", "image_missing"}:
            code, message = result.code, result.message
        report = proof.report if proof is not None else None
        return replace(
            result,
            attempt=attempt.number,
            run=attempt.run,
            status=status,
            code=code,
            message=message[:500],
            base=base,
            tree=tree,
            proof_command=proof.command if proof else "",
            proof_code=proof.run.code if proof else None,
            proof_counts=report.summary if report else "",
        )

    async def _hidden(self, attempt: EvalAttempt, tree: str, limits: AttemptLimits, *, change: str = "") -> HiddenRun:
        case = attempt.case
        return await self.tests(
            attempt.run,
            tree,
            case.test_command,
            change=change,
            test_patch=case.test_patch,
            files=case.test_files,
            timeout_s=limits.tests_s,
        )

    async def _verdict(
        self, attempt: EvalAttempt, hidden: HiddenRun, base: str, limits: AttemptLimits, *, delivered: bool
    ) -> AttemptResult:
        case = attempt.case
        failing = not_passed(case.fail_to_pass, hidden.statuses)
        broken = not_passed(case.pass_to_pass, hidden.statuses)
        passed = hidden.end == "ran" and not failing and not broken and (bool(case.fail_to_pass) or hidden.code == 0)
        outcome: Outcome = "resolved" if passed and delivered else "wrong" if delivered else "undelivered"
        if hidden.end in {"change_failed", "patch_failed", "timeout"}:
            outcome = hidden.end  # type: ignore[assignment]
        elif hidden.end == "killed":
            outcome = "timeout"
        elif case.kind == "repository" and not hidden.statuses and not passed:
            # Nothing ran: the change may have broken everything, or the tests cannot be run here at all.
            alone = await self._hidden(attempt, base, limits)
            outcome = outcome if alone.statuses else "environment"
        return AttemptResult(
            case=case.id,
            attempt=attempt.number,
            run=attempt.run,
            outcome=outcome,
            code="" if outcome in {"resolved", "wrong", "undelivered"} else outcome,
            message=hidden.message[:500],
            hidden_passed=passed,
            tests_command=hidden.command,
            tests_code=hidden.code,
            mended=len(case.fail_to_pass) - len(failing),
            to_mend=len(case.fail_to_pass),
            kept=len(case.pass_to_pass) - len(broken),
            to_keep=len(case.pass_to_pass),
            failing=(*failing, *broken)[:FAILING],
        )

    async def _models(self, run: str, state: RunState) -> tuple[str, ...]:
        """The models of the chat spans, and the provider of the last change where that was none of them."""
        spans = [node.span.name for node in (await self.application.spans(run)).walk()]
        chat = [name.removeprefix(CHAT) for name in spans if name.startswith(CHAT)]
        attempts: Sequence[Any] = state.values.get("attempts", ())
        return tuple(dict.fromkeys([*chat, *(each.provider for each in attempts[-1:] if each.provider)]))

    def _finished(self, result: AttemptResult, began: float, clock: "_Clock") -> AttemptResult:
        whole = time.monotonic() - began
        return replace(
            result,
            seconds=whole,
            run_seconds=clock.run.total,
            tests_seconds=clock.tests.total,
            harness_seconds=max(0.0, whole - clock.run.total - clock.tests.total),
            peak_mb=peak_mb(),
            at=self.application.engine.clock(),
        )


@dataclass(slots=True)
class _Stopwatch:
    total: float = 0.0
    _since: float = 0.0

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.total += time.monotonic() - self._since


class _Clock:
    """Where the time of an attempt goes."""

    def __init__(self) -> None:
        self.run, self.tests = _Stopwatch(), _Stopwatch()


def _tree(state: RunState) -> str:
    """What would be delivered: what was proved, else where the workspace stands."""
    proof, snapshot = state.values.get("proof"), state.values.get("snapshot")
    return proof.tree if proof is not None else snapshot.tree if snapshot is not None else ""


def why_undelivered(status: str, code: str, values: Mapping[str, Any]) -> Outcome:
    """Return why nothing was delivered, by how a run stands, its code, and its state."""
    transcripts = (values.get("transcript", ()), *values.get("loop_transcripts", ()))
    answers = [[each.content for each in part if each.role == "assistant"] for part in transcripts]
    # A run that gave up or spent its budget says so, and its last attempt why.
    attempts: Sequence[Any] = values.get("attempts", ())
    last = attempts[-1].code if attempts else ""
    code = last if code == "gave_up" and last else code
    if "llm_content_filter" in {code, last} or any(part and is_refusal(part[-1]) for part in answers):
        return "refused"
    if code == "budget_spent" or status == "paused_budget":
        return "budget"
    if code == "image_missing":
        return "image_missing"
    if code.startswith("llm_") or code in _MODEL_CODES:
        return "model_error"
    return "waits" if status == "interrupted" else "undelivered"


def _with_spent(result: AttemptResult, spent: Spent) -> AttemptResult:
    return replace(
        result,
        turns=spent.steps,
        model_calls=spent.model_calls,
        tokens_in=spent.tokens_in,
        tokens_out=spent.tokens_out,
        cost=spent.cost,
    )


def _failure(attempt: EvalAttempt, error: SignoffError) -> AttemptResult:
    code = error.stable_code
    outcome: Outcome = "image_missing" if code == "image_missing" else "error"
    if isinstance(error, Refused) and (code in {"program_missing", "interpreter_missing"} or code.startswith("setup_")):
        outcome = "environment"
    return AttemptResult(
        case=attempt.case.id,
        attempt=attempt.number,
        run=attempt.run,
        outcome=outcome,
        code=code,
        message=error.message[:500],
    )
