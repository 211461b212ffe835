"""Turn what happened into evidence: reports, findings, loops. No model is asked here."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from domain import (
    Attempt,
    CommandRun,
    Ending,
    Evidence,
    Finding,
    Pending,
    Plan,
    failure_kind,
    looping,
    read_report,
)
from models import Message, PromptSource
from nodes._commands import ending, listed, plain, tail
from nodes._events import announce
from nodes._models import as_json
from sandbox import Snapshot

REMEMBERED = 20
"""Pieces of evidence a state carries."""


class ObserveInput(TypedDict):
    run: str
    plan: Plan
    attempts: NotRequired[tuple[Attempt, ...]]
    pending: NotRequired[Pending | None]
    evidence: NotRequired[tuple[Evidence, ...]]
    transcript: NotRequired[tuple[Message, ...]]
    done: tuple[str, ...]
    snapshot: Snapshot
    good: Snapshot
    tries: NotRequired[int]
    submodules: NotRequired[tuple[str, ...]]


class ObserveUpdate(TypedDict, total=False):
    evidence: tuple[Evidence, ...]
    transcript: tuple[Message, ...]
    done: tuple[str, ...]
    good: Snapshot
    tries: int
    ending: Ending | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """Read the attempts, notice loops, say what the next try should know."""

    prompt: PromptSource

    async def __call__(self, state: ObserveInput) -> ObserveUpdate:
        attempts, past = state.get("attempts", ()), state.get("evidence", ())
        empty = state.get("submodules", ())
        fresh = tuple(_evidence(attempt, state["snapshot"].tree, empty) for attempt in attempts)
        evidence = _noticed((*past, *fresh))[-REMEMBERED:]
        done = (*state["done"], *(e.step for e in fresh if e.ok and e.step not in state["done"]))
        for seen in fresh:
            announce("observed", _verdict(seen), step=seen.step, ok=seen.ok, failure=seen.failure)
        if all(e.ok for e in fresh):
            return {"evidence": evidence, "done": done, "good": state["snapshot"], "tries": 0, "transcript": ()}
        return {
            "evidence": evidence,
            "done": done,
            "transcript": await self._told(state, attempts, evidence),
            "ending": _final(attempts, empty),
        }

    async def _told(
        self, state: ObserveInput, attempts: Sequence[Attempt], evidence: Sequence[Evidence]
    ) -> tuple[Message, ...]:
        """Append what was seen to the conversation; earlier messages are never edited (prefix cache)."""
        said = state.get("transcript", ())
        if not said or len(attempts) != 1:
            return ()
        runs = [{"command": r.command, "ending": ending(r), "output": tail(plain(r))} for r in attempts[0].runs]
        heard = await self.prompt.render(
            state["run"],
            refused=attempts[0].refused,
            verdict=_verdict(evidence[-1]),
            runs=runs,
            left_out=listed([each for each in state["snapshot"].left_out if each.how != "ignored"], 20),
            nudge=any(f.kind == "loop" for f in evidence[-1].findings),
        )
        return (*said, *heard)


def _evidence(attempt: Attempt, tree: str, empty: Sequence[str] = ()) -> Evidence:
    output = "\n".join(plain(run) for run in attempt.runs)
    failed = next((run for run in attempt.runs if not run.ok), None)
    missing = tuple(Finding(kind="command_failed", message=each) for each in empty) if failed else ()
    findings = missing + _refused(attempt) + ((_failed(failed),) if failed else ())
    return Evidence(
        step=attempt.step,
        attempt=attempt.number,
        runs=attempt.runs,
        report=read_report(plain(attempt.runs[-1])) if attempt.runs else None,
        findings=findings,
        failure=failure_kind(output) if findings else None,
        tree=tree,
        action=hashlib.sha256((as_json(attempt.change) + attempt.code).encode()).hexdigest()[:16],
    )


def _refused(attempt: Attempt) -> tuple[Finding, ...]:
    return (Finding(kind="command_failed", message=attempt.refused),) if attempt.refused else ()


def _failed(run: CommandRun) -> Finding:
    report = read_report(plain(run))
    if report is None or not report.cases:
        return Finding(kind="command_failed", message=f"{run.command}: {ending(run)}")
    names = ", ".join(case.id for case in report.cases[:5])
    return Finding(kind="tests_failed", message=f"{report.failed + report.errors} failing: {names}")


def _noticed(evidence: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    """Add the finding that the run goes in circles to the newest evidence."""
    if not evidence or evidence[-1].ok or not looping([e.action for e in evidence]):
        return evidence
    last = evidence[-1]
    loop = Finding(kind="loop", message="the same action was tried three times among the last five")
    changed = Evidence(
        step=last.step,
        attempt=last.attempt,
        runs=last.runs,
        report=last.report,
        failure=last.failure,
        findings=(*last.findings, loop),
        tree=last.tree,
        action=last.action,
    )
    return (*evidence[:-1], changed)


def _verdict(evidence: Evidence) -> str:
    if evidence.ok:
        return "All commands passed."
    return "; ".join(f.message for f in evidence.findings)[:1_000]


def _final(attempts: Sequence[Attempt], empty: Sequence[str] = ()) -> Ending | None:
    """A refusal that no other attempt could change ends the run, in its own words."""
    final = {
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
    last = attempts[-1] if attempts else None
    if last is None or last.code not in final:
        return None
    about_the_request = last.code.startswith("llm_") or last.code in {
        "no_failing_test",
        "context_too_long",
        "quota_reached",
        "policy_forbids_all",
    }
    message, hint = last.refused, last.hint
    if empty and last.code == "dependency_missing":  # what is missing is likely in there, and in no package
        message, hint = f"{message} Note that {'; '.join(empty)}"[:20_000], ""
    return Ending(
        status="failed", code=last.code, message=message, hint=hint, exit_status=2 if about_the_request else 1
    )
