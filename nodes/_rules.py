"""The rules of one run: the house's, and what the repository's own policy adds to them.

The policy is read at the base commit in the content store, which nothing in a sandbox can reach.
"""

import asyncio

from domain import Refused, Risk
from risk import RiskEngine, RiskPolicy, denials, read_policy
from sandbox import Store

POLICY = ".signoff/risk.yaml"
MOST_BYTES = 256 << 10


async def ruled(engine: RiskEngine, store: Store, run: str) -> RiskEngine:
    """Return the engine with the policy of the run's repository, which may only tighten.

    Raises:
        Refused: ``bad_rules`` or ``policy_invalid`` with the line of what is wrong in the policy; nothing runs then.
    """
    return engine.plus(await workspace_policy(store, run))


async def workspace_policy(store: Store, run: str) -> RiskPolicy:
    """The policy at the run's base commit; empty where there is none."""
    base = store.pinned(run).tree
    found = await store.read_many(run, base, [POLICY], limit=MOST_BYTES)
    if POLICY in found:
        return await asyncio.to_thread(read_policy, found[POLICY].decode(errors="replace"))
    if POLICY in await store.files(run, base):
        raise Refused(f"{POLICY} is no plain file of at most {MOST_BYTES >> 10} KiB.", code="bad_rules",
                      hint="Write it anew; docs/risk.md has an example.")  # fmt: skip
    return RiskPolicy()


def denied(risk: Risk) -> Refused | None:
    """What to answer where the policy denies something: no signature can lift it, so nobody is asked."""
    reasons = "; ".join(dict.fromkeys(reason.message for reason in denials(risk)))
    if not reasons:
        return None
    return Refused(f"The repository's policy forbids this: {reasons}.", code="policy_denied",
                   hint=f"Do it another way, or change {POLICY} in the repository yourself.")  # fmt: skip
