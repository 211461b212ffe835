"""Hand the work over, exactly once, exactly what was signed (G1, G2)."""

from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict

from langchain_core.messages import AIMessage

from approvals import Ballots, action_digest
from domain import Action, Ending, Proof, Refused, Review, Task
from nodes._commands import beside_base, listed
from nodes._events import announce
from sandbox import Delivered, Delivery, Pinned, Snapshot


class DeliverInput(TypedDict):
    run: str
    org: str
    task: Task
    pinned: Pinned
    snapshot: Snapshot
    action: Action
    ballot: str
    proof: Proof
    review: NotRequired[Review | None]


class DeliverUpdate(TypedDict):
    delivered: Delivered
    ending: Ending
    messages: list[AIMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverer:
    """Use the approval up, then act. An interrupted delivery is checked against the world before it is repeated."""

    delivery: Delivery
    ballots: Ballots

    async def __call__(self, state: DeliverInput) -> DeliverUpdate:
        # The digest is taken again from what is about to be delivered, never from the ballot.
        pinned = state["pinned"]
        about_to = replace(state["action"], content=state["snapshot"].tree, base_commit=pinned.commit)
        if state["task"].deliver != "patch":
            about_to = replace(about_to, target=pinned.repo)
        await self._consume(state, action_digest(about_to))
        delivered = await self._deliver(state, about_to)
        await self.ballots.executed(state["ballot"], state["org"])
        announce("delivered", delivered.ref or delivered.kind, what=delivered.kind, commit=delivered.commit)
        answer = _answer(state, delivered)
        ending = Ending(status="delivered", message=_where(delivered), answer_markdown=answer)
        return {"delivered": delivered, "ending": ending, "messages": [AIMessage(content=answer)]}

    async def _consume(self, state: DeliverInput, digest: str) -> None:
        try:
            await self.ballots.consume(state["ballot"], state["org"], digest)
        except Refused as error:
            # Consumed by this very delivery before a crash: the ballot is this run's alone, and what
            # follows looks at the world first. Anything else is refused.
            if error.stable_code != "already_consumed":
                raise
            ballot = await self.ballots.get(state["ballot"], state["org"])
            if ballot.action_digest != digest or ballot.run != state["run"]:
                raise

    async def _deliver(self, state: DeliverInput, action: Action) -> Delivered:
        run, pinned, tree = state["run"], state["pinned"], state["snapshot"].tree
        at = state["task"].received_at
        assert at is not None  # noqa: S101  receive sets it
        if action.tool == "patch":
            return await self.delivery.patch(run, pinned, tree)
        message = str(action.arguments["message"])
        if action.tool == "branch":
            return await self.delivery.branch(run, pinned, tree, message, str(action.arguments["branch"]), at=at)
        return await self.delivery.commit(run, pinned, tree, message, at=at)


def _where(delivered: Delivered) -> str:
    if delivered.kind == "patch":
        return "The patch is ready."
    return f"Commit {delivered.commit[:12]} on {delivered.ref}."


def _answer(state: DeliverInput, delivered: Delivered) -> str:
    review, proof = state.get("review"), state["proof"]
    counts = f" ({proof.report.summary})" if proof.report else ""
    taking = f" Take it over with `git merge {delivered.ref}`." if delivered.kind == "branch" else ""
    beside = [each for each in state["snapshot"].left_out if each.how != "ignored"]
    lines = [
        review.final_answer_markdown if review else "",
        (
            f"**Proof:** `{proof.command}` → exit code {proof.run.code}{counts}, on a clean checkout of tree "
            f"`{proof.tree[:12]}`." + "".join(f" {line[:1].upper()}{line[1:]}." for line in beside_base(proof))
        ),
        ""
        if proof.base is None or proof.red_first
        else "**Nothing proves the change:** the command passes without it, too.",
        f"**Delivered:** {_where(delivered)}{taking}",
        f"**Left out,** because commands made it and nobody asked for it: {listed(beside)}." if beside else "",
    ]
    return "\n\n".join(line for line in lines if line)
