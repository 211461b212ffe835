"""What changed lately, for those who look for the change that broke something."""

import asyncio

from domain import Hunk
from risk import RiskEngine
from sandbox import Pinned, recent_changes


async def recent(pinned: Pinned, engine: RiskEngine) -> tuple[Hunk, ...]:
    """The last changes before the pinned commit, without those that hold a secret: it was taken out for a reason."""
    hunks = await recent_changes(pinned)
    return await asyncio.to_thread(lambda: tuple(hunk for hunk in hunks if not engine.secrets(_as_diff(hunk))))


def _as_diff(hunk: Hunk) -> str:
    """The text that would come back, as lines that a diff adds."""
    lines = [*hunk.before.splitlines(), hunk.subject]
    head = f"diff --git a/{hunk.path} b/{hunk.path}\n--- a/{hunk.path}\n+++ b/{hunk.path}\n@@ -0,0 +1,{len(lines)} @@\n"
    return head + "".join(f"+{line}\n" for line in lines)
