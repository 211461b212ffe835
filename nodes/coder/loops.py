"""Candidate loops: several loops of the coder work on the same plan, and evidence chooses one of them (F4).

They work one after the other, each on a fork of its own and with the channels of the state as its own: a turn is a
visit and a checkpoint as ever, and when two agree no other one begins. What a loop came to is parked in the state; it
is run with the tests of the others, and they with its tests.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from domain import Exhausted, Refused, Spent
from domain.coder import CoderTurn
from domain.evidence import Candidate
from domain.limits import LOOP, NO_ACTION, TURNS_SPENT, ensure_within, share_of, verdict_on
from domain.progress import CandidateLoop, Selection, working
from domain.reports import read_report
from domain.weakening import is_test
from domain.work import ready
from models import Message, PromptSource, passes_everything, worst_case
from models.ranking import agreeing, best_loop, tied_loops
from nodes._commands import plain
from nodes._events import announce
from nodes._models import Clock, Roster, selection
from nodes.coder.candidate_runs import with_results
from nodes.coder.changes import ChangeRunner
from nodes.coder.crossing import CrossedTests
from nodes.coder.judge import judge, rated
from nodes.coder.repairing import LoopRepair
from nodes.coder.slices import ExecuteInput, ExecuteUpdate, accept_of
from nodes.coder.transcript import recorded
from nodes.coder.turns import CoderLoop
from sandbox import Snapshot

SEVERAL = 2
FEWEST_TURNS = 4
"""Of a loop that comes to anything: it looks, changes, runs, and is done."""
STOPPED = {
    LOOP: "It went in circles.",
    TURNS_SPENT: "Its turns went by without an edit.",
}
Work = Callable[[ExecuteInput], Awaitable[ExecuteUpdate]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateLoops:
    """Lets candidates work in turn, and takes the one with the best evidence."""

    changes: ChangeRunner
    roster: Roster
    loop: CoderLoop
    judging: PromptSource
    clock: Clock
    repair_seconds: float = 60.0

    async def planned(self, state: ExecuteInput) -> ExecuteUpdate:
        """As many loops as the strategy wants and the budget can pay; decided once in a run, before anything is asked.

        Those that cannot be paid are refused by name, and a single one that is left is no candidate.
        """
        if state.get("loops") is not None or state["done"] or state.get("turns") or state.get("transcript"):
            return {}
        loops = await self.roster.loops(selection(state))
        if len(loops) < SEVERAL:
            return {"loops": ()}
        task, spent = state["task"], state["spent"]
        prompt = await self.loop.first_prompt(state, ready(state["plan"], state["done"])[0], "text")
        each = FEWEST_TURNS * worst_case(prompt, self.roster.settings("coder"), rounds=1).tokens
        left = task.budget.max_tokens - spent.tokens_in - spent.tokens_out
        paid = min(len(loops), left // each, (task.budget.max_steps - spent.steps) // FEWEST_TURNS)
        if paid < len(loops):
            announce(
                "note",
                f"The budget has room for {max(1, paid)} of {len(loops)} candidates: each needs {each:,} tokens and "
                f"{FEWEST_TURNS} steps at least. For all of them: --max-tokens {len(loops) * each} or more.",
                code="candidates_unpaid",
            )
        if paid < SEVERAL:
            return {"loops": ()}
        unpaid = f"Refused before it began: the budget pays for {paid} of {len(loops)} candidates."
        refused = (
            replace(loop, candidate=Candidate(id=loop.id, provider=_name(loop), note=unpaid)) for loop in loops[paid:]
        )
        return {
            "loops": (self._allotted(state, loops[0], paid), *loops[1:paid], *refused),
            "loop_snapshots": (state["snapshot"],),
            "loop_transcripts": (),
        }

    async def __call__(self, state: ExecuteInput, work: Work) -> ExecuteUpdate:
        """One visit: a turn of the loop that works, or what follows from its end."""
        loop = working(state.get("loops", ()))
        assert loop is not None  # noqa: S101  asked for only while one works
        reason = ending_of(state)
        if reason is not None:
            return await self._parked(state, loop, reason)
        bounded: ExecuteInput = {**state, "task": replace(state["task"], budget=loop.budget or state["task"].budget)}
        try:
            task = bounded["task"]
            ensure_within(task.budget, state["spent"], started_at=task.received_at, now=self.clock())
            update = await work(bounded)
        except (Exhausted, Refused) as error:
            # Unless the run has another one: to begin, to be chosen, or to wait for a signature.
            if error.stable_code == "run_killed" or not any(
                each.candidate is None or passes_everything(each.candidate) or each.pending or each.question
                for each in state.get("loops", ())
                if each.id != loop.id
            ):
                raise
            return await self._parked(state, loop, f"It ended: {error.message}")
        if "loops" in update:  # the model answers at once, after all
            return update
        if (learnt := update.get("task")) is not None:
            update["task"] = replace(learnt, budget=state["task"].budget)  # the run's own, and not the loop's share
        pending, question = update.get("pending"), update.get("question")
        if pending is None and question is None:
            return update
        # Nobody signs for several at once: it waits until the others have failed, and is then the only one.
        paused: ExecuteInput = {**state, **update}
        if question is not None:
            paused["turns"] = (*state.get("turns", ()), *map(recorded, update.get("attempts", ())))
        what = "; ".join(pending.change.cmd_instructions)[:300] if pending is not None else ""
        reason = f"It stopped at what needs a signature: {what or 'an edit'}" if pending else "It stopped to ask."
        return await self._parked(paused, replace(loop, pending=pending, question=question), reason)

    def _allotted(self, state: ExecuteInput, loop: CandidateLoop, parts: int) -> CandidateLoop:
        """The loop with its share of what is left; the last one has all of it."""
        task, spent = state["task"], state["spent"]
        waited = (self.clock() - task.received_at).total_seconds() if task.received_at else 0.0
        minutes = max(0.0, waited - spent.waited_seconds) / 60
        share = share_of(task.budget, spent, parts, minutes=minutes) if parts > 1 else None
        announce("note", f"{loop.id} begins.", candidate=loop.id, provider=_name(loop), temperature=loop.temperature)
        return replace(loop, budget=share, began=spent)

    async def _parked(self, state: ExecuteInput, loop: CandidateLoop, reason: str) -> ExecuteUpdate:
        """The loop ends: what it came to is kept, and the next one begins, or one of them is chosen."""
        parked = await self._evidence(state, loop, reason)
        loops = tuple(parked if each.id == loop.id else each for each in state.get("loops", ()))
        state = {
            **state,
            "loops": loops,
            "loop_snapshots": (*state.get("loop_snapshots", ()), state["snapshot"]),
            "loop_transcripts": (*state.get("loop_transcripts", ()), state.get("transcript", ())),
        }
        await self.changes.workspaces.leave(state["run"], loop.id)
        loops, used = await CrossedTests(changes=self.changes, clock=self.clock)(state, loops, parked)
        state = {**state, "loops": loops, "spent": state["spent"] + used}
        done = next(each for each in loops if each.id == loop.id)
        assert done.candidate is not None  # noqa: S101  it was parked with its evidence
        announce(
            "candidate_tried",
            done.candidate.provider,
            passed=passes_everything(done.candidate),
            id=loop.id,
            note=reason,
            tree=done.candidate.tree,
            crossed=[f"{each.tests_of}: {each.summary}" for each in done.candidate.crossed],
        )
        following = working(loops)
        if following is None or any(
            agreeing(done.candidate, other.candidate, red=_red(state))
            for other in loops
            if other.id != loop.id and other.candidate is not None
        ):
            return await self._concluded(state)
        parts = sum(each.candidate is None for each in loops)
        begun = self._allotted(state, following, parts)
        return {
            **_channels(CandidateLoop(id=""), _base(state), ()),
            "good": _base(state),
            "loops": tuple(begun if each.id == begun.id else each for each in loops),
            "loop_snapshots": state.get("loop_snapshots", ()),
            "loop_transcripts": state.get("loop_transcripts", ()),
            "spent": state["spent"],
        }

    async def _evidence(self, state: ExecuteInput, loop: CandidateLoop, reason: str) -> CandidateLoop:
        """What is known of a loop that ended. Its acceptance command ran in its last turn and is not run again."""
        base, tree = state["pinned"].tree, state["snapshot"].tree
        changed = await self.changes.store.numstat(state["run"], base, tree)
        evidence, finished = state.get("evidence", ()), not ready(state["plan"], state["done"])
        ran = evidence[-1].runs[-1] if evidence and evidence[-1].runs else None
        used, began = state["spent"], loop.began or state["spent"]
        candidate = Candidate(
            id=loop.id,
            provider=_name(loop),
            diff_lines=sum((each.added or 0) + (each.removed or 0) for each in changed),
            tokens=used.tokens_in + used.tokens_out - began.tokens_in - began.tokens_out,
            duration_ms=(used.sandbox_seconds - began.sandbox_seconds) * 1_000,
            note=reason,
            tree=tree,
        )
        if ran is not None and ran.command == state["baseline"].command:
            before, after = read_report(plain(state["baseline"])), read_report(plain(ran))
            candidate = with_results(candidate, before, ran, after)
        # What was seen before the last edit is no proof; that a red suite may stay red, the loop itself has seen to.
        candidate = replace(
            candidate,
            builds=candidate.builds or finished,
            reproduction_passed=finished,
            regression_passed=candidate.regression_passed or finished,
        )
        return replace(
            loop,
            candidate=candidate,
            done=state["done"],
            turns=state.get("turns", ()),
            evidence=evidence,
            tries=state.get("tries", 0),
            tests=tuple(each.path for each in changed if is_test(each.path))[:500],
        )

    async def _concluded(self, state: ExecuteInput) -> ExecuteUpdate:
        """The state with one of the loops as the only one: that with the best evidence, or the one that can go on."""
        loops, red, spent = state.get("loops", ()), _red(state), state["spent"]
        ended = [each.id for each in loops if each.began is not None]
        snapshots = dict(zip(ended, state.get("loop_snapshots", ())[1:], strict=True))
        transcripts = dict(zip(ended, state.get("loop_transcripts", ()), strict=True))
        waiting = next((each for each in loops if each.pending is not None or each.question is not None), None)
        if red and not any(map(passes_everything, _tried(loops))):
            first = best_loop(_tried(loops), red=red).winner.id
            repair = LoopRepair(changes=self.changes, roster=self.roster, seconds=self.repair_seconds)
            fixed = await repair(state, snapshots[first])
            if fixed is not None:
                loop, snapshot, used = fixed
                loops, spent = (*loops, loop), spent + used
                snapshots[loop.id] = snapshot
        candidates = _tried(loops)
        unread = [each for each in tied_loops(candidates, red=red) if passes_everything(each)]
        if len({each.tree for each in unread}) > 1:
            candidates, used = await self._judged(state, candidates, unread)
            spent += used
        ranked = best_loop(candidates, red=red)
        reason, winner = ranked.reason, next(each for each in loops if each.id == ranked.winner.id)
        passed = passes_everything(ranked.winner)
        if not passed and waiting is not None:
            winner, reason = waiting, f"{waiting.id} goes on alone: no other candidate passes everything."
        agreed = [each.id for each in candidates if each.id != winner.id and agreeing(each, ranked.winner, red=red)]
        if passed and agreed:
            reason = f"{reason} {', '.join(agreed)} agrees with it."
        announce("note", reason, winner=winner.id, candidates=[each.id for each in ranked.order])
        unbegun = (
            each.candidate or Candidate(id=each.id, provider=_name(each), note="Not begun: two others agree.")
            for each in loops
            if each.began is None
        )
        chosen = Selection(
            step=state["plan"].steps[-1].id,
            winner=winner.id,
            provider=_name(winner),
            reason=reason,
            candidates=(*ranked.order, *unbegun),
        )
        return {
            **_channels(winner, snapshots[winner.id], () if passed else transcripts.get(winner.id, ())),
            "good": snapshots[winner.id] if passed else _base(state),
            "pending": winner.pending,
            "question": winner.question,
            "choices": (*state.get("choices", ()), chosen),
            "loops": (),
            "loop_snapshots": (),
            "loop_transcripts": (),
            "spent": spent,
        }

    async def _judged(
        self, state: ExecuteInput, candidates: Sequence[Candidate], unread: Sequence[Candidate]
    ) -> tuple[list[Candidate], Spent]:
        """The candidates, those at the top rated by a reader, where the run has one."""
        reader = await judge(state, self.roster, self.judging, self.clock, accept=accept_of(state))
        if reader is None:
            return list(candidates), Spent()
        base, masker = state["pinned"].tree, await self.changes.masks(state["run"])
        shown = [(each, masker.text(await self.changes.store.diff(state["run"], base, each.tree))) for each in unread]
        judged = await reader.read(shown, Spent())
        return [rated(each, judged) for each in candidates], judged.spent


def ending_of(state: ExecuteInput) -> str | None:
    """Why the loop that works has come to its end; None: it has another turn. Pure."""
    if not ready(state["plan"], state["done"]):
        return "It is done, and its acceptance command passes."
    turns: tuple[CoderTurn, ...] = state.get("turns", ())
    if turns and verdict_on(turns) == NO_ACTION:
        return "It answered without an action again and again."
    # A single answer without an action has the same code.
    return STOPPED.get(turns[-1].code) if turns else None


def _base(state: ExecuteInput) -> Snapshot:
    """What every loop begins with."""
    return next(iter(state.get("loop_snapshots", ())), state["snapshot"])


def _tried(loops: Sequence[CandidateLoop]) -> list[Candidate]:
    return [each.candidate for each in loops if each.candidate is not None and each.began is not None]


def _channels(loop: CandidateLoop, snapshot: Snapshot, transcript: tuple[Message, ...]) -> ExecuteUpdate:
    """The channels of the state as a loop left them."""
    return {
        "attempts": (),
        "snapshot": snapshot,
        "transcript": transcript,
        "turns": loop.turns,
        "done": loop.done,
        "evidence": loop.evidence,
        "tries": loop.tries,
        "pending": None,
        "question": None,
        "verdict": None,
    }


def _red(state: ExecuteInput) -> bool:
    """Whether something failed before the change."""
    return not state["baseline"].ok


def _name(loop: CandidateLoop) -> str:
    return loop.provider or "coder"
