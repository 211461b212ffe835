"""The tier of a command, a change or a delivery: the highest of everything noticed about it. Pure.

    tier = max(effect, target, content, provenance), then the workspace's policy, which may only raise

Nothing here lowers a tier: every reason is kept and the highest of them is the answer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from domain import TIERS, CodeChange, Reason, Risk, Tier
from risk.content import LONGEST_COMMAND, UNREADABLE, deceptive
from risk.diff import DeliveryKind, DiffRater
from risk.files import FileRater, plain_path
from risk.policy import RiskPolicy
from risk.rules import Rules, Setting, default_rules, one_up, worst
from risk.shell import ShellRater
from risk.signals import Signal, shown

_DELIVERED: Final[dict[DeliveryKind, tuple[Tier, str]]] = {
    "patch": ("low", "prints a diff; nothing outside changes"),
    "commit": ("high", "commits to the repository"),
    "branch": ("high", "writes a branch to the repository"),
    "push": ("high", "pushes to a remote"),
    "pull_request": ("high", "opens a pull request"),
    "deploy": ("critical", "deploys"),
}
OUTSIDE: Final = "provenance.outside"
"""Marks what a tainted run wants to do."""
_PROFILES: Final[dict[Setting, Reason]] = {
    "sealed": Reason(rule="profile.sealed", tier="low", message="runs without a network (profile sealed)"),
    "packages": Reason(
        rule="profile.packages", tier="medium", message="may reach package registries while it runs (profile packages)"
    ),
    "host": Reason(rule="profile.host", tier="medium", message="runs on a machine that is not thrown away"),
}
_OUTWARD = ("push", "pull_request", "deploy")
_KEPT_IN = ("later", "ci", "edit", "removes", "weakens")
"""Effects that reach nobody while a diff is only printed."""


@dataclass(frozen=True, slots=True)
class RiskEngine:
    """Rates what wants to happen. Deterministic; the same text always gets the same answer."""

    rules: Rules = field(default_factory=default_rules)
    policy: RiskPolicy = field(default_factory=RiskPolicy)
    """Of the workspace or organisation; may only tighten. Never read from the sandbox."""

    def plus(self, policy: RiskPolicy) -> "RiskEngine":
        """Return this engine with the wishes of one more policy."""
        wishes = (*self.policy.tighten, *policy.tighten)
        return replace(self, policy=RiskPolicy(tighten=wishes)) if policy.tighten else self

    def command(self, command: str, *, profile: Setting = "sealed", tainted: bool = False) -> Risk:
        """Rate a shell command. Any text gets an answer; what cannot be understood is at least high."""
        rated = self._risk(self._command(command), profile, tainted)
        return self.combine(rated, Risk(tier="low", reasons=tuple(self.policy.on_command(command))))

    def change(self, change: CodeChange, *, profile: Setting = "sealed", tainted: bool = False) -> Risk:
        """Rate an action inside the sandbox: the edits and every command that is to run after them."""
        edits = self._risk(self._files.change(change), profile, tainted)
        paths = (*(f.path for f in (*change.files_to_create, *change.files_to_update)), *change.files_to_delete)
        # Nobody knows yet whether an output is a file or a folder.
        outputs = (path.rstrip("/") for path in change.cmd_outputs)
        paths = (*paths, *(each for path in outputs for each in (path, f"{path}/")))
        # As it is written and as the file system takes it: ``./infra//x`` is no way around a rule about ``infra/x``.
        paths = dict.fromkeys((*paths, *(f"{plain_path(path)}{'/' * path.endswith('/')}" for path in paths)))
        ruled = Risk(tier="low", reasons=tuple(r for path in paths for r in self.policy.on_path(path)))
        ran = (self.command(text, profile=profile, tainted=tainted) for text in change.cmd_instructions)
        return self.combine(edits, ruled, *ran, *_tainted(tainted), _highest((_PROFILES[profile],)))

    def tool(self, name: str, arguments: str, *, tier: Tier, reads: bool, tainted: bool = False) -> Risk:
        """Rate a call of a tool outside the sandbox, where nothing is known of it but what the installation says.

        Args:
            name: ``server.tool``.
            arguments: the JSON that is sent.
            tier: as the installation rates the tool.
            reads: it changes nothing, by the installation's word.
            tainted: the run has read text from outsiders, who may want something sent or done.
        """
        # High stays high: a person reads the very arguments then, which is all that two could do.
        raised = one_up(tier) if tainted and tier in {"low", "medium"} else tier
        what = f"{'reads from' if reads else 'acts on'} a system outside: {shown(name)}, rated {tier} here"
        why = " (raised: the run has read text from outsiders)" if raised != tier else ""
        base = Reason(rule="tool.read" if reads else "tool.call", tier=raised, message=f"{what}{why}")
        noticed = self._risk(self._files.text("the arguments", arguments), "sealed", tainted)
        ruled = Risk(tier="low", reasons=tuple(self.policy.on_tool(name)))
        return self.combine(_highest((base,)), noticed, ruled, *_tainted(tainted))

    def delivery(
        self,
        diff: str,
        *,
        kind: DeliveryKind,
        target: str = "",
        protected: bool = False,
        force: bool = False,
        tainted: bool = False,
    ) -> Risk:
        """Rate what leaves the sandbox. ``diff`` is unified, as git prints it; ``target`` a path, or remote and ref."""
        tier, message = _DELIVERED[kind]
        # Whoever wrote what the run has read may want it to reach others; a printed patch reaches nobody.
        tier = one_up(tier) if tainted and kind in _OUTWARD else tier
        base = Reason(rule=f"delivery.{kind}", tier=tier, message=f"{message} {shown(target)}".strip())
        noticed = tuple(self._left(sign, kind, tainted) for sign in self._deliveries.diff(diff))
        goal: list[Reason] = []
        if force:
            goal.append(Reason(rule="delivery.force", tier="critical", message="overwrites what is there (force)"))
        if protected:
            goal.append(Reason(rule="delivery.protected", tier="critical", message="the target is protected"))
        goal += [
            Reason(rule=rule.rule, tier="critical", message=f"{rule.message}: {shown(target)}")
            for rule in (self.rules.of("ref", target) if kind == "push" else ())
        ]
        ruled = (r for path in self._deliveries.paths(diff) for r in self.policy.on_path(path))
        return self.combine(_highest((base, *goal, *noticed, *ruled)), *_tainted(tainted))

    def secrets(self, diff: str) -> tuple[Reason, ...]:
        """Name the secrets in the added lines of a diff: kind, path and line, never the value."""
        return tuple(dict.fromkeys(self._left(sign, "commit", False) for sign in self._deliveries.secrets(diff)))

    def combine(self, *risks: Risk) -> Risk:
        """A batch takes its highest member; no reason is lost."""
        together = _highest(reason for risk in risks for reason in risk.reasons)
        return Risk(tier=worst([together.tier, *(risk.tier for risk in risks)]), reasons=together.reasons)

    @property
    def _all(self) -> Rules:
        return self.rules.plus(self.policy.rules)

    @property
    def _files(self) -> FileRater:
        return FileRater(rules=self.rules)

    @property
    def _deliveries(self) -> DiffRater:
        return DiffRater(files=self._files)

    def _command(self, command: str) -> Iterator[Signal]:
        if len(command) > LONGEST_COMMAND:
            yield Signal("oversized", f"{len(command):,} characters", "content.oversized")
        yield from deceptive(command)
        # Not even parsed: whatever is in it, no signer has read it.
        if len(command) > UNREADABLE:
            yield Signal("endless", f"{len(command):,} characters", "content.endless")
            return
        try:
            yield from ShellRater(rules=self._all).signs(command)
        except Exception as error:  # noqa: BLE001  a bug of ours must never let a command through
            yield Signal("unread", f"the analysis failed with {type(error).__name__}", "shell.exception")

    def _risk(self, signs: Iterable[Signal], profile: Setting, tainted: bool) -> Risk:
        return _highest(self._reason(sign, profile, tainted) for sign in signs)

    def _reason(self, sign: Signal, profile: Setting, tainted: bool) -> Reason:
        effect = self._all.effects[sign.effect]
        tier = effect.tier(profile)
        raised = " (raised: the run has read text from outsiders)" if tainted and effect.outward else ""
        what = f": {sign.what}" if sign.what else ""
        return Reason(
            rule=sign.rule or f"shell.{sign.effect}",
            tier=one_up(tier) if raised else tier,
            message=f"{sign.message or effect.message}{what}{raised}",
        )

    def _left(self, sign: Signal, kind: DeliveryKind, tainted: bool) -> Reason:
        """Rate a sign at the moment it leaves the sandbox."""
        reason = self._reason(sign, "sealed", tainted)
        if sign.effect == "holds_secret":
            # What has been delivered is copied and pushed on: a secret in it cannot be called back.
            return reason.__class__(rule=reason.rule, tier="critical", message=reason.message)
        if sign.effect == "edit" or (kind == "patch" and sign.effect in _KEPT_IN):
            return reason
        tier = one_up("high") if tainted and self._all.effects[sign.effect].outward else "high"
        return reason.__class__(rule=reason.rule, tier=worst([reason.tier, tier]), message=reason.message)


def _tainted(tainted: bool) -> tuple[Risk, ...]:
    """Say to whoever signs that the run's words came from outsiders."""
    reason = Reason(rule=OUTSIDE, tier="low", message="the run has read text from outsiders")
    return (Risk(tier="low", reasons=(reason,)),) if tainted else ()


def _highest(reasons: Iterable[Reason]) -> Risk:
    ordered = tuple(sorted(dict.fromkeys(reasons), key=lambda reason: -TIERS.index(reason.tier)))
    return Risk(tier=worst([reason.tier for reason in ordered]), reasons=ordered)
