"""The four tiers of models (D2)."""

from typing import Literal

Tier = Literal["fast", "balanced", "advanced", "premium"]
TIERS: tuple[Tier, ...] = ("fast", "balanced", "advanced", "premium")
"""From the cheapest to the best."""
