"""Order the steps of a plan. Pure."""

from collections.abc import Collection

from domain.errors import Refused
from domain.work import Plan, Step


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
