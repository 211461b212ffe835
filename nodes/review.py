"""Prove it on a clean checkout, look for cheating, then let a stranger read the diff (G5)."""

import re
from dataclasses import dataclass
from functools import partial
from typing import NotRequired, TypedDict

from opentelemetry.trace import Tracer
from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from domain import (
    Ending,
    Finding,
    Proof,
    Review,
    Spent,
    Task,
    ensure_within,
    environment,
    is_test,
    read_report,
    weakened,
)
from models import Model, PromptSource
from nodes._announce import announce
from nodes._colleagues import Clock, Roster, errand
from nodes._command import run_command
from nodes._consult import consult, spent_on
from nodes._output import clip, ending, plain, tail
from risk import Engine
from sandbox import REPO, Pinned, Snapshot, Store, Workspaces

PROOF_SECONDS = 900.0
DIFF_CHARS = 60_000

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
    spent: Spent


class ReviewUpdate(TypedDict):
    proof: Proof
    review: Review
    findings: tuple[Finding, ...]
    diff: str
    spent: Spent
    ending: NotRequired[Ending]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Give a verdict that rests on a command we ran ourselves."""

    workspaces: Workspaces
    store: Store
    roster: Roster
    engine: Engine
    prompt: PromptSource
    clock: Clock
    tracer: Tracer

    async def __call__(self, state: ReviewInput) -> ReviewUpdate:
        run, task, base, tree = state["run"], state["task"], state["pinned"].tree, state["snapshot"].tree
        ensure_within(task.budget, state["spent"], started_at=task.received_at, now=self.clock())
        diff = await self.store.diff(run, base, tree)
        proof = await self._prove(run, tree, task)
        spent = state["spent"] + Spent(sandbox_seconds=proof.run.duration_ms / 1_000)
        findings = (*self._failed(proof), *await self._cheats(run, task, base, tree), *self._secrets(diff))
        model = await self.roster.model("reviewer", errand(state, spent=spent)) if task.pipeline else None
        asked = model is not None and diff != "" and not any(f.blocking for f in findings)
        if asked and model is not None:
            review, used = await self._read(state, model, proof, diff, findings)
            findings, spent = (*findings, *_found(review)), spent + used
        else:
            review = _by_evidence(state["expert"], findings, diff)
        announce("reviewed", review.status, issues=[f.message for f in findings], proof=ending(proof.run))
        update: ReviewUpdate = {"proof": proof, "review": review, "findings": findings, "diff": diff, "spent": spent}
        if diff == "" and proof.ok:
            update["ending"] = Ending(status="nothing_to_do", code="nothing_to_do", message="No file had to change.",
                                      answer_markdown=review.final_answer_markdown)  # fmt: skip
        return update

    async def _prove(self, run: str, tree: str, task: Task) -> Proof:
        """Run the acceptance command in a fresh sandbox that the agent never touched."""
        command = task.accept or ""
        env = environment(await self.store.files(run, tree), REPO)
        verify = partial(
            self.workspaces.verify, run, tree, command, timeout_s=PROOF_SECONDS, env=env, profile=task.profile
        )
        ran = await run_command(self.tracer, command, verify, clean_checkout=True)
        return Proof(command=command, tree=tree, run=clip(ran), report=read_report(plain(ran)))

    @staticmethod
    def _failed(proof: Proof) -> tuple[Finding, ...]:
        if proof.ok:
            return ()
        message = (
            f"on a clean checkout {proof.command!r} ended with {ending(proof.run)}: {tail(plain(proof.run), 1_500)}"
        )
        return (Finding(kind="tests_failed", message=message),)

    async def _cheats(self, run: str, task: Task, base: str, tree: str) -> tuple[Finding, ...]:
        """Name tests that were deleted, skipped or weakened, unless the task itself is about changing tests."""
        if _ABOUT_TESTS.search(task.text):
            return ()
        changed = [path for path in await self.store.changed(run, base, tree) if is_test(path)]
        before, after = await self._texts(run, base, changed), await self._texts(run, tree, changed)
        return weakened(before, after)

    async def _texts(self, run: str, tree: str, paths: list[str]) -> dict[str, str]:
        there = set(await self.store.files(run, tree))
        return {p: (await self.store.read(run, tree, p)).decode(errors="replace") for p in paths if p in there}

    def _secrets(self, diff: str) -> tuple[Finding, ...]:
        return tuple(Finding(kind="secret", message=r.message) for r in self.engine.secrets(diff))

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
            diff=diff[:DIFF_CHARS],
        )
        settings = self.roster.settings("reviewer")
        reply = await consult(
            model, messages, Review, settings=settings, task=state["task"], spent=state["spent"], now=self.clock()
        )
        return reply.value, spent_on(reply.usage)


def _counted(proof: Proof) -> str:
    report = proof.report
    counts = f", {report.summary}" if report else ""
    return f"{ending(proof.run)}{counts}"


def _found(review: Review) -> tuple[Finding, ...]:
    if review.status == "ok":
        return ()
    issues = [i for i in review.issues if i.severity != "info"]
    if not issues:
        return (Finding(kind="reviewer", message="changes requested without a reason"),)
    return tuple(Finding(kind="reviewer", path=i.path[:500], message=i.message) for i in issues)


def _by_evidence(expert: str, findings: tuple[Finding, ...], diff: str) -> Review:
    """The review when no reviewer is asked: the evidence alone."""
    answer = f"{_changes(diff)}\n\nNo reviewer model was asked: the acceptance command decides.".strip()
    blocked = any(f.blocking for f in findings)
    return Review(expert=expert, status="changes_requested" if blocked else "ok", final_answer_markdown=answer)


def _changes(diff: str) -> str:
    """Every changed file with the lines that came and went, as a list in Markdown."""
    try:
        files = PatchSet(diff)
    except UnidiffParseError:
        return ""
    return "\n".join(f"* `{file.path}`: +{file.added} -{file.removed}" for file in list(files)[:20])
