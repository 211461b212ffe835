"""Plan the work: see what fails now, gather context, ask the planner."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import NotRequired, TypedDict

from opentelemetry.trace import Tracer

from domain import CommandRun, Plan, Refused, Spent, Step, Task
from domain.acceptance import environment
from domain.environment_faults import environment_faults
from domain.limits import ensure_within
from domain.reports import read_report
from domain.team import Team
from domain.work import check_plan
from models import Message, PromptSource
from nodes._commands import clip, plain, run_command, tail
from nodes._events import announce
from nodes._masking import Masks
from nodes._models import Clock, Roster, as_json, consult, selection, spent_on
from nodes.coder.context import INSTRUCTIONS, TreeFiles, gather
from nodes.memory.recall import Recall
from retrieval import IndexFolder
from sandbox import REPO, Pinned, Snapshot, Store, Texts, Workspaces, is_manifest
from sandbox.environments import declared_packages

SMALL_TASK = 200
"""Characters; a shorter task with a failing acceptance command gets a one-step plan without a model."""
GLANCE_SECONDS = 10.0
"""Where the repair engine works alone: it runs the tests itself, and tells one that hangs from a slow one."""
NOT_FOUND = (126, 127)


class PlanInput(TypedDict):
    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    spent: Spent
    snapshot: NotRequired[Snapshot | None]


class PlanUpdate(TypedDict):
    plan: Plan
    baseline: CommandRun
    context: str
    planning: tuple[Message, ...]
    team: Team | None
    done: tuple[str, ...]
    snapshot: Snapshot
    good: Snapshot
    spent: Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Turn a task into steps and an explicit acceptance command."""

    workspaces: Workspaces
    store: Store
    masks: Masks
    roster: Roster
    prompt: PromptSource
    clock: Clock
    tracer: Tracer
    test_minutes: float = 20.0
    """How long the acceptance command may take before the change; later runs follow what it took."""
    indexes: IndexFolder = field(default_factory=IndexFolder)
    recall: Recall = field(default_factory=Recall)

    async def __call__(self, state: PlanInput) -> PlanUpdate:
        run, task, pinned = state["run"], state["task"], state["pinned"]
        ensure_within(task.budget, state["spent"], started_at=task.received_at, now=self.clock())
        workspace = await self.workspaces.open(run, pinned, at=state.get("snapshot"), profile=task.profile)
        snapshot = state.get("snapshot") or await workspace.snapshot("base")
        # Red first: what the acceptance command says before the change is half of the proof.
        command, paths = task.accept or "", await self.store.files(run, snapshot.tree)
        repair_only = await self.roster.model("coder", selection(state)) is None and any(
            path.endswith(".py") for path in paths
        )
        seconds = GLANCE_SECONDS if repair_only else self.test_minutes * 60
        masker = await self.masks(run)
        shell = partial(workspace.shell, command, timeout_s=seconds, env=environment(paths, REPO))
        baseline = await run_command(self.tracer, command, shell, masker=masker)
        # A test run leaves caches and reports behind; the first attempt begins with the files of the commit.
        await workspace.restore(snapshot)
        if baseline.ended == "exit" and baseline.code in NOT_FOUND:
            raise Refused(
                f"The acceptance command cannot be run in the sandbox: {command!r} ({plain(baseline)[-300:]})",
                code="acceptance_not_found",
                hint="Check its spelling, or use an image that has it (SIGNOFF_SANDBOX_IMAGE).",
            )
        if baseline.ended == "timeout" and not repair_only:
            announce(
                "note",
                f"The acceptance command did not come to its end within {self.test_minutes:g} minutes.",
                subject="slow_tests",
                hint="Name a narrower one (--accept), or give it more time (SIGNOFF_TEST_MINUTES).",
            )
        if not baseline.ok and (lacking := await self.lacking_environment(run, snapshot.tree, paths, baseline)):
            raise lacking
        spent = state["spent"] + Spent(sandbox_seconds=baseline.duration_ms / 1_000)
        output = "" if baseline.ok else plain(baseline)
        context, cited = await gather(
            self.store, run, pinned.tree, task.text, output, masker=masker, indexes=self.indexes
        )
        files = TreeFiles(self.store, run, pinned.tree, masker)
        recalled = await self.recall.beginning(
            state["org"], pinned.repo, f"{task.text}\n{output[-2_000:]}", files, outside=task.outside
        )
        if recalled.text:  # behind the passages: what a prompt begins with is in the server's cache
            context, cited = f"{context}\n\n{recalled.text}", (*cited[: 40 - len(recalled.cited)], *recalled.cited)
        size = await self.roster.team(selection(state))
        plan, planning, used = await self._plan(state, spent, baseline, context, cited, size)
        announce("plan_made", plan.goal, steps=[s.title for s in plan.steps], acceptance=plan.acceptance)
        if size and len(plan.steps) == 1:
            announce("note", "The plan has one step: one coder does it, there is nothing to share.", subject="team")
        return {
            "plan": plan,
            "baseline": clip(baseline),
            "context": context,
            "planning": planning,
            "team": Team(size=size) if size and len(plan.steps) > 1 else None,
            "done": (),
            "snapshot": snapshot,
            "good": snapshot,
            "spent": spent + used,
        }

    async def lacking_environment(
        self, run: str, tree: str, paths: tuple[str, ...], baseline: CommandRun
    ) -> Refused | None:
        """Why no change can make the acceptance command pass here: nothing passed, and the sandbox lacks something."""
        faults = environment_faults(output := plain(baseline), paths)
        if not faults:  # what only manifests know to be a package is worth a look at them
            manifests = [path for path in paths if is_manifest(path) or path == "package.json"]
            texts = await Texts(self.store, run).views(tree, manifests)
            faults = environment_faults(output, paths, declared_packages(texts))
        if not faults:
            return None
        report, named = read_report(output), "; ".join(each.message for each in faults[:5])
        if report is not None and report.passed:
            announce("note", f"{named}. The tests that need it cannot pass here.", subject="environment")
            return None
        announce("note", tail(output, 2_000), subject="environment")
        return faults[0].refusal(
            f"{named}. No change of the code can help there; the command printed:\n{tail(output, 1_200)}",
            hint="Set its environment up: signoff sandbox setup (docs/sandbox.md, What the tests need).",
        )

    async def _plan(  # noqa: PLR0917
        self, state: PlanInput, spent: Spent, baseline: CommandRun, context: str, cited: tuple[str, ...], team: int
    ) -> tuple[Plan, tuple[Message, ...], Spent]:
        task, errand = state["task"], selection(state, spent=spent)
        model = await self.roster.model("planner", errand) if task.pipeline else None
        if await self.roster.model("coder", errand) is None and baseline.ok:
            raise Refused(
                "The acceptance command passes already, and without a model there is nothing else to go by.",
                code="no_failing_test",
                hint="Add a test that fails until the work is done, name it with --accept, or configure a model.",
            )
        if model is None or (len(task.text) <= SMALL_TASK and not baseline.ok and not team):
            return one_step(task, state["expert"], cited), (), Spent()
        messages = await self.prompt.render(
            state["run"],
            expert=self.roster.expert_prompt(state["expert"]),
            base=state["pinned"].commit[:12],
            context=context,
            task=task.text,
            accept=task.accept,
            baseline="" if baseline.ok else tail(plain(baseline)),
            team=team,
        )
        now, settings = self.clock(), self.roster.settings("planner")
        ensure_within(task.budget, spent, started_at=task.received_at, now=now)  # else nobody could follow the plan
        reply = await consult(model, messages, Plan, settings=settings, task=task, spent=spent, now=now)
        answer, used = Message(role="assistant", content=as_json(reply.value)), spent_on(reply.usage)
        try:
            plan = check_plan(reply.value)
        except Refused as error:
            if not team:  # steps that are done one after the other rarely have an order to be wrong about
                raise
            announce("note", f"The plan is no order of work: {error.message} It is asked for again.", subject="team")
            again = Message(role="user", content=f"{error.message} {error.hint} Answer with the whole plan again.")
            messages, spent = (*messages, answer, again), spent + used
            reply = await consult(model, messages, Plan, settings=settings, task=task, spent=spent, now=self.clock())
            answer, used = Message(role="assistant", content=as_json(reply.value)), used + spent_on(reply.usage)
            plan = check_plan(reply.value)
        # The word on what proves the change stays with the person who asked.
        instructions = [each for each in cited if each.endswith(INSTRUCTIONS)]
        plan = replace(
            plan,
            acceptance=task.accept,
            expert=state["expert"],
            context_used=tuple(dict.fromkeys((*instructions, *reply.value.context_used)))[:40],
        )
        return plan, (*messages, answer), used


def one_step(task: Task, expert: str, cited: tuple[str, ...]) -> Plan:
    """Return the plan of a task too small to think long about."""
    step = Step(id="change", title=task.text.splitlines()[0][:200], detail=task.text)
    return Plan(expert=expert, goal=task.text, context_used=cited, steps=(step,), acceptance=task.accept)
