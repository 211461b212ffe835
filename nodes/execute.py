"""Make the change: ask the coder, rate it, apply it, run it in the sandbox.

The workspace is saved here and not in ``observe``: a crash between the two would otherwise leave a
state that says "applied" beside a workspace that is not.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NotRequired, TypedDict

from opentelemetry.trace import Tracer

from approvals import Ballots, action_digest, refusal
from domain import (
    Action,
    Attempt,
    CodeChange,
    CommandRun,
    ContextTooLong,
    Evidence,
    Exhausted,
    Pending,
    Plan,
    Refused,
    Risk,
    SandboxLost,
    Selection,
    SignoffError,
    Spent,
    Step,
    Task,
    Transient,
    Verdict,
    ensure_within,
    environment,
    read_report,
    ready,
)
from models import ChangeRequest, Message, PromptSource, worst_case
from nodes._announce import announce
from nodes._colleagues import Clock, Require, Roster, errand
from nodes._command import run_command
from nodes._context import news
from nodes._judge import judge
from nodes._lately import recent
from nodes._masks import Masks, unmasked
from nodes._means import affordable, together
from nodes._output import clip, listed, plain, tail
from nodes._prompt import as_json
from nodes._propose import Answer, propose, selection_of
from nodes._rating import rate
from nodes._revise import shell_arguments
from nodes._rules import denied, ruled
from nodes._trials import Equipped, Trials
from risk import RiskEngine
from sandbox import REPO, Deliverable, Pinned, Snapshot, Store, Workspace, Workspaces

COMMAND_SECONDS = 600.0
CHOICES = 200
"""As many are remembered."""


class ExecuteInput(TypedDict):
    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    plan: Plan
    baseline: CommandRun
    context: str
    snapshot: Snapshot
    done: tuple[str, ...]
    spent: Spent
    tries: NotRequired[int]
    transcript: NotRequired[tuple[Message, ...]]
    choices: NotRequired[tuple[Selection, ...]]
    evidence: NotRequired[tuple[Evidence, ...]]
    pending: NotRequired[Pending | None]
    verdict: NotRequired[Verdict | None]


class ExecuteUpdate(TypedDict, total=False):
    attempts: tuple[Attempt, ...]
    choices: tuple[Selection, ...]
    transcript: tuple[Message, ...]
    snapshot: Snapshot
    pending: Pending | None
    verdict: Verdict | None
    spent: Spent
    tries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Work on the steps that are ready."""

    workspaces: Workspaces
    store: Store
    masks: Masks
    roster: Roster
    engine: RiskEngine
    require: Require
    ballots: Ballots
    prompt: PromptSource
    judging: PromptSource
    """What the reviewer is asked where tests cannot tell candidates apart."""
    clock: Clock
    tracer: Tracer
    provider_seconds: float = 60.0

    async def __call__(self, state: ExecuteInput) -> ExecuteUpdate:
        task, pending = state["task"], state.get("pending")
        if pending is None:  # what a person signed is an attempt that has begun: it was paid for
            ensure_within(task.budget, state["spent"], started_at=task.received_at, now=self.clock())
        await self._ensure_alive(state)
        workspace = await self.workspaces.open(state["run"], state["pinned"], at=state["snapshot"])
        if pending is not None:
            return await self._approved(state, workspace, pending)
        steps = await self._wave(state)
        prompts = [await self._messages(state, step) for step in steps]
        fit = together(task.budget, state["spent"], prompts, self.roster.settings("coder"))
        steps, prompts = steps[:fit], prompts[:fit]
        for step in steps:
            announce("step_started", step.title, step=step.id, attempt=state.get("tries", 0) + 1)
        answers = await self._ask(state, workspace, prompts)
        update = await self._all(state, workspace, steps, prompts, answers)
        return {**update, "choices": _choices(state, steps, answers)}

    async def _wave(self, state: ExecuteInput) -> tuple[Step, ...]:
        """All independent steps at once the first time; one at a time when something went wrong."""
        steps = ready(state["plan"], state["done"])
        alone = state.get("tries", 0) > 0 or await self.roster.model("coder", errand(state)) is None
        return steps[:1] if alone else steps

    async def _messages(self, state: ExecuteInput, step: Step) -> tuple[Message, ...]:
        if transcript := state.get("transcript"):
            return transcript
        task, context, changed = state["task"], state["context"], ""
        trees = state["pinned"].tree, state["snapshot"].tree
        if len(set(trees)) > 1:
            query = f"{step.title}\n{step.detail}\n{task.text}"
            changed = await news(self.store, state["run"], trees, query, context, masker=await self.masks(state["run"]))
        baseline = state["baseline"]
        return await self.prompt.render(
            state["run"],
            expert=self.roster.expert_prompt(state["expert"]),
            context=context,
            task=task.text,
            plan=state["plan"],
            accept=_accept(state),
            baseline="" if baseline.ok else tail(plain(baseline)),
            changed=changed,
            step=step,
        )

    async def _ask(
        self, state: ExecuteInput, workspace: Workspace, prompts: Sequence[tuple[Message, ...]]
    ) -> list[Answer]:
        task, settings, past = state["task"], self.roster.settings("coder"), state.get("evidence", ())
        wanted = errand(state, attempt=state.get("tries", 0) + 1, failure=past[-1].failure if past else None)
        providers = affordable(await self.roster.providers(wanted), task.budget, state["spent"], prompts, settings)
        if await self.roster.model("coder", wanted) is not None:
            tokens = sum(worst_case(m, settings, rounds=1).tokens for m in prompts)
            ensure_within(task.budget, state["spent"], started_at=task.received_at, now=self.clock(), tokens=tokens)
        trials = await self._trials(state)
        hunks = () if state["baseline"].ok else await recent(state["pinned"], self.engine)
        jobs = [ChangeRequest(messages=m, accept=_accept(state), expert=state["expert"], settings=settings,
                    seconds=self.provider_seconds, hunks=hunks) for m in prompts]  # fmt: skip
        spare = None if state["baseline"].ok else await self.roster.last_resort(wanted)
        bench = Equipped(workspace, trials.env)
        several = len(providers) > 1
        rates = await judge(state, self.roster, self.judging, self.clock, accept=_accept(state)) if several else None
        asked = (
            propose(providers, job, bench, replace(trials, lane=f"candidate-{n}"), last_resort=spare, judge=rates)
            for n, job in enumerate(jobs, 1)
        )
        answers = list(await asyncio.gather(*asked))
        for answer in answers:
            if isinstance(answer.problem, (Transient, Exhausted, ContextTooLong)):
                raise answer.problem  # nothing was tried yet: the node is simply repeated, after a top-up if need be
        return answers

    async def _trials(self, state: ExecuteInput) -> Trials:
        task, engine = state["task"], await ruled(self.engine, self.store, state["run"])

        def automatic(change: CodeChange) -> bool:
            risk = engine.change(change, profile=task.profile, tainted=task.outside)
            return denied(risk) is None and not self.require(risk.tier).humans

        return Trials(
            workspaces=self.workspaces, run=state["run"], pinned=state["pinned"], snapshot=state["snapshot"],
            lane="candidate", accept=_accept(state), env=await self._env(state), seconds=COMMAND_SECONDS,
            tracer=self.tracer, before=read_report(plain(state["baseline"])),
            automatic=automatic, profile=task.profile, alive=partial(self._ensure_alive, state),
            masker=await self.masks(state["run"]), files=await self.store.files(state["run"], state["snapshot"].tree),
        )  # fmt: skip

    async def _all(
        self,
        state: ExecuteInput,
        workspace: Workspace,
        steps: Sequence[Step],
        prompts: Sequence[tuple[Message, ...]],
        answers: Sequence[Answer],
    ) -> ExecuteUpdate:
        """Apply the answers one after the other, then prove the last of them."""
        spent = sum((answer.spent for answer in answers), state["spent"])
        if workspace.at is None:  # a provider ran something there while it looked for its answer
            workspace = await self.workspaces.open(state["run"], state["pinned"], at=state["snapshot"])
        work = Deliverable(self.store, state["run"], workspace, state["snapshot"])
        attempts: list[Attempt] = []
        for step, answer in zip(steps, answers, strict=True):
            attempt, risk = await self._one(state, work, step, answer)
            if risk is not None:
                # What was applied before it is kept; this one waits for its signature.
                snapshot = await work.snapshot(_label(state))
                action = _action(state["task"], snapshot, attempt.change, workspace)
                pending = Pending(
                    step=step.id, change=attempt.change, action=action, risk=risk, provider=attempt.provider
                )
                return {"pending": pending, "attempts": tuple(attempts), "snapshot": snapshot, "spent": spent,
                        "transcript": _heard(prompts, answers), "verdict": None}  # fmt: skip
            attempts.append(attempt)
        # A change that makes nothing but edits gives the tree that was tried: its suite is not run twice.
        alone = len(answers) == 1 and not attempts[0].change.cmd_instructions
        known = answers[0].run if alone else None
        return await self._proved(state, work, attempts, spent, _heard(prompts, answers), known=known)

    async def _one(
        self, state: ExecuteInput, work: Deliverable, step: Step, answer: Answer
    ) -> tuple[Attempt, Risk | None]:
        """Try one answer; a risk comes back, and nothing was applied, when a human must sign first."""
        blank = Attempt(step=step.id, number=state.get("tries", 0) + 1, candidates=answer.candidates,
                        reason=answer.reason)  # fmt: skip
        if answer.proposal is None:
            return _refusal(blank, answer.problem), None
        proposal = answer.proposal
        announce("change_proposed", proposal.note, provider=proposal.provider, tried=proposal.tried)
        blank = replace(blank, provider=proposal.provider, model=proposal.model, note=proposal.note)
        try:
            change = await work.workspace.resolved(proposal.change)
        except Refused as error:
            return _refusal(replace(blank, change=proposal.change), error), None
        risk = await self._rated(state, change)
        if (no := denied(risk)) is not None:
            return _refusal(replace(blank, change=change), no), None
        if self.require(risk.tier).humans > 0:
            return replace(blank, change=change), risk
        return await self._apply(state, work, blank, change), None

    async def _rated(self, state: ExecuteInput, change: CodeChange) -> Risk:
        task, engine = state["task"], await ruled(self.engine, self.store, state["run"])
        classify = partial(engine.change, change, profile=task.profile, tainted=task.outside)
        return await rate(self.tracer, classify, tool="shell")

    async def _approved(self, state: ExecuteInput, workspace: Workspace, pending: Pending) -> ExecuteUpdate:
        """Run what was signed, after taking the signature off the shelf for exactly these bytes."""
        verdict = state.get("verdict")
        action = _action(state["task"], state["snapshot"], pending.change, workspace)
        if verdict is None:
            raise Refused("This action waits for an approval.", code="approval_missing", hint="Approve it first.")
        await self.ballots.consume(verdict.ballot, state["org"], action_digest(action))
        blank = Attempt(step=pending.step, number=state.get("tries", 0) + 1, provider=pending.provider)
        work = Deliverable(self.store, state["run"], workspace, state["snapshot"])
        attempt = await self._apply(state, work, blank, pending.change)
        await self.ballots.executed(verdict.ballot, state["org"])
        update = await self._proved(state, work, [attempt], state["spent"], state.get("transcript", ()))
        return {**update, "pending": None, "verdict": None}

    async def _ensure_alive(self, state: ExecuteInput) -> None:
        """The kill switch holds before every model call, edit and command, not only between nodes."""
        if await self.ballots.killed(state["run"], state["org"]):
            raise refusal("run_killed", f"Run {state['run']} was stopped for good.")

    async def _apply(self, state: ExecuteInput, work: Deliverable, attempt: Attempt, change: CodeChange) -> Attempt:
        await self._ensure_alive(state)
        try:
            files = await self.store.files(state["run"], state["snapshot"].tree)
            masker, read = await self.masks(state["run"]), partial(self.store.read, state["run"], work.tree)
            written = await work.apply(await unmasked(change, read, masker, files))
            touched = [masker.text(path) for path in written]
        except SandboxLost:
            raise
        except SignoffError as error:
            return _refusal(replace(attempt, change=change), error)
        announce("change_applied", ", ".join(touched), files=list(touched))
        runs = [await self._run(state, work.workspace, command) for command in change.cmd_instructions]
        if runs and change.cmd_outputs and all(run.ok for run in runs):
            try:
                made, missing = await work.keep(change.cmd_outputs)
            except Refused as error:
                return _refusal(replace(attempt, change=change, runs=tuple(runs)), error)
            kept = ", ".join(made[:20]) or "nothing"
            announce("note", f"Kept of what the commands made: {kept}", files=made[:500], missing=missing)
            touched = tuple(dict.fromkeys((*touched, *made)))
        return replace(attempt, change=change, touched=touched[:500], runs=tuple(runs))

    async def _proved(
        self,
        state: ExecuteInput,
        work: Deliverable,
        attempts: list[Attempt],
        spent: Spent,
        transcript: tuple[Message, ...],
        *,
        known: CommandRun | None = None,
    ) -> ExecuteUpdate:
        """Run the acceptance command after the last step, unless that is ``known``, and save the workspace."""
        worked = {a.step for a in attempts if not a.refused}
        if attempts and worked and len(set(state["done"]) | worked) == len(state["plan"].steps):
            run = await self._run(state, work.workspace, _accept(state), known=known)
            attempts[-1] = replace(attempts[-1], runs=(*attempts[-1].runs, run))
        used = sum(run.duration_ms for attempt in attempts for run in attempt.runs) / 1_000
        snapshot = await work.snapshot(_label(state)) if worked else state["snapshot"]
        beside = [each for each in snapshot.left_out if each.how != "ignored"]
        if beside and snapshot.left_out != state["snapshot"].left_out:
            named = [{"path": each.path, "how": each.how} for each in beside]
            announce("note", f"Left out of the change: {listed(beside)}", left_out=named)
        return {
            "attempts": tuple(attempts),
            "transcript": transcript,
            "snapshot": snapshot,
            "spent": spent + Spent(steps=1, sandbox_seconds=used),
            "tries": state.get("tries", 0) + 1,
        }

    async def _run(
        self, state: ExecuteInput, workspace: Workspace, command: str, *, known: CommandRun | None = None
    ) -> CommandRun:
        """Run one command of a change that was rated, with the network that the rating was told about."""
        await self._ensure_alive(state)
        if known is not None:
            ran = asyncio.get_running_loop().create_future()
            ran.set_result(replace(known, command=command))
            return clip(await run_command(self.tracer, command, lambda: ran, masker=await self.masks(state["run"])))
        await workspace.permit(state["task"].profile)
        shell = partial(workspace.shell, command, timeout_s=COMMAND_SECONDS, env=await self._env(state))
        try:
            return clip(await run_command(self.tracer, command, shell, masker=await self.masks(state["run"])))
        finally:
            await workspace.permit("sealed")

    async def _env(self, state: ExecuteInput) -> dict[str, str]:
        return environment(await self.store.files(state["run"], state["pinned"].tree), REPO)


def _accept(state: ExecuteInput) -> str:
    """The task's own: a plan may not make it easier to be right."""
    return state["task"].accept or ""


def _choices(state: ExecuteInput, steps: Sequence[Step], answers: Sequence[Answer]) -> tuple[Selection, ...]:
    """Every choice of the run so far, the new ones last."""
    number = state.get("tries", 0) + 1
    new = [selection_of(step, number, answer) for step, answer in zip(steps, answers, strict=True) if answer.candidates]
    return (*state.get("choices", ()), *new)[-CHOICES:]


def _label(state: ExecuteInput) -> str:
    return f"{state['spent'].steps + 1}"


def _heard(prompts: Sequence[tuple[Message, ...]], answers: Sequence[Answer]) -> tuple[Message, ...]:
    """The conversation to go on with: only when there was exactly one."""
    if len(prompts) != 1 or answers[0].proposal is None:
        return ()
    return (*prompts[0], Message(role="assistant", content=as_json(answers[0].proposal.change)))


def _refusal(attempt: Attempt, problem: SignoffError | None) -> Attempt:
    if problem is None:
        return replace(attempt, refused="No provider is configured.", code="no_provider")
    return replace(attempt, refused=problem.message, code=problem.stable_code, hint=problem.hint)


def _action(task: Task, snapshot: Snapshot, change: CodeChange, workspace: Workspace) -> Action:
    """The canonical form of running this change on this tree (see docs/approvals.md)."""
    return Action(
        tool="shell",
        arguments=shell_arguments(change),
        cwd=REPO,
        target="sandbox",
        base_commit=task.base,
        content=snapshot.tree,
        image_digest=workspace.image_digest,
        network="none" if task.profile == "sealed" else "packages",
    )
