"""Deliver the work, exactly once, exactly what was signed (G1, G2)."""

from dataclasses import dataclass, replace
from typing import NotRequired, TypedDict

from langchain_core.messages import AIMessage

from approvals import Ballots, action_digest
from domain import Action, Ending, Refused, Review, Spent, Task
from domain.evidence import Proof
from domain.team import Team
from domain.work import PublishTarget
from nodes._commands import beside_base, listed
from nodes._events import announce
from nodes.publishing import Publisher, PublishOrder, destination
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
    spent: Spent
    review: NotRequired[Review | None]
    target: NotRequired[PublishTarget | None]
    published: NotRequired[Delivered | None]
    team: NotRequired[Team | None]


class DeliverUpdate(TypedDict):
    delivered: Delivered
    published: NotRequired[Delivered]
    ending: Ending
    messages: list[AIMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliverer:
    """Use the approval up, then act. An interrupted delivery is checked against the world before it is repeated."""

    delivery: Delivery
    ballots: Ballots
    publisher: Publisher

    async def __call__(self, state: DeliverInput) -> DeliverUpdate:
        # The digest is taken again from what is about to be delivered, never from the ballot.
        run, pinned, target = state["run"], state["pinned"], state.get("target")
        about_to = replace(state["action"], content=state["snapshot"].tree, base_commit=pinned.commit)
        if state["task"].deliver != "patch":
            about_to = replace(about_to, target=destination(pinned, target))
        digest, ballot, org = action_digest(about_to), state["ballot"], state["org"]
        try:
            consumed = await self.ballots.consume(ballot, org, digest)
        except Refused as error:
            # Consumed by this very delivery before a crash: the ballot is this run's alone, and what
            # follows looks at the world first. Anything else is refused.
            if error.stable_code != "already_consumed":
                raise
            consumed = await self.ballots.get(ballot, org)
            if consumed.action_digest != digest or consumed.run != run:
                raise
        tree, tool = state["snapshot"].tree, about_to.tool
        message = "" if tool == "patch" else str(about_to.arguments["message"])
        # The commit's time is the task's: made again after a crash it is the same commit, not another one.
        at = state["task"].received_at
        assert at is not None  # noqa: S101  receive sets it
        if tool == "patch":
            delivered = await self.delivery.patch(run, pinned, tree)
        elif tool == "branch":
            name = str(about_to.arguments["branch"])
            delivered = await self.delivery.branch(run, pinned, tree, message, name, at=at)
        elif target is not None:
            published = state.get("published")
            order = PublishOrder(
                run=run,
                tree=tree,
                action=about_to,
                ballot=consumed,
                proof=state["proof"],
                spent=state["spent"],
                at=at,
                task=state["task"],
                published=published if target.forge else None,
            )
            delivered = await self.publisher(order, target, pinned)
        else:
            delivered = await self.delivery.commit(run, pinned, tree, message, at=at)
        # Only now: a crash before it leaves a ballot that says "consumed", and the delivery is looked for again.
        await self.ballots.executed(ballot, org)
        announce(
            "delivered",
            delivered.ref or delivered.kind,
            what=delivered.kind,
            commit=delivered.commit,
            **({"url": delivered.url} if delivered.url else {}),
        )
        answer = final_answer(state, delivered)
        ending = Ending(status="delivered", message=_where(delivered), answer_markdown=answer)
        update: DeliverUpdate = {"delivered": delivered, "ending": ending, "messages": [AIMessage(content=answer)]}
        # What a refinement goes on top of.
        return {**update, "published": delivered} if delivered.repository else update


def _where(delivered: Delivered) -> str:
    if delivered.kind == "patch":
        return "The patch is ready."
    if delivered.kind == "pr":
        return f"Pull request {delivered.url} with commit {delivered.commit[:12]} on {delivered.ref}."
    if delivered.kind == "deploy":
        return f"Commit {delivered.commit[:12]} on {delivered.ref}, and its deployment was asked for."
    return f"Commit {delivered.commit[:12]} on {delivered.ref}."


def team_lines(team: Team | None) -> str:
    """Who did what, and where each branch is kept; empty: one coder did it all."""
    if team is None or not (workers := (*team.earlier, *team.workers)):
        return ""
    lines = ["**Team:** every branch is kept in the run's content store, as the tree that is named."]
    for each in workers:
        came = f"landed as number {each.order}" if each.status == "landed" else each.status
        back = f", {each.returns} times sent back" if each.returns else ""
        note = f": {' '.join(each.note.split())[:200]}" if each.status != "landed" and each.note else ""
        lines.append(f"* `{each.id}` ({each.role}), {each.taken} turns, {came}{back}, branch `{each.tree[:12]}`{note}")
    return "\n".join(lines)


def final_answer(state: DeliverInput, delivered: Delivered) -> str:
    """The run's answer in Markdown: the reviewer's words, the proof and its limits, what was delivered and left out."""
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
        team_lines(state.get("team")),
        f"**Left out,** because commands made it and nobody asked for it: {listed(beside)}." if beside else "",
    ]
    return "\n\n".join(line for line in lines if line)
