"""Tool calls of the coder: a tool of an MCP server, rated by the installation, signed where that is due, sent once.

What only reads and needs no signature is called at once; doing it again after a crash is harmless. Everything else goes
the way of a signature, also where nobody has to sign: its approval is used up before it is sent, so that a call whose
outcome was lost is never made again silently.
"""

from dataclasses import dataclass, replace
from functools import partial

from approvals import action_digest
from domain import Action, Refused, Risk, SignoffError
from domain.coder import UseAction
from domain.progress import Attempt, Pending
from nodes._events import announce
from nodes._rating import denied, rate, ruled
from nodes.coder.changes import ChangeRunner, refused
from nodes.coder.slices import ExecuteInput, ExecuteUpdate
from nodes.coder.transcript import cut_output, with_result
from tools import OfferedTool, PreparedCall, ToolResult, ToolServers, framed, shown_offers

_LOST = (
    "This call was begun, and then the process stopped: what came of it is not known. It was not made again. Look "
    "whether it was done, with a tool that reads, before you decide what to do."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalls:
    """Uses tools for the coder; only the host connects, and no sandbox sees a credential."""

    changes: ChangeRunner
    servers: ToolServers

    async def shown(self, state: ExecuteInput) -> str:
        """The tools that this run may use, quoted for a prompt; empty: none."""
        if not self.servers.allowed(state["org"]):
            return ""
        offers, problems = await self.servers.offered(state["run"], state["org"])
        for name, why in problems.items():
            announce("note", f"{name} cannot be used: {why}", code="tool_not_offered")
        masker = await self.changes.masks(state["run"])
        return masker.text(shown_offers(offers))

    async def __call__(self, state: ExecuteInput, attempt: Attempt, action: UseAction) -> ExecuteUpdate:
        """Do what the turn wants, or let it wait for its signature."""
        try:
            call = await self.servers.prepared(state["run"], state["org"], action.server, action.tool)
            risk = await self._rated(state, call.offer, action)
        except SignoffError as error:
            return await self._saved(state, refused(attempt, error))
        if (no := denied(risk)) is not None:
            return await self._saved(state, refused(attempt, no))
        if call.offer.rule.reads and not self.changes.require(risk.tier).humans:
            return await self._sent(state, attempt, call, action)
        pending = Pending(
            step=attempt.step,
            change=attempt.change,
            action=action_of(call.offer, action),
            risk=risk,
            provider=attempt.provider,
            turn=attempt.turn,
        )
        return {"pending": pending, "attempts": (), "spent": state["spent"], "verdict": None}

    async def signed(self, state: ExecuteInput, pending: Pending, action: UseAction) -> ExecuteUpdate:
        """Make the call that was approved: these bytes, and only where they were never sent before."""
        verdict, turn = state.get("verdict"), pending.turn
        assert turn is not None  # noqa: S101  only a turn calls a tool
        attempt = Attempt(step=pending.step, number=turn.number, provider=pending.provider, turn=turn)
        if verdict is None:
            raise Refused("This call waits for an approval.", code="approval_missing", hint="Approve it first.")
        ballot = await self.changes.ballots.get(verdict.ballot, state["org"])
        if ballot.run == state["run"] and ballot.state in {"consumed", "executed", "failed"}:
            # Used up by this very turn before a crash: what came of it was lost with the process.
            announce(
                "note",
                "A call of a tool was begun before, and what came of it is not known.",
                code="tool_outcome_unknown",
            )
            return await self._saved(state, with_result(attempt, _LOST, ok=False, code="tool_outcome_unknown"))
        try:
            call = await self.servers.prepared(state["run"], state["org"], action.server, action.tool)
        except SignoffError as error:  # nothing was sent, and the approval is as good as before
            return await self._saved(state, refused(attempt, error))
        # From what is about to be sent, never from the ballot: a tool that changed since is another action.
        digest = action_digest(action_of(call.offer, action))
        await self.changes.ballots.consume(verdict.ballot, state["org"], digest)
        update = await self._sent(state, attempt, call, action)
        await self.changes.ballots.executed(verdict.ballot, state["org"])
        return update

    def lookup(self, state: ExecuteInput) -> "Lookups | None":
        """For a coder that answers once: tools that only read and need no signature; None: there are no tools."""
        return Lookups(self, state) if self.servers.allowed(state["org"]) else None

    async def looked_up(self, state: ExecuteInput, action: UseAction) -> tuple[str, bool]:
        """What a look-up came to, and whether something was read."""
        try:
            call = await self.servers.prepared(state["run"], state["org"], action.server, action.tool)
            risk = await self._rated(state, call.offer, action)
        except SignoffError as error:
            return f"Not done: {error.message} {error.hint}".strip(), False
        if (no := denied(risk)) is not None:
            return f"Not done: {no.message}", False
        if not call.offer.rule.reads or self.changes.require(risk.tier).humans:
            return (
                "Not done: only what reads and needs no signature can be used before a change. Write the change.",
                False,
            )
        result = await self.called(state, call, action)
        return framed(call.offer.name, cut_output(result.text)), True

    async def _rated(self, state: ExecuteInput, offer: OfferedTool, action: UseAction) -> Risk:
        engine = await ruled(self.changes.engine, self.changes.store, state["run"])
        classify = partial(
            engine.tool,
            offer.name,
            action.arguments,
            tier=offer.rule.tier,
            reads=offer.rule.reads,
            tainted=state["task"].outside,
        )
        return await rate(self.changes.tracer, classify, tool=offer.name)

    async def _sent(
        self, state: ExecuteInput, attempt: Attempt, call: PreparedCall, action: UseAction
    ) -> ExecuteUpdate:
        """The turn with the answer. From now on the run has read text from outsiders."""
        result = await self.called(state, call, action)
        words = framed(call.offer.name, cut_output(result.text))
        update = await self._saved(state, with_result(attempt, words, ok=result.ok, code=result.code))
        return {**update, "task": replace(state["task"], outside=True)}

    async def called(self, state: ExecuteInput, call: PreparedCall, action: UseAction) -> ToolResult:
        """The answer of one call, masked, in a span and with events of its own."""
        await self.changes.ensure_alive(state)
        name, masker = call.offer.name, await self.changes.masks(state["run"])
        announce("tool_called", name, arguments=masker.text(action.arguments)[:2_000])
        with self.changes.tracer.start_as_current_span("tool.call") as span:
            result = await call.send(action.arguments)
            span.set_attributes(
                {
                    "gen_ai.operation.name": "execute_tool",
                    "gen_ai.tool.name": name,
                    "langfuse.observation.type": "tool",
                    "mcp.method.name": "tools/call",
                    "app.tool.ended": result.code or "ok",
                    "app.tool.ms": round(result.duration_ms, 3),
                    "app.tool.chars": len(result.text),
                }
            )
        announce("tool_answered", result.code or "ok", tool=name, ok=result.ok, ms=round(result.duration_ms))
        return replace(result, text=masker.text(result.text))

    async def _saved(self, state: ExecuteInput, attempt: Attempt) -> ExecuteUpdate:
        return await self.changes.saved(state, None, [attempt], state["spent"])  # no file was touched


@dataclass(slots=True)
class Lookups:
    """Look-ups of one answer; ``used`` once one of them read something."""

    calls: ToolCalls
    state: ExecuteInput
    used: bool = False

    async def __call__(self, action: UseAction) -> str:
        """See ``models.Lookup``."""
        words, read = await self.calls.looked_up(self.state, action)
        self.used = self.used or read
        return words


def action_of(offer: OfferedTool, action: UseAction) -> Action:
    """The canonical form of a call: server, tool, the very arguments, and what the tool said of itself."""
    return Action(
        tool="mcp",
        arguments={"server": offer.server, "tool": offer.tool, "arguments": action.arguments},
        target=f"MCP server {offer.server}",
        content=offer.pin,
    )
