"""The coder's loop: one visit is one turn, one turn is one action, asked for, rated, done and recorded.

Looking starts no container: files are read from the content store. What changes something or runs is rated first, and
above the automatic tier it waits for its signature, in the middle of the step.
"""

from dataclasses import dataclass, replace

from pydantic import ValidationError

from domain import CodeChange, Refused, Step
from domain.coder import (
    AskAction,
    CoderTurn,
    DoneAction,
    EditAction,
    OpenAction,
    OpenQuestion,
    RunAction,
    SearchAction,
    UseAction,
)
from domain.limits import ensure_within
from domain.progress import Attempt, working
from domain.work import ready
from models import Message, PromptSource, Question, Reply, worst_case
from models.contract import DialectName
from models.dialects import Reading, text, tools
from nodes._events import TextStream, announce
from nodes._models import Clock, Roster, ask_within_budget, selection, spent_on
from nodes.coder.changes import ChangeRunner, label_of
from nodes.coder.command_edits import take_command_edits
from nodes.coder.context import RecentTrees
from nodes.coder.edits import fitted
from nodes.coder.single import opening
from nodes.coder.slices import ExecuteInput, ExecuteUpdate
from nodes.coder.tool_calls import ToolCalls
from nodes.coder.transcript import cut_output, key_facts, subject_of, with_result
from sandbox import Deliverable


@dataclass(frozen=True, slots=True, kw_only=True)
class CoderLoop:
    """Takes one turn at the first step that is ready."""

    changes: ChangeRunner
    roster: Roster
    prompt: PromptSource
    clock: Clock
    trees: RecentTrees
    tools: ToolCalls

    async def __call__(self, state: ExecuteInput, dialect: DialectName) -> ExecuteUpdate:
        step = ready(state["plan"], state["done"])[0]
        transcript = state.get("transcript", ())
        turns = [turn for turn in state.get("turns", ()) if turn.step == step.id]
        if transcript:  # a conversation is held in the language it began in, whatever answers it now
            dialect = "tools" if tools.instructions() in transcript[0].content else "text"
        else:
            announce("step_started", step.title, step=step.id, attempt=state.get("tries", 0) + 1)
            transcript = await self.first_prompt(state, step, dialect)
        with self.changes.tracer.start_as_current_span("coder_turn") as span:
            reply, reading = await self._ask(state, dialect, step, transcript, len(turns) + 1)
            turn = CoderTurn(
                step=step.id,
                number=len(turns) + 1,
                action=reading.action,
                thought=reading.thought,
                ok=reading.action is not None,
                code=reading.code,
                hint=reading.ignored,
                call=reading.call,
                result="" if reading.action is not None else reading.correction,
            )
            attempt = Attempt(step=step.id, number=turn.number, provider=reply.model, model=reply.model, turn=turn)
            answer = Message(role="assistant", content=reply.value, tool_calls=reply.tool_calls)
            state = {**state, "spent": state["spent"] + spent_on(reply.usage)}
            if isinstance(turn.action, UseAction):
                update = await self.tools(state, attempt, turn.action)
            else:
                update = await self._perform(state, attempt)
            span.set_attributes(
                {
                    "langfuse.observation.type": "tool",
                    "gen_ai.tool.name": subject_of(turn)[0],
                    "app.turn": turn.number,
                    "app.step": step.id,
                    "app.turn.code": turn.code,
                }
            )
        return {**update, "transcript": (*transcript, answer)}

    async def first_prompt(self, state: ExecuteInput, step: Step, dialect: DialectName) -> tuple[Message, ...]:
        """What the conversation about a step begins with."""
        spoken = tools if dialect == "tools" else text
        expert, context = self.roster.expert_prompt(state["expert"]), await opening(self.changes, state, step)
        offered = await self.tools.shown(state)
        form = f"{spoken.instructions()}\n\n{spoken.use_instructions()}" if offered else spoken.instructions()
        return await self.prompt.render(state["run"], expert=expert, form=form, tools=offered, **context)

    async def _ask(
        self, state: ExecuteInput, dialect: DialectName, step: Step, transcript: tuple[Message, ...], number: int
    ) -> tuple[Reply[str], Reading]:
        """One question, within the budget, and what its answer means."""
        task, settings, candidate = state["task"], self.roster.settings("coder"), working(state.get("loops", ()))
        provider = candidate.provider if candidate is not None else ""
        if candidate is not None and candidate.temperature is not None:
            settings = replace(settings, temperature=candidate.temperature)
        model = await self.roster.model("coder", selection(state), provider=provider)
        assert model is not None  # noqa: S101  without one there is no dialect to speak
        tokens = worst_case(transcript, settings, rounds=1).tokens
        ensure_within(task.budget, state["spent"], started_at=task.received_at, now=self.clock(), tokens=tokens)
        stream = TextStream(
            provider=model.name,
            id=".".join((*((candidate.id,) if candidate else ()), step.id, str(number))),
            form="prose",
        )
        earlier = [turn for turn in state.get("turns", ()) if turn.step != step.id]
        own = [turn for turn in state.get("turns", ()) if turn.step == step.id]
        question = Question(
            transcript,
            str,
            settings=settings,
            listener=stream.hear,
            tools=tools.schemas(use=tools.use_instructions() in transcript[0].content) if dialect == "tools" else (),
            facts=lambda answers: key_facts((*earlier, *own[:answers])),
        )
        try:
            reply = await ask_within_budget(model, question, task=task, spent=state["spent"], now=self.clock())
        finally:
            stream.flush()
        cut = reply.finish == "length"
        if dialect == "tools":
            return reply, tools.read(reply.value, reply.tool_calls, cut=cut)
        return reply, text.read(reply.value, cut=cut)

    async def _perform(self, state: ExecuteInput, attempt: Attempt) -> ExecuteUpdate:
        turn = attempt.turn
        assert turn is not None  # noqa: S101  every attempt of this loop is a turn
        match turn.action:
            case None | UseAction():
                pass  # an answer without an action: the correction is in the turn already
            case OpenAction() | SearchAction() as action:
                attempt = await self._look(state, attempt, action)
            case RunAction(command=command):
                try:
                    change = CodeChange(cmd_instructions=(command,))
                except ValidationError:
                    why = "The command is longer than 2,000 characters: write a script with an edit, and run that."
                    attempt = with_result(attempt, why, ok=False, code="command_too_long")
                    return await self.changes.saved(state, None, [attempt], state["spent"])
                return await self._carry_out(state, attempt, change)
            case EditAction(edits=edits):
                edit = await fitted(self.trees, state, edits)
                if not edit.nothing:
                    attempt = with_result(attempt, edit.explanation, ok=edit.problems == 0)
                    return await self._carry_out(state, attempt, edit.change)
                attempt = with_result(attempt, edit.explanation, ok=False, code="edit_does_not_apply")
            case DoneAction() as action:
                work = await self.changes.open(state)
                change = CodeChange(commit_message=action.message, notes=action.notes)
                attempt = replace(attempt, change=change, note=action.notes)
                if len({*state["done"], attempt.step}) == len(state["plan"].steps):
                    attempt = await self.changes.accepted(state, work, attempt)
                return await self.changes.saved(state, work, [attempt], state["spent"])
            case AskAction(question=words):
                announce("question_asked", words, step=attempt.step)
                question = OpenQuestion(
                    step=attempt.step,
                    turn=attempt.number,
                    text=words,
                    asked_at=self.clock(),
                    call=turn.call,
                )
                return {**await self.changes.saved(state, None, [attempt], state["spent"]), "question": question}
        return await self.changes.saved(state, None, [attempt], state["spent"])  # nothing there can have changed

    async def _look(self, state: ExecuteInput, attempt: Attempt, action: OpenAction | SearchAction) -> Attempt:
        """The attempt with what was opened or found; in the content store, no container is started for it."""
        files = await self.trees.of(state["run"], state["snapshot"].tree)
        try:
            if isinstance(action, OpenAction):
                seen = await files.explorer.open(action.path, action.first, action.last)
            else:
                seen = await files.explorer.search(action.query, action.where, action.how)
        except Refused as error:
            words = f"{error.message} {error.hint}".strip()
            return with_result(attempt, words, ok=False, code=error.stable_code)
        return with_result(attempt, cut_output(seen))

    async def _carry_out(self, state: ExecuteInput, attempt: Attempt, change: CodeChange) -> ExecuteUpdate:
        """Rate a change and do it, or let it wait for its signature."""
        work: Deliverable = await self.changes.open(state)
        attempt, risk = await self.changes.rated(state, work, attempt, change)
        if risk is not None:
            snapshot = await work.snapshot(label_of(state))
            pending = self.changes.pending(state, snapshot, work.workspace, attempt, risk)
            return {
                "pending": pending,
                "attempts": (),
                "snapshot": snapshot,
                "spent": state["spent"],
                "verdict": None,
            }
        if not attempt.refused:
            attempt = await self.changes.apply(state, work, attempt, attempt.change)
            attempt, waiting = await take_command_edits(self.changes, state, work, attempt)
            if waiting is not None:
                return waiting
        return await self.changes.saved(state, work, [attempt], state["spent"])
