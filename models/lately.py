"""What the models did in the last hour: it decides between equals (E3)."""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from models.decisions import Decisions, Used

HOUR = timedelta(hours=1)
FRESH_S = 20.0
"""So long it is not read again."""


@dataclass(slots=True)
class Lately:
    """Remembers for a moment what the decisions of an organisation say."""

    read_at: dict[str, float] = field(default_factory=dict[str, float])
    used: dict[str, tuple[Used, ...]] = field(default_factory=dict[str, tuple[Used, ...]])

    async def __call__(self, decisions: Decisions, org: str, now: datetime) -> tuple[Used, ...]:
        """Return what each model did, by this organisation's decisions."""
        if time.monotonic() - self.read_at.get(org, float("-inf")) > FRESH_S:
            self.used[org] = tuple(await decisions.usage(org, since=now - HOUR))
            self.read_at[org] = time.monotonic()
        return self.used[org]
