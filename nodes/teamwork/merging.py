"""Merge queue: branches that are done, put on the trunk together where they touch other files, and proved there.

A merge decides nothing by itself: what it came to is read by the visit of the team that takes it in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from opentelemetry.trace import Tracer

from domain import CommandRun, SignoffError, Spent, Transient
from domain.acceptance import environment, seconds_after
from domain.evidence import compared_with_baseline
from domain.limits import ATTEMPTS, seconds_before
from domain.reports import read_report
from domain.team import Team, TeamWorker, regressions, unfinished
from models import Message, PromptSource
from nodes._commands import clip, ending, plain, run_command
from nodes._events import announce
from nodes._masking import Masks
from nodes.coder.transcript import cut_output
from nodes.teamwork.slices import Board, TeamInput
from sandbox import REPO, Snapshot, Store, Workspaces

DIFF_CHARS, CONFLICT_CHARS = 12_000, 6_000
SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchMerge:
    """What became of the branches that were merged together."""

    workers: tuple[str, ...]
    """Those whose branches are in the tree."""
    trunk: str
    """The tree they were put on."""
    tree: str
    ok: bool = False
    """The acceptance command says nothing against it."""
    run: CommandRun | None = None
    broken: tuple[str, ...] = ()
    """Tests that pass on the trunk and fail with the branches."""
    last: bool = False
    """Nothing is left after them: the acceptance command has to pass."""
    conflicts: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Of those that are not in the tree: what could not be merged, by path."""
    marked: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Of those that are not in the tree: files with the marks of a conflict from before."""
    trees: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where the author goes on, of those that are not in the tree."""
    spent: Spent = field(default_factory=Spent)
    error: SignoffError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeQueue:
    """Merges branches in the content store, and runs the acceptance command on what comes of it."""

    store: Store
    workspaces: Workspaces
    masks: Masks
    prompt: PromptSource
    tracer: Tracer
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def __call__(self, state: TeamInput, team: Team, batch: Sequence[TeamWorker], trunk: Snapshot) -> BranchMerge:
        """Put the branches of a batch on the trunk and prove them together; again after what may get better."""
        attempt = 1
        while True:
            try:
                merge = await self.put_together(state["run"], batch, trunk)
                return await self.proved(state, team, merge) if merge.workers else merge
            except SignoffError as error:
                wait = seconds_before(error, attempt) if isinstance(error, Transient) and attempt < ATTEMPTS else None
                if wait is None:
                    return BranchMerge(workers=(), trunk=trunk.tree, tree=trunk.tree, error=error)
            await self.pause(wait)
            attempt += 1

    async def put_together(self, run: str, batch: Sequence[TeamWorker], trunk: Snapshot) -> BranchMerge:
        """Put the branches on the trunk, one after the other; those that cannot be are named."""
        tree = trunk.tree
        conflicts, marked, trees = dict[str, Mapping[str, str]](), dict[str, tuple[str, ...]](), dict[str, str]()
        inside: list[str] = []
        for each in batch:
            merged = await self.store.merged(run, each.base, tree, each.tree)
            left = await self.store.marked(run, each.tree, each.touched) if each.returns else ()
            if merged.conflicts or left:
                # On the trunk alone: what the others of this batch bring is not decided yet.
                own = merged if tree == trunk.tree else await self.store.merged(run, each.base, trunk.tree, each.tree)
                trees[each.id] = own.tree
                conflicts[each.id] = own.conflicts or merged.conflicts
                marked[each.id] = left
            else:
                tree = merged.tree
                inside.append(each.id)
        return BranchMerge(
            workers=tuple(inside), trunk=trunk.tree, tree=tree, conflicts=conflicts, marked=marked, trees=trees
        )

    async def proved(self, state: TeamInput, team: Team, merge: BranchMerge) -> BranchMerge:
        run, task, baseline = state["run"], state["task"], state["baseline"]
        command, masker = task.accept or "", await self.masks(run)
        announce("note", f"Merged, and to be proved: {', '.join(merge.workers)}", subject="merge", tree=merge.tree)
        verify = partial(
            self.workspaces.verify,
            run,
            merge.tree,
            command,
            timeout_s=max(SECONDS, seconds_after(baseline)),
            env=environment(await self.store.files(run, merge.tree), REPO),
            profile=task.profile,
        )
        ran = clip(await run_command(self.tracer, command, verify, masker=masker, clean_checkout=True))
        before = team.trunk_run or baseline
        batch = [each for each in team.workers if each.id in merge.workers]
        steps = {each.step for each in batch}
        last = {step.id for step in unfinished(state["plan"], team)} <= steps
        broken = regressions(before, ran, (plain(before), plain(ran)))
        return replace(
            merge,
            run=ran,
            ok=finished(state, ran, told=all(each.returns for each in batch))
            if last
            else acceptable(before, ran, broken),
            broken=broken or (),
            last=last,
            spent=Spent(sandbox_seconds=ran.duration_ms / 1_000),
        )

    async def returned(
        self, state: TeamInput, board: Board, worker: TeamWorker, merge: BranchMerge
    ) -> tuple[Snapshot, tuple[Message, ...], str]:
        """What the author of a branch that was not merged goes on with: files, conversation, and why in one line."""
        run, masker = state["run"], await self.masks(state["run"])
        conflicts, marked = merge.conflicts.get(worker.id, {}), merge.marked.get(worker.id, ())
        ran = merge.run if worker.id in merge.workers else None
        tree = merge.tree if ran is not None else merge.trees[worker.id]
        landed = masker.text(await self.store.diff(run, worker.base, merge.trunk))
        rendered = await self.prompt.render(
            run,
            conflicts=[(path, masker.text(text)[:CONFLICT_CHARS]) for path, text in sorted(conflicts.items())[:10]],
            marked=", ".join(marked[:20]),
            run=None
            if ran is None
            else {"command": ran.command, "ending": ending(ran), "output": cut_output(plain(ran))},
            broken=", ".join(merge.broken[:20]) if ran is not None else "",
            last=merge.last and ran is not None,
            landed=landed if len(landed) <= DIFF_CHARS else f"{landed[:DIFF_CHARS]}\n… more is left out",
        )
        why = f"conflicts in {', '.join(sorted(conflicts)[:5])}" if conflicts else ""
        why = why or (f"marks of a conflict in {', '.join(marked[:5])}" if marked else "")
        if not why and ran is not None:
            why = f"{ran.command}: {ending(ran)}" + (f"; broken: {', '.join(merge.broken[:5])}" if merge.broken else "")
        snapshot = await self.on_top(run, board.snapshots[board.place(worker.id)], tree, f"{worker.id}.returned")
        return snapshot, answered(board.transcripts[board.place(worker.id)], rendered), why[:2_000]

    async def on_top(self, run: str, branch: Snapshot, tree: str, label: str) -> Snapshot:
        """The files of another tree, with what commands left beside them in the branch: packages stay installed."""
        repo, home = await self.store.parts(run, branch.full)
        paths = await self.store.changed(run, branch.tree, tree)
        return await self.store.keep(run, label, (tree, await self.store.with_files(run, repo, tree, paths), home), b"")


def finished(state: TeamInput, ran: CommandRun, *, told: bool) -> bool:
    """Whether the acceptance command passes on the whole, as the proof of any run is judged.

    What fails as before is the last author's to look at; once ``told``, one that says "done" again has decided that it
    is none of the task.
    """
    if ran.ok or not told:
        return ran.ok
    base, task = state["baseline"], state["task"]
    compared = compared_with_baseline(
        (base, read_report(plain(base))), (ran, read_report(plain(ran))), asked=f"{task.text}\n{task.accept or ''}"
    )
    return compared is not None and compared.harmless and bool(compared.fixed)


def acceptable(before: CommandRun, after: CommandRun, broken: tuple[str, ...] | None) -> bool:
    """Whether a branch may land before the last one: it breaks nothing that works. Pure."""
    if after.ok:
        return True
    if before.ok or after.ended != "exit":
        return False
    # Red before and after, and no test named: nothing speaks against it, and the last branch has to make it green.
    return not broken


def answered(transcript: tuple[Message, ...], words: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation with an answer to what was said last: to its call, where it was one. Pure."""
    text = "\n\n".join(message.content for message in words)
    version = words[0].prompt if words else ""
    calls = transcript[-1].tool_calls if transcript and transcript[-1].role == "assistant" else ()
    if not calls:
        return (*transcript, Message(role="user", content=text, prompt=version))
    return (
        *transcript,
        *(
            Message(
                role="tool",
                content=text if number == 0 else "Not done: one call a turn.",
                prompt=version if number == 0 else "",
                tool_call_id=call.id,
            )
            for number, call in enumerate(calls)
        ),
    )
