"""A coder that answers once with the whole change, for every step that is ready, and is told what came of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from domain import CodeChange, CommandRun, ContextTooLong, Exhausted, Risk, Spent, Step, Transient
from domain.acceptance import seconds_after
from domain.limits import ensure_within
from domain.progress import Attempt, Selection
from domain.reports import read_report
from domain.text import failure_kind
from domain.work import ready
from models import ChangeRequest, Message, PromptSource, worst_case
from models.dialects import single
from nodes._commands import plain, red_kind, tail
from nodes._events import announce
from nodes._models import Clock, Roster, selection
from nodes.coder.candidate_runs import CandidateRuns, WorkspaceBench, recent
from nodes.coder.candidates import ProviderAnswer, affordable, propose, selection_of, together
from nodes.coder.changes import ChangeRunner, label_of, refused
from nodes.coder.context import RecentTrees, news
from nodes.coder.edits import fitted_to_files
from nodes.coder.judge import judge
from nodes.coder.slices import ExecuteInput, ExecuteUpdate, accept_of
from nodes.coder.tool_calls import Lookups, ToolCalls
from nodes.rating.rules import denied, ruled
from sandbox import Deliverable, Workspace

CHOICES = 200
"""As many are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleAnswer:
    """One visit: the answers for all steps that are ready, applied one after the other."""

    changes: ChangeRunner
    roster: Roster
    prompt: PromptSource
    judging: PromptSource
    """What the reviewer is asked where tests cannot tell candidates apart."""
    clock: Clock
    trees: RecentTrees
    tools: ToolCalls
    provider_seconds: float = 60.0

    async def __call__(self, state: ExecuteInput) -> ExecuteUpdate:
        task, work = state["task"], await self.changes.open(state)
        # All independent steps at once the first time; one at a time when something went wrong.
        steps = ready(state["plan"], state["done"])
        if state.get("tries", 0) > 0 or await self.roster.model("coder", selection(state)) is None:
            steps = steps[:1]
        prompts: list[tuple[Message, ...]] = []
        for step in steps:
            if not (messages := state.get("transcript", ())):
                expert, context = self.roster.expert_prompt(state["expert"]), await opening(self.changes, state, step)
                offered = await self.tools.shown(state)
                form = (single.instructions(), *((single.use_instructions(),) if offered else ()))
                messages = await self.prompt.render(
                    state["run"], expert=expert, form="\n\n".join(form), tools=offered, **context
                )
            prompts.append(messages)
        fit = together(task.budget, state["spent"], prompts, self.roster.settings("coder"))
        steps, prompts = steps[:fit], prompts[:fit]
        number = state.get("tries", 0) + 1
        for step in steps:
            announce("step_started", step.title, step=step.id, attempt=number)
        lookup = self.tools.lookup(state)
        answers = await self._propose(state, work.workspace, prompts, lookup)
        if lookup is not None and lookup.used:  # what was read may have wanted something
            state = {**state, "task": replace(task, outside=True)}
        update = await self._apply_all(state, work, steps, prompts, answers)
        new = [
            selection_of(step, number, answer) for step, answer in zip(steps, answers, strict=True) if answer.candidates
        ]
        choices: tuple[Selection, ...] = (*state.get("choices", ()), *new)[-CHOICES:]
        return {**update, "choices": choices, "task": state["task"]}

    async def _propose(
        self,
        state: ExecuteInput,
        workspace: Workspace,
        prompts: Sequence[tuple[Message, ...]],
        lookup: Lookups | None,
    ) -> list[ProviderAnswer]:
        task, settings, past = state["task"], self.roster.settings("coder"), state.get("evidence", ())
        red = None if state["baseline"].ok else failure_kind(plain(state["baseline"]))
        context = selection(
            state,
            attempt=state.get("tries", 0) + 1,
            failure=past[-1].failure if past else red,
            red=red_kind(state["baseline"]),
        )
        providers = affordable(await self.roster.providers(context), task.budget, state["spent"], prompts, settings)
        if await self.roster.model("coder", context) is not None:
            tokens = sum(worst_case(m, settings, rounds=1).tokens for m in prompts)
            ensure_within(task.budget, state["spent"], started_at=task.received_at, now=self.clock(), tokens=tokens)
        runs = await self._candidate_runs(state, tainted=state["task"].outside or lookup is not None)
        hunks = () if state["baseline"].ok else await recent(state["pinned"], self.changes.engine)
        requests = [
            ChangeRequest(
                messages=m,
                accept=accept_of(state),
                expert=state["expert"],
                settings=settings,
                seconds=self.provider_seconds,
                hunks=hunks,
                lookup=lookup,
            )
            for m in prompts
        ]
        spare = None if state["baseline"].ok else await self.roster.last_resort(context)
        bench = WorkspaceBench(workspace, runs.env)
        several = len(providers) > 1
        rates = await judge(state, self.roster, self.judging, self.clock, accept=accept_of(state)) if several else None
        asked = (
            propose(providers, each, bench, replace(runs, lane=f"candidate-{n}"), last_resort=spare, judge=rates)
            for n, each in enumerate(requests, 1)
        )
        answers = list(await asyncio.gather(*asked))
        for answer in answers:
            if isinstance(answer.problem, (Transient, Exhausted, ContextTooLong)):
                raise answer.problem  # nothing was tried yet: the node is simply repeated, after a top-up if need be
        return answers

    async def _candidate_runs(self, state: ExecuteInput, *, tainted: bool) -> CandidateRuns:
        task, changes = state["task"], self.changes
        engine = await ruled(changes.engine, changes.store, state["run"])

        def automatic(change: CodeChange) -> bool:
            risk = engine.change(change, profile=task.profile, tainted=tainted)
            return denied(risk) is None and not changes.require(risk.tier).humans

        return CandidateRuns(
            workspaces=changes.workspaces,
            run=state["run"],
            pinned=state["pinned"],
            snapshot=state["snapshot"],
            lane="candidate",
            accept=accept_of(state),
            env=await changes.env(state),
            seconds=seconds_after(state["baseline"]),
            tracer=changes.tracer,
            before=read_report(plain(state["baseline"])),
            automatic=automatic,
            profile=task.profile,
            alive=partial(changes.ensure_alive, state),
            masker=await changes.masks(state["run"]),
            files=await changes.store.files(state["run"], state["snapshot"].tree),
            fit=partial(fitted_to_files, self.trees, state),
        )

    async def _apply_all(
        self,
        state: ExecuteInput,
        work: Deliverable,
        steps: Sequence[Step],
        prompts: Sequence[tuple[Message, ...]],
        answers: Sequence[ProviderAnswer],
    ) -> ExecuteUpdate:
        """Apply the answers one after the other, then prove the last of them."""
        spent = sum((answer.spent for answer in answers), state["spent"])
        if work.workspace.at is None:  # a provider ran something there while it looked for its answer
            work = await self.changes.open(state)
        # The conversation goes on only when there was exactly one.
        conversation: tuple[Message, ...] = ()
        if len(prompts) == 1 and answers[0].proposal is not None:
            conversation = (*prompts[0], Message(role="assistant", content=single.render(answers[0].proposal.change)))
        # What was tried is what is done now: neither the suite nor the commands before it are run twice, and the
        # workspace where they ran says what they left behind. Outputs are made anew, where they are taken from.
        first, known = answers[0], None
        if len(answers) == 1 and first.proposal is not None and not first.proposal.change.cmd_outputs:
            commands = first.proposal.change.cmd_instructions
            known = first.run if len(first.commands) == len(commands) else None
        if known is not None and first.workspace is not None:
            work = self.changes.at(state, first.workspace)
        attempts: list[Attempt] = []
        for step, answer in zip(steps, answers, strict=True):
            attempt, risk = await self._apply_one(state, work, step, answer, first.commands if known else ())
            if risk is not None:
                # What was applied before it is kept; this one waits for its signature.
                snapshot = await work.snapshot(label_of(state))
                pending = self.changes.pending(state, snapshot, work.workspace, attempt, risk)
                return {
                    "pending": pending,
                    "attempts": tuple(attempts),
                    "snapshot": snapshot,
                    "spent": spent,
                    "transcript": conversation,
                    "verdict": None,
                }
            attempts.append(attempt)
        return {**await self.proved(state, work, attempts, spent, known=known), "transcript": conversation}

    async def _apply_one(
        self,
        state: ExecuteInput,
        work: Deliverable,
        step: Step,
        answer: ProviderAnswer,
        known: Sequence[CommandRun] = (),
    ) -> tuple[Attempt, Risk | None]:
        """Try one answer, whose commands may be ``known``.

        A risk comes back, and nothing was applied, when a human must sign first.
        """
        blank = Attempt(
            step=step.id, number=state.get("tries", 0) + 1, candidates=answer.candidates, reason=answer.reason
        )
        if answer.proposal is None:
            return refused(blank, answer.problem), None
        proposal = answer.proposal
        announce("change_proposed", proposal.note, provider=proposal.provider, tried=proposal.tried)
        blank = replace(blank, provider=proposal.provider, model=proposal.model, note=proposal.note)
        fit = await fitted_to_files(self.trees, state, proposal.change, work.tree)
        if fit.nothing:
            return replace(
                blank, change=proposal.change, refused=fit.explanation[:20_000], code="edit_does_not_apply"
            ), None
        attempt, risk = await self.changes.rated(state, work, blank, fit.change)
        if attempt.refused:
            return attempt, None
        if risk is not None and fit.problems:
            # Nobody signs half of a change.
            why = f"{fit.explanation}\nThe change needs a signature, so nothing of it was made: send all of it again."
            return replace(attempt, refused=why[-20_000:], code="edit_does_not_apply"), None
        if risk is not None:
            return attempt, risk
        attempt = await self.changes.apply(state, work, attempt, attempt.change, known=known)
        rest = "\n".join(part for part in (fit.explanation if fit.problems else "", proposal.left_out) if part)
        if rest and not attempt.refused:
            # What applies is kept, and the coder is asked for the rest.
            attempt = replace(attempt, code="edit_does_not_apply", hint=rest[:20_000])
        return attempt, None

    async def proved(
        self,
        state: ExecuteInput,
        work: Deliverable,
        attempts: list[Attempt],
        spent: Spent,
        *,
        known: CommandRun | None = None,
    ) -> ExecuteUpdate:
        """Run the acceptance command after the last step, unless that is ``known``, and save the workspace."""
        worked = {a.step for a in attempts if not a.refused}
        if attempts and worked and len(set(state["done"]) | worked) == len(state["plan"].steps):
            attempts[-1] = await self.changes.accepted(state, work, attempts[-1], known=known)
        return {**await self.changes.saved(state, work, attempts, spent), "tries": state.get("tries", 0) + 1}


async def opening(changes: ChangeRunner, state: ExecuteInput, step: Step) -> dict[str, object]:
    """What a coder is told before it begins with a step, by the names that its prompt has for it."""
    task, context, changed = state["task"], state["context"], ""
    trees = state["pinned"].tree, state["snapshot"].tree
    if len(set(trees)) > 1:
        query, masker = f"{step.title}\n{step.detail}\n{task.text}", await changes.masks(state["run"])
        changed = await news(changes.store, state["run"], trees, query, context, masker=masker, indexes=changes.indexes)
    baseline = state["baseline"]
    return {
        "context": context,
        "task": task.text,
        "plan": state["plan"],
        "accept": accept_of(state),
        "baseline": "" if baseline.ok else tail(plain(baseline)),
        "changed": changed,
        "step": step,
    }
