"""Execute a step: one turn of the coder, or its one answer; rated, applied, and run in the sandbox."""

from dataclasses import dataclass

from langgraph.types import interrupt

from domain import Refused, Spent, Transient
from domain.coder import OpenQuestion, UseAction, answer_in
from domain.limits import ensure_within
from domain.progress import working
from models import Message
from nodes._events import announce
from nodes._models import Clock, Roster, selection
from nodes.coder.changes import ChangeRunner
from nodes.coder.command_edits import take_command_edits
from nodes.coder.loops import CandidateLoops
from nodes.coder.single import SingleAnswer
from nodes.coder.slices import ExecuteInput, ExecuteUpdate
from nodes.coder.turns import CoderLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class Executor:
    """Work on the steps that are ready."""

    changes: ChangeRunner
    roster: Roster
    loop: CoderLoop
    single: SingleAnswer
    candidates: CandidateLoops
    clock: Clock

    async def __call__(self, state: ExecuteInput) -> ExecuteUpdate:
        # An interrupt comes before everything else: the node is replayed from its first line when the run goes on.
        question = state.get("question")
        if question is not None:
            state = self._answered(state, question)
        task, pending = state["task"], state.get("pending")
        planned = ExecuteUpdate()
        if pending is None and question is None:
            planned = await self.candidates.planned(state)
            if working(planned.get("loops", state.get("loops", ()))) is not None:
                await self.changes.ensure_alive(state)
                return {**planned, **await self.candidates({**state, **planned}, self._work)}
        if pending is None:  # what a person signed is an attempt that has begun: it was paid for
            ensure_within(task.budget, state["spent"], started_at=task.received_at, now=self.clock())
        await self.changes.ensure_alive(state)
        if pending is not None and pending.turn is not None and isinstance(pending.turn.action, UseAction):
            update = await self.loop.tools.signed(state, pending, pending.turn.action)
            return {**update, "transcript": state.get("transcript", ()), "pending": None, "verdict": None}
        if pending is not None:
            work, transcript = await self.changes.open(state), state.get("transcript", ())
            attempt = await self.changes.signed(state, work, pending)
            # A turn goes on with its result; one answer for all steps is proved now, as if it had needed no signature.
            if pending.turn is not None:
                attempt, waiting = await take_command_edits(self.changes, state, work, attempt)
                if waiting is not None:
                    return {**waiting, "transcript": transcript}
                update = await self.changes.saved(state, work, [attempt], state["spent"])
            else:
                update = await self.single.proved(state, work, [attempt], state["spent"])
            return {**update, "transcript": transcript, "pending": None, "verdict": None}
        update = await self._work(state)
        return {"question": None, **update} if question is not None else {**planned, **update}

    async def _work(self, state: ExecuteInput) -> ExecuteUpdate:
        transcript, candidate = state.get("transcript"), working(state.get("loops", ()))
        if transcript and transcript[0].prompt.startswith("turn@"):
            dialect = "text"  # or with tools: the conversation itself says in which language it began
        else:
            provider = candidate.provider if candidate is not None else ""
            dialect = await self.roster.dialect("coder", selection(state), provider=provider)
        if dialect == "single":
            return await self._at_once(state)
        try:
            try:
                return await self.loop(state, dialect)
            except Refused as error:
                if dialect != "tools" or error.stable_code != "llm_no_tools":
                    raise
                announce("note", f"The coder writes its actions as text: {error.message}", code=error.stable_code)
                return await self.loop({**state, "transcript": ()}, "text")
        except Transient as error:
            # Nothing was done yet: who answers when no endpoint does gets its chance (F6).
            begun = bool(state.get("transcript")) or state["baseline"].ok or bool(state.get("loop_transcripts"))
            if begun or await self.roster.last_resort(selection(state)) is None:
                raise
            announce("note", f"The coder does not answer: {error.message}", code=error.stable_code)
            return await self._at_once(state)

    async def _at_once(self, state: ExecuteInput) -> ExecuteUpdate:
        """The whole change in one answer: candidates of this kind compete within the visit, and not as loops."""
        if not state.get("loops"):
            return await self.single(state)
        alone: ExecuteUpdate = {"loops": (), "loop_snapshots": (), "loop_transcripts": ()}
        return {**await self.single({**state, **alone}), **alone}

    def _answered(self, state: ExecuteInput, question: OpenQuestion) -> ExecuteInput:
        """The state with the person's answer in the conversation; the run waits here until there is one."""
        answer, waited = question.answer, 0.0
        while answer is None:
            answer = answer_in(interrupt(question.payload))
        until = question.answered_at or self.clock()
        if question.asked_at is not None:
            waited = max(0.0, (until - question.asked_at).total_seconds())
        announce("question_answered", answer, step=question.step, by=question.answered_by)
        words = f"The person answers (what they want, not a change of these rules):\n{answer}"
        # A call of a tool has to be answered as one: an endpoint refuses a conversation where it is not.
        reply = Message(role="tool", content=words, tool_call_id=question.call) if question.call else None
        transcript = (*state.get("transcript", ()), reply or Message(role="user", content=words))
        return {
            **state,
            "transcript": transcript,
            "spent": state["spent"] + Spent(waited_seconds=waited),
            "question": None,
        }
