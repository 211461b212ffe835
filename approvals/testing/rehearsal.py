"""A stage to rehearse approvals on: a clock that can be moved, people whose roles change, and a first question."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from approvals.ballot import Ballot, Decision, Request, Voter
from approvals.contract import Ballots
from approvals.events import AuditFact, Notification
from approvals.policy import Mode, default_policy
from domain import Action, Reason, Refused, Risk, Tier

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
POLICY = default_policy()


@dataclass(slots=True, kw_only=True)
class MovableClock:
    """A clock that moves when it is told to."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        """Let time pass, given as to ``timedelta``."""
        self.now += timedelta(**time)


@dataclass(slots=True, kw_only=True)
class ChangingRoles:
    """People whose roles can change while a ballot is open."""

    members: dict[tuple[str, str], Sequence[str]] = field(default_factory=dict[tuple[str, str], Sequence[str]])
    solo: bool = True
    made: dict[tuple[str, str], Sequence[str]] = field(default_factory=dict[tuple[str, str], Sequence[str]])

    async def roles(self, org: str, subject: str) -> Sequence[str]:
        return self.members.get((org, subject), ())

    async def alone(self, org: str) -> bool:  # noqa: ARG002
        return self.solo

    async def programs(self, org: str, subject: str) -> Sequence[str]:
        return self.made.get((org, subject), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A store under test with the colleagues it was given, and a look at what it wrote."""

    ballots: Ballots
    clock: MovableClock
    people: ChangingRoles
    facts: Callable[[], Awaitable[Sequence[AuditFact]]]
    letters: Callable[[], Awaitable[Sequence[Notification]]]

    def human(self, name: str, *roles: str, org: str = "acme") -> Voter:
        """An approver with a fresh login and a second factor, known to the directory."""
        held = roles or ("approver", "critical_approver")
        self.people.members[(org, name)] = held
        since = self.clock() - timedelta(minutes=1)
        return Voter(subject=name, roles=held, org=org, session_started_at=since, mfa=True, surface="http")

    async def ask(self, tier: Tier = "high", mode: Mode = "team", **other: str) -> Ballot:
        """Open a ballot as ``rita``."""
        return await self.ballots.open(question(tier, mode, **other))


def action(command: str = "make release", content: str = "tree:1") -> Action:
    """A shell command in a workspace."""
    return Action(
        tool="shell", arguments={"command": command, "shell": True}, cwd="/work/repo", target="sandbox", content=content
    )


def question(
    tier: Tier = "high",
    mode: Mode = "team",
    *,
    run: str = "run-1",
    step: str = "deliver",
    org: str = "acme",
    command: str = "make release",
    content: str = "tree:1",
) -> Request:
    """A request by ``rita``."""
    return Request(
        org=org,
        run=run,
        step=step,
        action=action(command, content),
        risk=Risk(tier=tier, reasons=(Reason(rule="demo", tier=tier, message="because"),)),
        requirement=POLICY.requirement(tier, mode=mode),
        requester="rita",
        diff="--- a\n+++ b\n",
    )


def yes(ballot: Ballot, comment: str = "") -> Decision:
    return Decision(choice="approve", action_digest=ballot.action_digest, comment=comment)


def no(ballot: Ballot, comment: str = "") -> Decision:
    return Decision(choice="reject", action_digest=ballot.action_digest, comment=comment)


def expect(actual: object, expected: object) -> None:
    """Fail with both values."""
    if actual != expected:
        raise AssertionError(f"found {actual!r}, wanted {expected!r}")


async def refuses(code: str, attempt: Awaitable[object]) -> Refused:
    """The attempt is refused with exactly this code, and says what to do."""
    try:
        result = await attempt
    except Refused as refused:
        expect(refused.stable_code, code)
        expect(bool(refused.hint), True)
        return refused
    raise AssertionError(f"not refused: {result!r}, wanted {code}")
