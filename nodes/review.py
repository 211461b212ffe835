"""Review a change: prove it on a clean checkout, look for weakened tests, then have a reviewer read it (G5)."""

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

from domain import CommandRun, Ending, Exhausted, Refused, Review, Spent, Task
from domain.acceptance import environment, seconds_after
from domain.evidence import Finding, LeftOut, Proof, compared_with_baseline
from domain.masking import Masker, without_echoes
from domain.reports import read_report
from domain.weakening import is_test, weakened
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
        proof, twice = await self._proved(state, masker)
        tests = [path for path in changed if is_test(path)]
        proof, seconds = await self._against_base(state, proof, tests, masker)
        spent = state["spent"] + Spent(sandbox_seconds=proof.run.duration_ms / 1_000 + seconds + twice)
        findings = (
            *failed_proof(proof, state["snapshot"].left_out, state.get("submodules", ())),
            *unproved(proof, changed),
        )
        if not _ABOUT_TESTS.search(task.text):  # else deleting or weakening some is what was asked for
            before, after = await texts.views(base, tests), await texts.views(tree, tests)
            findings = (*findings, *await asyncio.to_thread(weakened, before, after))
        secrets = await asyncio.to_thread(self.engine.secrets, readable)
        findings = (*findings, *(Finding(kind="secret", message=reason.message) for reason in secrets))
        model = await self.roster.model("reviewer", selection(state, spent=spent)) if task.pipeline else None
        # What blocks goes back to the coder as it is: a reader would be paid for what has to change anyway.
        if model is not None and diff != "" and not any(f.blocking for f in findings):
            review, findings, used = await self._read(state, model, proof, readable, findings, masker=masker)
            spent += used
        else:
            review = review_by_evidence(state["expert"], findings, readable)
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

    async def _proved(self, state: ReviewInput, masker: Masker) -> tuple[Proof, float]:
        """The proof on a clean checkout, and the seconds of a run before it that counts no more.

        A test that passed before the change and fails now is run again, with all others: one that then passes is
        flaky, and named. What fails twice is what fails.
        """
        tree = state["snapshot"].tree
        ran = await self._run(state, tree, masker)
        report = await counted(ran)
        command = masker.text(state["task"].accept or "")
        proof = Proof(command=command, tree=tree, run=clip(ran), report=report)
        failed = {case.id for case in report.cases} if report is not None and ran.ended == "exit" else set[str]()
        before = read_report(plain(state["baseline"]))
        if ran.ok or not failed or (before is not None and failed <= {case.id for case in before.cases}):
            return proof, 0.0
        announce("note", f"Run again: {', '.join(sorted(failed)[:5])} failed.", subject="flaky_tests")
        again = await self._run(state, tree, masker)
        second = await counted(again)
        still = {case.id for case in second.cases} if second is not None else set[str]()
        if second is None or again.ended != "exit" or (not again.ok and not still):
            return proof, again.duration_ms / 1_000
        flaky = tuple(sorted(failed ^ still))
        if flaky:
            announce("note", f"Flaky, they failed once and passed once: {', '.join(flaky[:5])}", subject="flaky_tests")
        return replace(proof, run=clip(again), report=second, flaky=flaky), ran.duration_ms / 1_000

    async def _run(self, state: ReviewInput, tree: str, masker: Masker) -> CommandRun:
        """Run the acceptance command on a tree, in a fresh sandbox that the agent never touched."""
        run, task = state["run"], state["task"]
        command, limit = task.accept or "", max(PROOF_SECONDS, seconds_after(state["baseline"]))
        env = environment(await self.store.files(run, tree), REPO)
        verify = partial(self.workspaces.verify, run, tree, command, timeout_s=limit, env=env, profile=task.profile)
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
            ran = await self._run(state, alone, masker)
            seconds, report = ran.duration_ms / 1_000, await counted(ran)
            proof = replace(proof, base=clip(ran), base_report=report, base_with="tests")
            if comparison is not None and report is not None:
                failing = {case.id for case in proof.report.cases} if proof.report is not None else set[str]()
                shown = tuple(sorted({case.id for case in report.cases} - failing))
                proof = replace(proof, fixed=shown, still_failing=comparison.still_failing if shown else ())
        return proof, seconds

    async def _read(
        self,
        state: ReviewInput,
        model: Model,
        proof: Proof,
        diff: str,
        findings: tuple[Finding, ...],
        *,
        masker: Masker,
    ) -> tuple[Review, tuple[Finding, ...], Spent]:
        """Have a reviewer read the change: the review, the findings with its own, what it cost.

        Where it cannot be paid the evidence decides alone, and that is a finding.
        """
        counts = f", {proof.report.summary}" if proof.report else ""
        messages = await self.prompt.render(
            state["run"],
            expert=self.roster.expert_prompt(state["expert"]),
            task=state["task"].text,
            accept=proof.command,
            proof="; ".join((f"{ending(proof.run)}{counts}", *beside_base(proof))),
            findings=[f"{f.kind}: {f.message} {f.path}" for f in findings],
            left_out=listed([each for each in state["snapshot"].left_out if each.how != "ignored"], 20),
            diff=masker.text(diff)[:DIFF_CHARS],
        )
        settings, now = self.roster.settings("reviewer"), self.clock()
        with metered() as meter:
            try:
                reply = await consult(
                    model, messages, Review, settings=settings, task=state["task"], spent=state["spent"], now=now
                )
            except (Exhausted, Refused) as error:
                if error.stable_code not in UNPAID:
                    raise
                announce("note", f"No reviewer read the change: {error.message}", code=error.stable_code)
                unread = f"no reviewer read the change, it could not be paid: {error.message}"
                findings = (*findings, Finding(kind="limit", message=unread, blocking=False))
                return review_by_evidence(state["expert"], findings, diff, error.message), findings, meter.spent
        # Some models repeat what they were told about themselves, and the answer is shown to people.
        answer, cut = without_echoes(
            reply.value.final_answer_markdown, [m.content for m in messages if m.role == "system"]
        )
        if cut:
            announce(
                "note",
                "The reviewer repeated its system prompt; that was cut from the answer.",
                subject="prompt_echoed",
            )
        review = replace(reply.value, final_answer_markdown=answer)
        return review, (*findings, *reviewer_findings(review)), spent_on(reply.usage)


def failed_proof(proof: Proof, left_out: Sequence[LeftOut], submodules: Sequence[str]) -> tuple[Finding, ...]:
    """The finding of a proof that is red, and what it may lack: files that only a command made, empty submodules."""
    if proof.ok:
        return ()
    output, empty = plain(proof.run), "".join(f"{each}\n" for each in submodules)
    message = f"{empty}on a clean checkout {proof.command!r} ended with {ending(proof.run)}: {tail(output, 1_500)}"
    if left_out:
        # Those that the output speaks of come first; sorting keeps the order of the others.
        known = sorted(left_out, key=lambda each: PurePosixPath(each.path).stem not in output)
        message += (
            f"\nThe workspace has files that commands made and the change lacks: {listed(known, 20)}. If it needs one, "
            f"the change has to write it, or name it in cmd_outputs."
        )
    return (Finding(kind="tests_failed", message=message),)


def unproved(proof: Proof, changed: Sequence[str]) -> tuple[Finding, ...]:
    """The finding of a proof that is green with and without the change; it blocks nothing, a person decides."""
    if not changed or not proof.ok or proof.red_first:
        return ()
    why = "it passes without the change, too, and the change has no test of its own"
    if proof.base_with == "tests":
        why = "the change's tests pass without the change, too"
    return (Finding(kind="unproved", message=f"nothing proves the change: {why}", blocking=False),)


def reviewer_findings(review: Review) -> tuple[Finding, ...]:
    """What a review asks to be changed, as findings; remarks (``info``) are none."""
    if review.status == "ok":
        return ()
    issues = [i for i in review.issues if i.severity != "info"]
    if not issues:
        return (Finding(kind="reviewer", message="changes requested without a reason"),)
    return tuple(Finding(kind="reviewer", path=i.path[:500], message=i.message) for i in issues)


def review_by_evidence(expert: str, findings: tuple[Finding, ...], diff: str, unpaid: str = "") -> Review:
    """The review where no reviewer read the change: the evidence alone. ``unpaid``: why none could be asked."""
    why = f"No reviewer read it: {unpaid}" if unpaid else "No reviewer model was asked: the acceptance command decides."
    answer = f"{changed_files(diff)}\n\n{why}".strip()
    blocked = any(f.blocking for f in findings)
    return Review(expert=expert, status="changes_requested" if blocked else "ok", final_answer_markdown=answer)


def changed_files(diff: str) -> str:
    """Every changed file with the lines that came and went, as a list in Markdown."""
    try:
        files = PatchSet(diff)
    except UnidiffParseError:
        return ""
    return "\n".join(f"* `{file.path}`: +{file.added} -{file.removed}" for file in list(files)[:20])
