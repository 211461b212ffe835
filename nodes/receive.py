"""Take a task in: check it, pin what it is about, find out how it will be judged, and set up what it needs."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, NotRequired, TypedDict

from langgraph.config import get_config
from pydantic import TypeAdapter, ValidationError

from domain import MANIFESTS, Exhausted, Refused, Spent, Task, below, ensure_within, find_acceptance, run_in
from models import SelectionContext
from nodes._environment import EnvironmentSetup
from nodes._events import announce
from nodes._masking import Masks
from nodes._models import Clock, Roster
from nodes._rating import workspace_policy
from sandbox import Pinned, Store, Texts, bring

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Pin the base commit, choose the expert, find the acceptance command, set the environment up."""

    store: Store
    masks: Masks
    roster: Roster
    clock: Clock
    set_up: EnvironmentSetup

    async def __call__(self, state: ReceiveInput) -> ReceiveUpdate:
        # A LangGraph client names no run: its thread is the run.
        run = state.get("run") or str(get_config().get("configurable", {})["thread_id"])
        task = _checked(state["task"])
        received_at = task.received_at or self.clock()
        pinned = await self._pinned(task, run, received_at)
        empty = tuple(str(each) for each in await bring(self.store, run, pinned) if not each.present)
        for each in empty:
            announce("note", each[:1].upper() + each[1:], code="submodule_missing")
        paths = await self.store.files(run, pinned.tree)
        await workspace_policy(self.store, run)  # a mistake in it is told now, not in the middle of the run
        expert = task.expert or self.roster.choose_expert(task.text, paths)
        self.roster.expert_prompt(expert)  # an unknown expert is refused here, not in the middle of the run
        org = state.get("org") or "local"
        await self.roster.admit(SelectionContext(run=run, org=org, task=task, tree=pinned.tree, expert=expert))
        accept = task.accept or await self._found(run, pinned, paths)
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

    async def _found(self, run: str, pinned: Pinned, paths: tuple[str, ...]) -> str:
        for folder in dict.fromkeys((pinned.folder, "")):
            within = below(paths, folder)
            manifests = await Texts(self.store, run).views(
                pinned.tree, [str(PurePosixPath(folder, name)) for name in MANIFESTS if name in within]
            )
            manifests = {path.rsplit("/", 1)[-1]: text for path, text in manifests.items()}
            # A folder without a manifest is a part of the project around it, not a project of its own.
            if (manifests or not folder) and (command := find_acceptance(within, manifests)):
                return run_in(command, folder, within)
        raise Refused(
            "No acceptance command was given and none was found in the repository.",
            code="acceptance_not_found",
            hint="Name the command that proves the change: --accept 'python3 -m pytest -q'.",
        )


def _checked(task: Any) -> Task:
    """Accept a task as a client may send it: as a value, or as plain JSON."""
    if isinstance(task, Task):
        return task
    try:
        return _TASK.validate_python(task)
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise Refused(
            f"The task is not valid: {what}",
            code="task_invalid",
            hint='Send {"text": …, "repo": …}; see docs/cli.md for the other fields.',
        ) from error
