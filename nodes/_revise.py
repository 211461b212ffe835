"""A person's edit of a waiting action: understood, made consistent, and rated anew.

Only what executes can be edited, and only where it comes from: the commands and files of a change, the
message of a commit. Everything else is what the run found and cannot be talked into being different.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast, get_args

from pydantic import TypeAdapter, ValidationError

from approvals import Ballot, Revision, refusal
from domain import Action, CodeChange, Risk
from nodes._colleagues import Require
from nodes._rules import denied, ruled
from risk import OUTSIDE, DeliveryKind, RiskEngine
from sandbox import Store

_CHANGE = TypeAdapter(CodeChange)
_PARTS = {"commands", "change"}
"""What ``execute`` puts into a shell action."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviser:
    """Turns an edited action into a question of its own."""

    engine: RiskEngine
    store: Store
    require: Require

    async def __call__(self, ballot: Ballot, edited: Action) -> Revision:
        """The revision to ask for in place of ``ballot``.

        Raises:
            Refused: ``action_invalid`` for an edit of anything but what executes, ``policy_denied``.
        """
        if replace(edited, arguments=ballot.action.arguments) != ballot.action:
            raise refusal("action_invalid", "Only the arguments of an action can be edited.")
        engine = await ruled(self.engine, self.store, ballot.run)
        action, risk = (_shell if edited.tool == "shell" else _delivery)(engine, ballot, edited)
        if (no := denied(risk)) is not None:
            raise no
        # A tier never falls, so the rule is that of the higher one; what was noticed stays noticed.
        risk = self.engine.combine(risk, ballot.risk)
        return Revision(action=action, risk=risk, requirement=self.require(risk.tier), diff=ballot.diff)


def _shell(engine: RiskEngine, ballot: Ballot, edited: Action) -> tuple[Action, Risk]:
    if set(edited.arguments) != set(ballot.action.arguments):
        raise refusal("action_invalid", "An edit keeps the names of the arguments.")
    change = change_of(edited)
    if change is None:
        raise refusal("action_invalid", "The edited change cannot be read.")
    profile = "sealed" if edited.network == "none" else "packages"
    risk = engine.change(change, profile=profile, tainted=_tainted(ballot))
    return replace(edited, arguments=shell_arguments(change)), risk


def _delivery(engine: RiskEngine, ballot: Ballot, edited: Action) -> tuple[Action, Risk]:
    was, now = dict(ballot.action.arguments), dict(edited.arguments)
    message = now.pop("message", None)
    if was.pop("message", None) is None or now != was or not isinstance(message, str) or not message.strip():
        raise refusal("action_invalid", "Of a delivery only the message can be edited.")
    if edited.tool not in get_args(DeliveryKind):
        raise refusal("action_invalid", f"A {edited.tool} action cannot be edited.")
    kind = cast("DeliveryKind", edited.tool)
    return edited, engine.delivery(ballot.diff, kind=kind, target=edited.target, tainted=_tainted(ballot))


def _tainted(ballot: Ballot) -> bool:
    """Whether the run has read text from outsiders: an edit of a tainted action is tainted, too."""
    return any(reason.rule == OUTSIDE for reason in ballot.reasons)


def shell_arguments(change: CodeChange) -> dict[str, Any]:
    """The arguments of running a change: its commands apart, and all of it.

    What older versions did not know is left out where it is empty: what was signed before stays signed.
    """
    unknown = None if change.cmd_outputs else {"cmd_outputs"}
    text = _CHANGE.dump_json(change, exclude=unknown).decode()
    return {"commands": list(change.cmd_instructions), "change": text}


def change_of(action: Action) -> CodeChange | None:
    """The change a shell action runs, its commands being those named apart; None when it is none."""
    given: Mapping[str, object] = action.arguments
    change, commands = given.get("change"), given.get("commands")
    if set(given) != _PARTS or not isinstance(change, str) or not isinstance(commands, list):
        return None
    try:
        return replace(_CHANGE.validate_json(change), cmd_instructions=tuple(commands))
    except ValidationError:
        return None
