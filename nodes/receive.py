"""Receive a task: check it, pin what it is about, find out how it will be judged, and set up what it needs."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, NotRequired, Protocol, TypedDict

from langgraph.config import get_config
from opentelemetry.trace import Tracer
from pydantic import TypeAdapter, ValidationError

from domain import Exhausted, Refused, Spent, Task
from domain.acceptance import MANIFESTS, below, find_acceptance, package_named, run_in
from domain.configuration import explained
from domain.limits import ensure_within
from domain.work import PublishTarget
from models import SelectionContext
from nodes._events import announce
from nodes._masking import Masks
from nodes._models import Clock, Roster
from nodes._rating import workspace_policy
from nodes.publishing import Publisher
from sandbox import Pinned, Store, Texts, bring
from sandbox.environments import Environments, Recipe, Setup, SetupProgress, lfs_pointers

_TASK = TypeAdapter(Task)


class ReceiveInput(TypedDict):
    run: NotRequired[str]
    org: NotRequired[str]
    task: Task


class ReceiveUpdate(TypedDict):
    run: str
    org: str
    task: Task
    pinned: Pinned
    expert: str
    spent: Spent
    round: int
    submodules: tuple[str, ...]
    target: PublishTarget | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSetup:
    """Sees that the packages of a repository are there before anything of it runs."""

    environments: Environments | None
    """None: the backend keeps none."""
    tracer: Tracer

    async def __call__(self, run: str, pinned: Pinned, paths: tuple[str, ...], *, seconds: float) -> float:
        """Set the environment of a run up, and return the seconds that building it took.

        What cannot be set up is told and no end of the run: its tests may need nothing of it. If they do, ``plan``
        names what is missing before a model is asked.
        """
        if self.environments is None:
            return 0.0
        recipe = await self.environments.recipe(run, pinned, paths)
        if recipe.empty:
            return 0.0
        if not self.environments.enabled:
            _told(
                f"Packages ({', '.join(recipe.languages)}) are not set up: no registry may be reached.",
                code="setup_off",
                hint="Allow it: SIGNOFF_SETUP_NETWORK (docs/sandbox.md, What the tests need).",
            )
            return 0.0
        with self.tracer.start_as_current_span(
            "environment.setup", record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                setup = await self.environments.prepare(
                    run, pinned, recipe, seconds=seconds, progress=announce_progress
                )
            except Refused as refusal:
                span.set_attribute("error.type", refusal.stable_code)
                _told(refusal.message, code=refusal.stable_code, hint=refusal.hint)
                return 0.0
            span.set_attributes(
                {
                    "app.environment.key": setup.key,
                    "app.environment.built": setup.built,
                    "app.environment.base": setup.base,
                    "app.environment.languages": ",".join(setup.languages),
                    "app.environment.collected": setup.collected,
                    "app.environment.bytes": setup.data_bytes,
                    "app.environment.ms": round(setup.seconds * 1_000, 3),
                }
            )
            if setup.code:
                span.set_attribute("error.type", setup.code)
        announce_setup(setup, recipe)
        return setup.seconds if setup.built or setup.code else 0.0


def announce_progress(now: SetupProgress) -> None:
    """Say which step begins."""
    announce(
        "note",
        f"Environment, step {now.step} of {now.steps}: {now.title}",
        subject="environment",
        step=now.step,
        steps=now.steps,
    )


def announce_setup(setup: Setup, recipe: Recipe) -> None:
    """Say what came of a set-up, and what of it did not work."""
    if setup.code:
        _told(setup.message, code=setup.code, hint=setup.hint)
        return
    how = f"built in {setup.seconds:.0f} s" if setup.built else "as it was built before"
    announce(
        "note",
        f"Environment: {', '.join(recipe.languages)}, {how}",
        subject="environment",
        key=setup.key,
        built=setup.built,
        seconds=round(setup.seconds, 3),
    )
    for step in setup.steps:
        if not step.ok:
            announce("note", f"{step.title} did not work ({step.reason}).", subject="environment", output=step.output)
    if not setup.collected:
        lacking = "; ".join(each.message for each in setup.missing[:5]) or "the test runner finds an error"
        announce("note", f"In the environment {lacking}.", subject="environment", output=setup.output)


def _told(message: str, *, code: str, hint: str) -> None:
    announce("note", message, subject="environment", code=code, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Pin the base commit, choose the expert, find the acceptance command, set the environment up."""

    store: Store
    masks: Masks
    roster: Roster
    clock: Clock
    set_up: EnvironmentSetup
    publisher: Publisher

    async def __call__(self, state: ReceiveInput) -> ReceiveUpdate:
        # A LangGraph client names no run: its thread is the run.
        run = state.get("run") or str(get_config().get("configurable", {})["thread_id"])
        task = checked_task(state["task"])
        received_at = task.received_at or self.clock()
        pinned = await self._pinned(task, run, received_at)
        target = await self.publisher.target(task, run, pinned)
        empty = tuple(str(each) for each in await bring(self.store, run, pinned) if not each.present)
        for each in empty:
            announce("note", each[:1].upper() + each[1:], code="submodule_missing")
        paths = await self.store.files(run, pinned.tree)
        if pointers := await lfs_pointers(self.store, run, pinned.tree, paths):
            named = f"{', '.join(pointers[:5])}{' …' if len(pointers) > 5 else ''}"  # noqa: PLR2004
            announce(
                "note",
                f"{len(pointers)} files are pointers of Git LFS, their content is not here: {named}",
                code="lfs_missing",
                hint="Tests that open them cannot pass: leave those out (--accept), or keep small files in git.",
            )
        if not pinned.folder and (package := package_named(task.text, paths)):
            pinned = self.store.focus(run, package)
            announce("note", f"The task is about the package {package}.", subject="package", folder=package)
        await workspace_policy(self.store, run)  # a mistake in it is told now, not in the middle of the run
        expert = task.expert or self.roster.choose_expert(task.text, paths)
        self.roster.expert_prompt(expert)  # an unknown expert is refused here, not in the middle of the run
        org = state.get("org") or "local"
        await self.roster.admit(SelectionContext(run=run, org=org, task=task, tree=pinned.tree, expert=expert))
        accept = task.accept or await acceptance_command(Texts(self.store, run), pinned, paths)
        task = replace(
            task, repo=pinned.repo, base=pinned.commit, accept=accept, expert=expert, received_at=received_at
        )
        masker, files = await self.masks.with_files(run)
        task = replace(task, text=masker.text(task.text))
        if files:
            names = ", ".join([masker.text(path) for path in files[:5]] + (["…"] if len(files) > 5 else []))  # noqa: PLR2004
            announce(
                "note", f"Secrets in {len(files)} files are masked for the models: {names}", subject="secrets_masked"
            )
        announce(
            "run_started", task.text, base=pinned.commit, accept=masker.text(accept), expert=expert, dirty=pinned.dirty
        )
        left = task.budget.max_minutes * 60 - (self.clock() - received_at).total_seconds()
        seconds = await self.set_up(run, pinned, paths, seconds=left)
        return {
            "run": run,
            "org": org,
            "task": task,
            "pinned": pinned,
            "expert": expert,
            "spent": Spent(sandbox_seconds=seconds),
            "round": 0,
            "submodules": empty,
            "target": target,
        }

    async def _pinned(self, task: Task, run: str, received_at: datetime) -> Pinned:
        """Copy the commit; a server that does not answer takes no more than the time of the run."""
        ensure_within(task.budget, Spent(), started_at=received_at, now=self.clock())
        left = task.budget.max_minutes * 60 - (self.clock() - received_at).total_seconds()
        try:
            async with asyncio.timeout(left):
                return await self.store.pin(run, task.repo, task.base)
        except TimeoutError as error:
            raise Exhausted(
                f"The repository could not be read within the run's time (minutes, limit {task.budget.max_minutes}).",
                hint="See whether it answers, then: signoff resume RUN --max-minutes N",
            ) from error


class TreeTexts(Protocol):
    """The texts of a tree, by path; ``sandbox.Texts`` is one."""

    async def views(self, tree: str, paths: Sequence[str]) -> Mapping[str, str]: ...


async def acceptance_command(texts: TreeTexts, pinned: Pinned, paths: Sequence[str]) -> str:
    """The command that manifests name: those of the folder that the task is about, then those at the top.

    Raises:
        Refused: ``acceptance_not_found``.
    """
    for folder in dict.fromkeys((pinned.folder, "")):
        within = below(paths, folder)
        present = [str(PurePosixPath(folder, name)) for name in MANIFESTS if name in within]
        manifests = {path.rsplit("/", 1)[-1]: text for path, text in (await texts.views(pinned.tree, present)).items()}
        # A folder without a manifest is a part of the project around it, not a project of its own.
        if (manifests or not folder) and (command := find_acceptance(within, manifests)):
            return run_in(command, folder, within)
    raise Refused(
        "No acceptance command was given and none was found in the repository.",
        code="acceptance_not_found",
        hint="Name the command that proves the change: --accept 'python3 -m pytest -q'.",
    )


def checked_task(task: Any) -> Task:
    """Accept a task as a client may send it: as a value, or as plain JSON.

    Raises:
        Refused: ``task_invalid``.
    """
    if isinstance(task, Task):
        return task
    try:
        return _TASK.validate_python(task)
    except ValidationError as error:
        raise Refused(
            f"The task is not valid: {explained(error)}",
            code="task_invalid",
            hint='Send {"text": …, "repo": …}; see docs/cli.md for the other fields.',
        ) from error
