"""Human in the loop, for LangGraph clients: what an interrupt shows, and what their resumes mean. Pure.

The payload is langchain's HITLRequest with one action, so that Studio, Agent Chat UI and Agent Inbox can
show it. Their answers carry no id and come in several shapes; what is not clearly a decision approves nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from approvals.ballot import Ballot, Decision, Terms
from approvals.digest import canonical
from approvals.errors import refusal
from approvals.rendering import one_line
from domain import Action, Refused, value
from domain.decision import Choice
from domain.identity import redacted

_MAX_COMMENT = 10_000
_NESTED = ("arguments", "environment")
"""Fields of an action that are no texts."""
_ACTION = TypeAdapter(Action)
_GRANT: TypeAdapter[Terms | None] = TypeAdapter(Terms | None)
Kind = Literal["approve", "reject", "edit", "none"]
_KINDS: dict[str, Kind] = {
    "approve": "approve",
    "accept": "approve",
    "reject": "reject",
    "respond": "reject",  # words instead of a yes: they go to replan as feedback
    "response": "reject",
    "ignore": "reject",
    "edit": "edit",
}


@value
class Resume:
    """A resume, understood. ``none``: not a decision, so nothing is approved."""

    kind: Kind = "none"
    comment: str = ""
    edited: Action | None = None
    action_digest: str = ""
    """What the sender says they saw; empty when their client does not say."""
    approval_id: str = ""
    grant: Terms | None = None
    """With an approval: the like of it, for the rest of the run."""


NOTHING = Resume()


def interrupt_payload(ballot: Ballot) -> dict[str, Any]:
    """What the graph pauses with."""
    args: dict[str, Any] = plain(replace(ballot.action, target=redacted(ballot.action.target)))
    request = {"name": ballot.action.tool, "args": args, "arguments": args, "description": description(ballot)}
    return {
        "action_requests": [request],
        "review_configs": [{"action_name": ballot.action.tool, "allowed_decisions": ["approve", "edit", "reject"]}],
        "approval_id": ballot.id,
        "action_digest": ballot.action_digest,
        "tier": ballot.tier,
        "expires_at": ballot.expires_at.isoformat(),
    }


def plain(action: Action) -> dict[str, Any]:
    """The complete canonical action as plain JSON data."""
    return TypeAdapter(dict[str, Any]).validate_json(canonical(action))


def description(ballot: Ballot) -> str:
    """Tier, reasons and digest in Markdown; the action itself stands beside it."""
    reasons = "\n".join(f"* {one_line(reason.message)} (`{reason.rule}`, {reason.tier})" for reason in ballot.reasons)
    needs = f"{ballot.requirement.humans} human{'s' * (ballot.requirement.humans != 1)}"
    until = f"until {ballot.expires_at:%Y-%m-%d %H:%M} UTC"
    return f"**{ballot.tier}**: needs {needs}, {until}\n\n{reasons}\n\n`{ballot.action_digest}`"


def read_resume(resume: Any) -> Resume:
    """Understand what a client resumed with. Never raises; anything unclear is ``NOTHING``."""
    # langchain's HITLResponse; Agent Inbox resumes with a bare list, our own clients with a bare decision.
    if isinstance(resume, Mapping) and "decisions" in resume:
        return _only(resume["decisions"], said_by=resume)
    if isinstance(resume, list):
        return _only(resume, said_by={})
    if isinstance(resume, Mapping):
        return _one(resume, said_by=resume)
    return NOTHING


def _only(decisions: Any, *, said_by: Mapping[str, Any]) -> Resume:
    """One action, so one decision: several answers to one question are no answer."""
    if not isinstance(decisions, list) or len(decisions) != 1 or not isinstance(decisions[0], Mapping):
        return NOTHING
    return _one(decisions[0], said_by=said_by)


def _one(decision: Mapping[str, Any], *, said_by: Mapping[str, Any]) -> Resume:
    kind = _KINDS.get(_word(decision.get("type", decision.get("decision"))), "none")
    edited = _edited(decision) if kind == "edit" else None
    if kind == "none" or (kind == "edit" and edited is None):
        return NOTHING
    try:
        grant = _GRANT.validate_python(decision.get("grant")) if kind == "approve" else None
    except ValidationError:
        return NOTHING  # a yes to more than can be said is no yes
    return Resume(
        kind=kind,
        comment=_comment(decision),
        edited=edited,
        action_digest=_word(decision.get("action_digest", said_by.get("action_digest"))),
        approval_id=_word(decision.get("approval_id", said_by.get("approval_id"))),
        grant=grant,
    )


def _edited(decision: Mapping[str, Any]) -> Action | None:
    """The edited action of any client: complete, or nothing. Missing parts are not filled in."""
    sent = decision.get("edited_action", decision.get("args"))
    if not isinstance(sent, Mapping):
        return None
    whole = sent.get("args", sent.get("arguments")) if {"name", "action"} & sent.keys() else sent
    try:
        action = _ACTION.validate_python(_typed(whole))
        canonical(action)
    except (ValidationError, ValueError):
        return None
    # A client that names one tool and sends another is mistaken about one of them.
    named = sent.get("name", sent.get("action", action.tool))
    return action if named == action.tool and isinstance(whole, Mapping) and "tool" in whole else None


def _typed(args: Any) -> Any:
    """An action whose objects and lists are no text: forms in browsers send those that were changed as JSON."""
    texts = {name: args[name] for name in _NESTED if isinstance(args.get(name), str)} if isinstance(args, dict) else {}
    return {**args, **{name: from_json(text) for name, text in texts.items()}} if texts else args


def _comment(decision: Mapping[str, Any]) -> str:
    for key in ("message", "comment", "feedback", "args"):
        if isinstance(text := decision.get(key), str):
            return text[:_MAX_COMMENT]
    return ""


def _word(text: Any) -> str:
    return text if isinstance(text, str) else ""


def bound(answer: Resume, pending: Sequence[Ballot]) -> Ballot:
    """The ballot an answer is about: the one it names, else the thread's only pending one.

    Raises:
        Refused: ``approval_missing`` (none, or several to choose from), ``digest_mismatch`` (it saw other bytes).
    """
    # Without an id it fits where there is one question only: a guess could sign the wrong one.
    named = [ballot for ballot in pending if answer.approval_id in {"", ballot.id}]
    if len(named) != 1:
        raise refusal("approval_missing", f"This answer fits {len(named)} of {len(pending)} open approvals.")
    if answer.action_digest not in {"", named[0].action_digest}:
        raise refusal("digest_mismatch", "This answer was given to other bytes.")
    return named[0]


def parse_resume(resume: Any, ballot: Ballot) -> Decision | None:
    """The vote a resume asks for on this ballot; None when it is no clear yes or no, or meant for other bytes.

    An edit is no vote: ``read_resume`` gives the edited action for ``Ballots.edit``.
    """
    answer = read_resume(resume)
    if answer.kind not in {"approve", "reject"}:
        return None
    try:
        bound(answer, [ballot])
    except Refused:
        return None
    choice: Choice = "approve" if answer.kind == "approve" else "reject"
    return Decision(choice=choice, action_digest=ballot.action_digest, comment=answer.comment)
