"""Rating of a run's actions: the product's rules and the repository's policy, and a person's edit rated anew.

The policy is read at the base commit in the content store, which nothing in a sandbox can reach. Of a waiting action
only what executes can be edited, and only where it comes from: the commands and files of a change, the message of a
commit. Everything else is what the run found and cannot be talked into being different.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast, get_args

from opentelemetry.trace import Tracer
from pydantic import TypeAdapter, ValidationError

from approvals import Ballot, Revision, refusal
from domain import Action, CodeChange, Refused, Risk
from nodes._events import announce
from nodes._models import Require
from risk import OUTSIDE, DeliveryKind, RiskEngine, RiskPolicy, denials, read_policy
from sandbox import Store

POLICY = ".signoff/risk.yaml"
MOST_BYTES = 256 << 10
_CHANGE = TypeAdapter(CodeChange)
_PARTS = {"commands", "change"}
"""What ``execute`` puts into a shell action."""


async def ruled(engine: RiskEngine, store: Store, run: str) -> RiskEngine:
    """Return the engine with the policy of the run's repository, which may only tighten.

    Raises:
        Refused: ``bad_rules`` or ``policy_invalid`` with the line of what is wrong in the policy; nothing runs then.
    """
    return engine.plus(await workspace_policy(store, run))


async def workspace_policy(store: Store, run: str) -> RiskPolicy:
    """The policy at the run's base commit; empty where there is none."""
    base = store.pinned(run).tree
    contents = await store.read_many(run, base, [POLICY], limit=MOST_BYTES)
    if POLICY in contents:
        return await asyncio.to_thread(read_policy, contents[POLICY].decode(errors="replace"))
    # There, but a link or too large: read as no policy, it would switch the repository's own rules off.
    if POLICY in await store.files(run, base):
        raise Refused(
            f"{POLICY} is no plain file of at most {MOST_BYTES >> 10} KiB.",
            code="bad_rules",
            hint="Write it anew; docs/risk.md has an example.",
        )
    return RiskPolicy()


def denied(risk: Risk) -> Refused | None:
    """What to answer where the policy denies something: no signature can lift it, so nobody is asked."""
    reasons = "; ".join(dict.fromkeys(reason.message for reason in denials(risk)))
    if not reasons:
        return None
    return Refused(
        f"The repository's policy forbids this: {reasons}.",
        code="policy_denied",
        hint=f"Do it another way, or change {POLICY} in the repository yourself.",
    )


async def rate(tracer: Tracer, classify: Callable[[], Risk], *, tool: str) -> Risk:
    """Return what ``classify`` says, in a span with the tier and the rules that led to it.

    A delivery of some megabytes is read for seconds: beside the event loop.
    """
    with tracer.start_as_current_span("risk.classify") as span:
        risk = await asyncio.to_thread(classify)
        span.set_attributes(
            {
                "langfuse.observation.type": "guardrail",
                "gen_ai.tool.name": tool,
                "app.tier": risk.tier,
                "app.rules": [reason.rule for reason in risk.reasons][:20],
            }
        )
    announce("risk_rated", risk.tier, tool=tool, reasons=[reason.message for reason in risk.reasons])
    return risk


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
        if edited.tool == "mcp":  # the coder goes on from its own call, and would read another one's answer
            raise refusal("action_invalid", "A call of a tool is not edited: reject it, and say what you want instead.")
        engine = await ruled(self.engine, self.store, ballot.run)
        action, risk = (edited_shell if edited.tool == "shell" else edited_delivery)(engine, ballot, edited)
        if (no := denied(risk)) is not None:
            raise no
        # A tier never falls, so the rule is that of the higher one; what was noticed stays noticed.
        risk = self.engine.combine(risk, ballot.risk)
        return Revision(action=action, risk=risk, requirement=self.require(risk.tier), diff=ballot.diff)


def edited_shell(engine: RiskEngine, ballot: Ballot, edited: Action) -> tuple[Action, Risk]:
    """An edited change in its canonical form, rated anew.

    Raises:
        Refused: ``action_invalid``.
    """
    if set(edited.arguments) != set(ballot.action.arguments):
        raise refusal("action_invalid", "An edit keeps the names of the arguments.")
    change = change_of(edited)
    if change is None:
        raise refusal("action_invalid", "The edited change cannot be read.")
    profile = "sealed" if edited.network == "none" else "packages"
    risk = engine.change(change, profile=profile, tainted=_tainted(ballot))
    return replace(edited, arguments=shell_arguments(change)), risk


def edited_delivery(engine: RiskEngine, ballot: Ballot, edited: Action) -> tuple[Action, Risk]:
    """A delivery with another message, rated anew by the diff of its ballot.

    Raises:
        Refused: ``action_invalid`` for any other edit.
    """
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
    arguments: Mapping[str, object] = action.arguments
    change, commands = arguments.get("change"), arguments.get("commands")
    if set(arguments) != _PARTS or not isinstance(change, str) or not isinstance(commands, list):
        return None
    try:
        return replace(_CHANGE.validate_json(change), cmd_instructions=tuple(commands))
    except ValidationError:
        return None
