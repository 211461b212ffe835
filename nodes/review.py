"""Prove it on a clean checkout, look for cheating, then let a stranger read the diff (G5)."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import NotRequired, TypedDict

from opentelemetry.trace import Tracer
from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from domain import (
    CommandRun,
    Ending,
    Exhausted,
    Finding,
    LeftOut,
    Proof,
    Refused,
    Review,
    Spent,
    Task,
    compared_with_baseline,
    environment,
    is_test,
    read_report,
    weakened,
)
from domain.masking import Masker, without_echoes
from models import Model, PromptSource, metered
from nodes._commands import beside_base, clip, counted, ending, listed, plain, run_command, tail
from nodes._events import announce
from nodes._masking import Masks
from nodes._models import Clock, Roster, consult, selection, spent_on
from risk import RiskEngine
from sandbox import REPO, Pinned, Snapshot, Store, Texts, Workspaces

PROOF_SECONDS = 900.0
DIFF_CHARS = 60_000
UNPAID = frozenset({"budget_spent", "llm_no_credit"})
"""Why a reviewer could not be asked, without anything being wrong with the change. A workspace's quota ends the run: it
is a rule about calls, not what this run may spend, and tomorrow there is another one."""

_ABOUT_TESTS = re.compile(
    r"\b(remove|delete|drop|skip|disable|rewrite|replace|rename|adapt|update|change|migrate)\w*\b.{0,60}\btests?\b",
    re.IGNORECASE | re.DOTALL,
)


class ReviewInput(TypedDict):
    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    snapshot: Snapshot
    baseline: CommandRun
    spent: Spent
    submodules: NotRequired[tuple[str, ...]]


class ReviewUpdate(TypedDict):
    proof: Proof
    review: Review
    findings: tuple[Finding, ...]
    diff: str
    readable: str
    spent: Spent
    ending: NotRequired[Ending]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Give a verdict that rests on a command we ran ourselves."""

    workspaces: Workspaces
    store: Store
    masks: Masks
    roster: Roster
    engine: RiskEngine
    prompt: PromptSource
    clock: Clock
    tracer: Tracer

    async def __call__(self, state: ReviewInput) -> ReviewUpdate:
        run, task, base, tree = state["run"], state["task"], state["pinned"].tree, state["snapshot"].tree
        # No budget is asked: what an attempt came to was paid for. The command's own end in time bounds it.
        texts, masker = Texts(self.store, run), await self.masks(run)
        diff = await self.store.diff(run, base, tree)
        readable = await texts.diff(base, tree, diff)
        changed = await self.store.changed(run, base, tree)
        ran = await self._run(run, tree, task, masker)
        proof = Proof(command=masker.text(task.accept or ""), tree=tree, run=clip(ran), report=await counted(ran))
        proof, seconds = await self._against_base(state, proof, [path for path in changed if is_test(path)], masker)
        spent = state["spent"] + Spent(sandbox_seconds=proof.run.duration_ms / 1_000 + seconds)
        findings = (
            *_failed(proof, state["snapshot"].left_out, state.get("submodules", ())),
            *_unproved(proof, changed),
            *await self._cheats(texts, task, base, tree),
            *await self._secrets(readable),
        )
        model = await self.roster.model("reviewer", selection(state, spent=spent)) if task.pipeline else None
        asked = model is not None and diff != "" and not any(f.blocking for f in findings)
        review, unread = None, ""
        if asked and model is not None:
            with metered() as tab:
                try:
                    review, used = await self._read(state, model, proof, masker.text(readable), findings)
                    findings, spent = (*findings, *_found(review)), spent + used
                except (Exhausted, Refused) as error:
                    if error.stable_code not in UNPAID:
                        raise
                    unread, spent = error.message, spent + tab.spent
                    announce("note", f"No reviewer read the change: {unread}", code=error.stable_code)
                    said = f"no reviewer read the change, it could not be paid: {unread}"
                    findings = (*findings, Finding(kind="limit", message=said, blocking=False))
        if review is None:
            review = _by_evidence(state["expert"], findings, readable, unread)
        announce("reviewed", review.status, issues=[f.message for f in findings], proof=ending(proof.run))
        update: ReviewUpdate = {
            "proof": proof,
            "review": review,
            "findings": findings,
            "diff": diff,
            "readable": "" if readable == diff else readable,
            "spent": spent,
        }
        if diff == "" and proof.ok:
            update["ending"] = Ending(
                status="nothing_to_do",
                code="nothing_to_do",
                message="No file had to change.",
                answer_markdown=review.final_answer_markdown,
            )
        return update

    async def _run(self, run: str, tree: str, task: Task, masker: Masker) -> CommandRun:
        """Run the acceptance command on a tree, in a fresh sandbox that the agent never touched."""
        command = task.accept or ""
        env = environment(await self.store.files(run, tree), REPO)
        verify = partial(
            self.workspaces.verify, run, tree, command, timeout_s=PROOF_SECONDS, env=env, profile=task.profile
        )
        return await run_command(self.tracer, command, verify, masker=masker, clean_checkout=True)

    async def _against_base(
        self, state: ReviewInput, proof: Proof, tests: Sequence[str], masker: Masker
    ) -> tuple[Proof, float]:
        """The proof with what the same command says without the change, and the seconds that finding out took.

        Where it failed on the base as it is, that is known. Where it passed there, the change's own tests have to fail
        on the base: a test that passes with and without a change proves nothing of it.
        """
        base, task, seconds = state["baseline"], state["task"], 0.0
        base_report = read_report(plain(base))
        proof = replace(proof, base=clip(base), base_report=base_report, base_with="nothing")
        comparison = None
        if not proof.run.ok:
            asked = f"{task.text}\n{task.accept or ''}"
            comparison = compared_with_baseline((base, base_report), (proof.run, proof.report), asked=asked)
            if comparison is None or not comparison.harmless:
                return proof, seconds
            if comparison.fixed:
                return replace(proof, fixed=comparison.fixed, still_failing=comparison.still_failing), seconds
        elif not base.ok:
            return proof, seconds
        if tests:
            run = state["run"]
            alone = await self.store.with_files(run, state["pinned"].tree, proof.tree, tests)
            announce("note", f"The change's tests alone, on the base: {', '.join(tests[:5])}", subject="red_first")
            ran = await self._run(run, alone, task, masker)
            seconds, report = ran.duration_ms / 1_000, await counted(ran)
            proof = replace(proof, base=clip(ran), base_report=report, base_with="tests")
            if comparison is not None and report is not None:
                failing = {case.id for case in proof.report.cases} if proof.report is not None else set[str]()
                shown = tuple(sorted({case.id for case in report.cases} - failing))
                proof = replace(proof, fixed=shown, still_failing=comparison.still_failing if shown else ())
        return proof, seconds

    async def _cheats(self, texts: Texts, task: Task, base: str, tree: str) -> tuple[Finding, ...]:
        """Name tests that were deleted, skipped or weakened, unless the task itself is about changing tests."""
        if _ABOUT_TESTS.search(task.text):
            return ()
        changed = [path for path in await self.store.changed(texts.run, base, tree) if is_test(path)]
        before, after = await texts.views(base, changed), await texts.views(tree, changed)
        return await asyncio.to_thread(weakened, before, after)

    async def _secrets(self, diff: str) -> tuple[Finding, ...]:
        reasons = await asyncio.to_thread(self.engine.secrets, diff)
        return tuple(Finding(kind="secret", message=r.message) for r in reasons)

    async def _read(
        self, state: ReviewInput, model: Model, proof: Proof, diff: str, findings: tuple[Finding, ...]
    ) -> tuple[Review, Spent]:
        messages = await self.prompt.render(
            state["run"],
            expert=self.roster.expert_prompt(state["expert"]),
            task=state["task"].text,
            accept=proof.command,
            proof=_counted(proof),
            findings=[f"{f.kind}: {f.message} {f.path}" for f in findings],
            left_out=listed([each for each in state["snapshot"].left_out if each.how != "ignored"], 20),
            diff=diff[:DIFF_CHARS],
        )
        settings = self.roster.settings("reviewer")
        reply = await consult(
            model, messages, Review, settings=settings, task=state["task"], spent=state["spent"], now=self.clock()
        )
        answer, cut = without_echoes(
            reply.value.final_answer_markdown, [m.content for m in messages if m.role == "system"]
        )
        if cut:
            announce(
                "note",
                "The reviewer repeated its system prompt; that was cut from the answer.",
                subject="prompt_echoed",
            )
        return replace(reply.value, final_answer_markdown=answer), spent_on(reply.usage)


def _failed(proof: Proof, left_out: Sequence[LeftOut], submodules: Sequence[str]) -> tuple[Finding, ...]:
    if proof.ok:
        return ()
    said, empty = plain(proof.run), "".join(f"{each}\n" for each in submodules)
    message = f"{empty}on a clean checkout {proof.command!r} ended with {ending(proof.run)}: {tail(said, 1_500)}"
    if left_out:
        # Those that the output speaks of come first; sorting keeps the order of the others.
        known = sorted(left_out, key=lambda each: PurePosixPath(each.path).stem not in said)
        message += (
            f"\nThe workspace has files that commands made and the change lacks: {listed(known, 20)}. If it needs one, "
            f"the change has to write it, or name it in cmd_outputs."
        )
    return (Finding(kind="tests_failed", message=message),)


def _unproved(proof: Proof, changed: Sequence[str]) -> tuple[Finding, ...]:
    if not changed or not proof.ok or proof.red_first:
        return ()
    why = "it passes without the change, too, and the change has no test of its own"
    if proof.base_with == "tests":
        why = "the change's tests pass without the change, too"
    return (Finding(kind="unproved", message=f"nothing proves the change: {why}", blocking=False),)


def _counted(proof: Proof) -> str:
    report = proof.report
    counts = f", {report.summary}" if report else ""
    return "; ".join((f"{ending(proof.run)}{counts}", *beside_base(proof)))


def _found(review: Review) -> tuple[Finding, ...]:
    if review.status == "ok":
        return ()
    issues = [i for i in review.issues if i.severity != "info"]
    if not issues:
        return (Finding(kind="reviewer", message="changes requested without a reason"),)
    return tuple(Finding(kind="reviewer", path=i.path[:500], message=i.message) for i in issues)


def _by_evidence(expert: str, findings: tuple[Finding, ...], diff: str, unpaid: str) -> Review:
    """The review when no reviewer is asked: the evidence alone."""
    why = f"No reviewer read it: {unpaid}" if unpaid else "No reviewer model was asked: the acceptance command decides."
    answer = f"{_changes(diff)}\n\n{why}".strip()
    blocked = any(f.blocking for f in findings)
    return Review(expert=expert, status="changes_requested" if blocked else "ok", final_answer_markdown=answer)


def _changes(diff: str) -> str:
    """Every changed file with the lines that came and went, as a list in Markdown."""
    try:
        files = PatchSet(diff)
    except UnidiffParseError:
        return ""
    return "\n".join(f"* `{file.path}`: +{file.added} -{file.removed}" for file in list(files)[:20])
