"""Work: the task, the plan that answers it and its order, and what it may cost. Pure."""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from domain._value import value
from domain.errors import Refused

__all__ = [
    "MOST_WORKERS",
    "ApiDesign",
    "Budget",
    "Delivery",
    "Ending",
    "ForgeOrigin",
    "Line",
    "Name",
    "Plan",
    "Profile",
    "Prose",
    "PublishTarget",
    "Spent",
    "Step",
    "Task",
    "TeamRole",
    "check_plan",
    "ready",
    "unpaid",
]

Delivery = Literal["patch", "commit", "branch", "pr", "deploy"]
Profile = Literal["sealed", "packages"]
TeamRole = Literal["coder", "tester", "reviewer", "docs"]
"""What a worker of a team does: changes the code, writes tests, reads what others did, or writes documentation."""
MOST_WORKERS = 8

Line = Annotated[str, Field(max_length=2_000)]
Name = Annotated[str, Field(max_length=200)]
Prose = Annotated[str, Field(max_length=20_000)]


@value
class Budget:
    """Limits of one run and everything it starts, checked *before* each attempt and each call (see domain/limits.py).

    Proving and delivering what an attempt came to is never refused.
    """

    max_steps: int = Field(default=200, ge=1)
    """Turns of the coder, or attempts where it answers once: visits of ``execute`` that ran, all plans together."""
    max_tokens: int = Field(default=2_000_000, ge=0)
    max_cost: Decimal = Field(default=Decimal("5.00"), ge=0)
    """In the currency of the catalogue's prices."""
    max_minutes: float = Field(default=30.0, gt=0)
    max_sandbox_seconds: float = Field(default=1_800.0, gt=0)


@value
class Spent:
    """What a run has used so far."""

    steps: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    model_calls: int = 0
    sandbox_seconds: float = 0.0
    waited_seconds: float = 0.0
    """Waiting for a person, which counts against nothing."""

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            steps=self.steps + other.steps,
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            cost=self.cost + other.cost,
            model_calls=self.model_calls + other.model_calls,
            sandbox_seconds=self.sandbox_seconds + other.sandbox_seconds,
            waited_seconds=self.waited_seconds + other.waited_seconds,
        )


@value
class ForgeOrigin:
    """The issue or pull request that a task came from, where its answers go."""

    forge: Name
    """As the configuration calls it."""
    repository: Line
    """Its path there: ``owner/name``."""
    subject: Literal["issue", "pull_request"] = "issue"
    number: Annotated[int, Field(ge=1)]


@value
class Task:
    """What a person asked for. ``repo`` and ``base`` are pinned by ``receive``."""

    text: Prose
    repo: Line
    """A local path or a git URL."""
    base: Line = "HEAD"
    """Any revision when asked; the full commit id once received."""
    accept: Line | None = None
    """The acceptance command (shell). None: found by looking at the repository."""
    deliver: Delivery = "branch"
    requester: Name = "local"
    standing: Name = ""
    """How the requester stands, by the records of the service and never by their own word: a name of the catalogue's
    ``standings`` (D2). Empty: as the catalogue has it for their organisation."""
    expert: Name | None = None
    strategy: Name = "balanced"
    profile: Profile = "sealed"
    team: Annotated[int, Field(ge=0, le=MOST_WORKERS)] = 0
    """So many workers at most share the steps of the plan. 0: as the strategy says."""
    pipeline: bool = True
    """False: no planner and no reviewer, one coder only (A11)."""
    outside: bool = False
    """Its words come from outsiders (an issue, a web page): egress, secrets and CI edits rate one tier higher."""
    origin: ForgeOrigin | None = None
    budget: Budget = Field(default_factory=Budget)
    received_at: datetime | None = None


@value
class PublishTarget:
    """Where a delivery goes beyond this machine, found out when the task was received."""

    forge: Name = ""
    """As the configuration calls it; empty: the commit stays in the local repository."""
    repository: Line = ""
    """Its path there."""
    base: Line = ""
    """The branch that a pull request asks to merge into."""
    hook: Name = ""
    """The deploy hook that is asked, as the configuration calls it."""
    fork: Line = ""
    """The fork of that repository which takes the branch, where the repository itself may not be pushed to."""

    @property
    def pushed_to(self) -> str:
        """The repository that gets the branch."""
        return self.fork or self.repository

    def __str__(self) -> str:
        return f"{self.forge}:{self.repository}"


@value
class ApiDesign:
    endpoints: Annotated[tuple[Line, ...], Field(max_length=40)] = ()
    classes: Annotated[tuple[Line, ...], Field(max_length=40)] = ()
    functions: Annotated[tuple[Line, ...], Field(max_length=80)] = ()


def _known_role(role: Any) -> Any:
    """The role that a planner means; one that nobody knows is a coder's: it is no reason to plan again."""
    named = role.strip().lower() if isinstance(role, str) else role
    return named if named in get_args(TeamRole) else "coder"


@value
class Step:
    """One node of the plan's DAG."""

    id: Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9._-]+$")]
    title: Line
    detail: Prose = ""
    needs: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """Ids of the steps that must be done before this one."""
    role: Annotated[TeamRole, BeforeValidator(_known_role)] = "coder"
    """Who does it, where a team does."""
    files: Annotated[tuple[Line, ...], Field(max_length=40)] = ()
    """What it will likely change: two steps with a file in common are not given to two workers at once."""


@value
class Plan:
    """The planner's artefact (A2)."""

    stage: Literal["plan"] = "plan"
    expert: Name = "code_general"
    goal: Prose
    context_used: Annotated[tuple[Line, ...], Field(max_length=40)] = ()
    constraints: Annotated[tuple[Line, ...], Field(max_length=40)] = ()
    api_design: ApiDesign = Field(default_factory=ApiDesign)
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)]
    reasoning: Prose = ""
    acceptance: Line | None = None
    """The command whose exit code 0 is the proof. None: the task's own."""


@value
class Ending:
    """How a run ended, in the words a person reads."""

    status: Literal["delivered", "nothing_to_do", "rejected", "failed"]
    code: Name = ""
    """Stable error code when the run failed."""
    message: Prose = ""
    hint: Prose = ""
    answer_markdown: Annotated[str, Field(max_length=60_000)] = ""
    exit_status: int = 1
    """What the command line ends with when the run failed; docs/errors.md lists it for every code."""
    retry_after: float | None = None
    """Seconds after which it is worth trying again, where a model endpoint said so."""
    max_tokens: int | None = None
    """What a prompt may have, where it was too long."""


def check_plan(plan: Plan) -> Plan:
    """Return ``plan`` when its steps form a DAG.

    Raises:
        Refused: ``plan_invalid`` for a double id, an unknown need, or a circle.
    """
    ids = [step.id for step in plan.steps]
    if len(set(ids)) != len(ids):
        raise Refused("The plan names the same step twice.", code="plan_invalid", hint="Give every step its own id.")
    unknown = sorted({need for step in plan.steps for need in step.needs} - set(ids))
    if unknown:
        raise Refused(
            f"The plan needs unknown steps: {', '.join(unknown)}.",
            code="plan_invalid",
            hint="Every entry of needs must be the id of a step.",
        )
    # Wave by wave what needs nothing that is left; what no wave reaches stands in a circle (Kahn).
    done: set[str] = set()
    while wave := ready(plan, done):
        done |= {step.id for step in wave}
    if len(done) != len(ids):
        stuck = ", ".join(sorted(set(ids) - done))
        raise Refused(f"The plan's steps wait for each other: {stuck}.", code="plan_invalid", hint="Remove the circle.")
    return plan


def ready(plan: Plan, done: Collection[str]) -> tuple[Step, ...]:
    """Return the steps that are not done and need nothing that is not done, in the plan's order."""
    return tuple(step for step in plan.steps if step.id not in done and all(need in done for need in step.needs))


def unpaid(before: Spent, after: Spent, used: Spent) -> Spent:
    """The part of ``used`` that the books do not have: they stood at ``before`` and stand at ``after``."""
    return Spent(
        tokens_in=max(0, before.tokens_in + used.tokens_in - after.tokens_in),
        tokens_out=max(0, before.tokens_out + used.tokens_out - after.tokens_out),
        cost=max(Decimal(0), before.cost + used.cost - after.cost),
        model_calls=max(0, before.model_calls + used.model_calls - after.model_calls),
    )
