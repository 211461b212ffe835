"""Observe what happened, as evidence: reports, findings, loops. No model is asked here."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain import Ending
from domain.acceptance import narrowed
from domain.coder import CoderTurn, DoneAction, RunAction
from domain.evidence import Comparison, Evidence, Finding, compared_with_baseline
from domain.limits import LAST_TURNS, LOOP, NO_ACTION, SILENT, TURNS, TURNS_SPENT, looping, turns_left, verdict_on
from domain.progress import Attempt, CandidateLoop, working
from domain.reports import read_report
from domain.text import failure_kind
from models import Message, PromptSource
from nodes._commands import ending, listed, plain, tail
from nodes._events import announce
from nodes._models import as_json
from nodes.coder.slices import ObserveInput, ObserveUpdate
from nodes.coder.transcript import cut_output, recorded, subject_of, wants_input

REMEMBERED = 20
"""Pieces of evidence a state carries."""
STILL_FAILING = "still_failing"
"""Code of a ``done`` whose acceptance command fails at nothing but what failed before; said once."""
NOT_ACCEPTED = "acceptance_failed"
FINAL = frozenset(
    {
        "no_failing_test",
        "no_repair_found",
        "not_python",
        "interpreter_missing",
        "dependency_missing",
        "no_provider",
        "llm_unauthorized",
        "llm_unknown_model",
        "context_too_long",
        "llm_bad_request",
        "llm_no_credit",
        "quota_reached",
        "policy_forbids_all",
    }
)
"""Refusals that no other attempt could change."""
ABOUT_THE_REQUEST = frozenset({"no_failing_test", "context_too_long", "quota_reached", "policy_forbids_all"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Read the attempts, notice loops, say what the next try should know."""

    prompt: PromptSource
    result: PromptSource
    """What a coder that works turn by turn is told of a turn."""

    async def __call__(self, state: ObserveInput) -> ObserveUpdate:
        attempts = state.get("attempts", ())
        if attempts and attempts[-1].turn is not None:
            return await self._turn(state, attempts[-1])
        if not attempts and state.get("pending") is None:
            # One candidate ended, and another one begins, or one was chosen and is what goes on.
            if working(state.get("loops", ())) is None and verdict_on(state.get("turns", ())) == NO_ACTION:
                return {"ending": silent_ending("", "No other candidate came to more.")}
            return {"tries": state.get("tries", 0)}
        past, empty = state.get("evidence", ()), state.get("submodules", ())
        compared = [_comparison(state, attempt) for attempt in attempts]
        fresh = tuple(
            _evidence(attempt, state["snapshot"].tree, empty, comparison if comparison and comparison.fixed else None)
            for attempt, comparison in zip(attempts, compared, strict=True)
        )
        evidence = (*past, *fresh)
        if evidence and not evidence[-1].ok and looping([each.action for each in evidence]):
            loop = Finding(kind="loop", message="the same action was tried three times among the last five")
            evidence = (*evidence[:-1], replace(evidence[-1], findings=(*evidence[-1].findings, loop)))
        evidence = evidence[-REMEMBERED:]
        done = (*state["done"], *(e.step for e in fresh if e.ok and e.step not in state["done"]))
        for seen in fresh:
            announce("observed", _verdict(seen), step=seen.step, ok=seen.ok, failure=seen.failure)
        if state.get("pending") is not None:  # the conversation goes on once that is signed
            return {"evidence": evidence, "done": done}
        if all(e.ok for e in fresh):
            return {"evidence": evidence, "done": done, "good": state["snapshot"], "tries": 0, "transcript": ()}
        return {
            "evidence": evidence,
            "done": done,
            "transcript": await self._conversation(state, attempts, evidence),
            "ending": final_ending(attempts, empty),
        }

    async def _conversation(
        self, state: ObserveInput, attempts: Sequence[Attempt], evidence: Sequence[Evidence]
    ) -> tuple[Message, ...]:
        """Append what was seen to the conversation; earlier messages are never edited (prefix cache)."""
        so_far = state.get("transcript", ())
        if not so_far or len(attempts) != 1:
            return ()
        runs = [{"command": r.command, "ending": ending(r), "output": tail(plain(r))} for r in attempts[0].runs]
        seen = await self.prompt.render(
            state["run"],
            refused=attempts[0].refused,
            verdict=_verdict(evidence[-1]),
            runs=runs,
            problems="" if attempts[0].refused else attempts[0].hint,
            left_out=listed([each for each in state["snapshot"].left_out if each.how != "ignored"], 20),
            nudge=any(f.kind == "loop" for f in evidence[-1].findings),
        )
        return (*so_far, *seen)

    async def _turn(self, state: ObserveInput, attempt: Attempt) -> ObserveUpdate:
        """What one turn of the coder came to: a step that is done, the next message, another plan, or the end."""
        before, past = state.get("turns", ()), state.get("evidence", ())
        turn, update = recorded(attempt), ObserveUpdate()
        comparison = _comparison(state, attempt) if isinstance(turn.action, DoneAction) else None
        as_before = comparison is not None
        if isinstance(turn.action, DoneAction):
            # Told once what fails as before, a coder that says "done" again has decided that it is none of its task.
            repeated = any(each.code == STILL_FAILING and each.step == turn.step for each in before)
            excused = comparison if as_before and repeated else None
            seen = _evidence(attempt, state["snapshot"].tree, state.get("submodules", ()), excused)
            announce("observed", _verdict(seen), step=seen.step, ok=seen.ok, failure=seen.failure)
            update["evidence"] = past = (*past, seen)[-REMEMBERED:]
            if seen.ok:
                _announce_turn(turn, working(state.get("loops", ())))
                update |= {"done": (*state["done"], turn.step), "good": state["snapshot"], "tries": 0}
                return {**update, "transcript": (), "turns": (*before, turn)}
            turn = replace(turn, ok=False, code=STILL_FAILING if as_before else NOT_ACCEPTED)
            update["tries"] = state.get("tries", 0) + 1
        verdict = verdict_on((*before, turn))
        turn = replace(turn, nudged=verdict == "nudge", code=verdict if verdict in {LOOP, TURNS_SPENT} else turn.code)
        candidate = working(state.get("loops", ()))
        _announce_turn(turn, candidate)
        if verdict in {LOOP, TURNS_SPENT}:
            update["evidence"] = (*past, stuck_evidence(state, attempt, verdict))[-REMEMBERED:]
        elif verdict == NO_ACTION and candidate is None:
            problem = attempt.turn.result if attempt.turn is not None else ""
            update["ending"] = silent_ending(attempt.model, problem)
        if state.get("question") is None:
            still = comparison.still_failing if comparison is not None else ()
            message = await self._result(state, attempt, turn, still=still, left=turns_left((*before, turn)))
            update["transcript"] = (*state.get("transcript", ()), *message)
        return {**update, "turns": (*before, turn)}

    async def _result(
        self, state: ObserveInput, attempt: Attempt, turn: CoderTurn, *, still: Sequence[str], left: int
    ) -> tuple[Message, ...]:
        """What the coder is told of its turn, as an answer to its call where it made one."""
        done = attempt.turn
        assert done is not None  # noqa: S101  the caller has seen to it
        ran = isinstance(turn.action, RunAction | DoneAction)
        beside = [each for each in state["snapshot"].left_out if each.how != "ignored"] if ran else []
        runs = [{"command": r.command, "ending": ending(r), "output": cut_output(plain(r))} for r in attempt.runs]
        rendered = await self.result.render(
            state["run"],
            result=done.result,
            refused=" ".join(part for part in (attempt.refused, attempt.hint) if part),
            touched=", ".join(attempt.touched),
            runs=runs,
            prompted=any(wants_input(run) for run in attempt.runs),
            left_out=listed(beside, 20),
            ignored=done.hint,
            finished=isinstance(turn.action, DoneAction),
            still_failing=", ".join(still[:20]),
            nudge=turn.nudged,
            left=left if left <= LAST_TURNS else None,
        )
        transcript = state.get("transcript", ())
        calls = transcript[-1].tool_calls if transcript and transcript[-1].role == "assistant" else ()
        if not calls:
            return rendered
        text = "\n\n".join(message.content for message in rendered)
        version = rendered[0].prompt if rendered else ""
        # Every call has to be answered, also those that were not done: endpoints refuse a conversation without.
        return tuple(
            Message(
                role="tool",
                content=text if call.id == turn.call else "Not done: one call a turn.",
                prompt=version if call.id == turn.call else "",
                tool_call_id=call.id,
            )
            for call in calls
        )


def silent_ending(model: str, problem: str) -> Ending:
    """The ending of a run whose coder answers without an action again and again."""
    return Ending(
        status="failed",
        code="no_action",
        message=f"{model or 'The coder'} answered {SILENT} times without an action. {problem[:500]}",
        hint="Try another dialect (SIGNOFF_CODER_DIALECT) or another model; see: signoff models probe",
    )


def _announce_turn(turn: CoderTurn, candidate: CandidateLoop | None) -> None:
    kind, subject = subject_of(turn)
    announce(
        "coder_turn",
        turn.outcome,
        step=turn.step,
        number=turn.number,
        action=kind,
        subject=subject[:2_000],
        ok=turn.ok,
        code=turn.code,
        **({"candidate": candidate.id} if candidate is not None else {}),
    )


def _comparison(state: ObserveInput, attempt: Attempt) -> Comparison | None:
    """How the last command's failures compare with the base's; None where that says nothing."""
    if not attempt.runs or attempt.runs[-1].ok or attempt.refused:
        return None
    task, last, base = state["task"], attempt.runs[-1], state["baseline"]
    before = read_report(plain(base))
    if last.command != base.command:
        if before is None or last.command != narrowed(base.command, base, before):
            return None
        before = replace(before, passed=0)  # of a slow suite what failed is run alone
    comparison = compared_with_baseline(
        (base, before),
        (last, read_report(plain(last))),
        asked=f"{task.text}\n{task.accept or ''}",
    )
    return comparison if comparison is not None and comparison.harmless else None


def stuck_evidence(state: ObserveInput, attempt: Attempt, verdict: str) -> Evidence:
    """Why another plan is needed, as the planner reads it."""
    last = next(iter(state.get("evidence", ())[-1:]), None)
    reason = Finding(kind="limit", message=f"{TURNS} turns of the step went by without an edit")
    if verdict == LOOP:
        reason = Finding(kind="loop", message="the same action had the same result three times among the last five")
    return Evidence(
        step=attempt.step,
        attempt=attempt.number,
        runs=attempt.runs or (last.runs if last is not None and last.step == attempt.step else ()),
        findings=(reason,),
        failure=last.failure if last is not None else "general",
        tree=state["snapshot"].tree,
    )


def _evidence(attempt: Attempt, tree: str, empty: Sequence[str] = (), comparison: Comparison | None = None) -> Evidence:
    output = "\n".join(plain(run) for run in attempt.runs)
    runs = attempt.runs[:-1] if comparison is not None else attempt.runs
    failed = next((run for run in runs if not run.ok), None)
    findings = tuple(Finding(kind="command_failed", message=each) for each in empty) if failed else ()
    if attempt.code == "edit_does_not_apply" and not attempt.refused:
        findings = (*findings, Finding(kind="command_failed", message=attempt.hint))
    if attempt.refused:
        findings = (*findings, Finding(kind="command_failed", message=attempt.refused))
    if failed is not None:
        report = read_report(plain(failed))
        if report is None or not report.cases:
            findings = (*findings, Finding(kind="command_failed", message=f"{failed.command}: {ending(failed)}"))
        else:
            names = ", ".join(case.id for case in report.cases[:5])
            message = f"{report.failed + report.errors} failing: {names}"
            findings = (*findings, Finding(kind="tests_failed", message=message))
    return Evidence(
        step=attempt.step,
        attempt=attempt.number,
        runs=attempt.runs,
        report=read_report(plain(attempt.runs[-1])) if attempt.runs else None,
        findings=findings,
        failure=failure_kind(output) if findings else None,
        tree=tree,
        action=hashlib.sha256((as_json(attempt.change) + attempt.code).encode()).hexdigest()[:16],
        still_failing=comparison.still_failing if comparison is not None else (),
    )


def _verdict(evidence: Evidence) -> str:
    if evidence.still_failing:
        return f"Still failing as before: {', '.join(evidence.still_failing)}"[:1_000]
    if evidence.ok:
        return "All commands passed."
    return "; ".join(f.message for f in evidence.findings)[:1_000]


def final_ending(attempts: Sequence[Attempt], empty: Sequence[str] = ()) -> Ending | None:
    """A refusal that no other attempt could change ends the run, in its own words."""
    last = attempts[-1] if attempts else None
    if last is None or last.code not in FINAL:
        return None
    about_the_request = last.code.startswith("llm_") or last.code in ABOUT_THE_REQUEST
    message, hint = last.refused, last.hint
    if empty and last.code == "dependency_missing":  # what is missing is likely in there, and in no package
        message, hint = f"{message} Note that {'; '.join(empty)}"[:20_000], ""
    return Ending(
        status="failed",
        code=last.code,
        message=message,
        hint=hint,
        exit_status=2 if about_the_request else 1,
    )
