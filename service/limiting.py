"""Rate limits: one for each address, one for each caller. Over it, 429 says when to come back."""

from dataclasses import dataclass, field

from service.rates import LocalRates, Rates
from service.refusals import TooMany


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiter:
    """Counts the requests of the last minute."""

    per_caller: int
    per_address: int
    rates: Rates = field(default_factory=LocalRates)

    async def address(self, address: str) -> None:
        """Count a request from an address, before anybody asks who it is. Raises ``rate_limited``."""
        await self._hit(self.per_address, f"address {address}")

    async def caller(self, org: str, caller: str) -> None:
        """Count a request of a key or a person. Raises ``rate_limited``."""
        await self._hit(self.per_caller, f"caller {org} {caller}")

    async def _hit(self, limit: int, who: str) -> None:
        wait = await self.rates.hit(who, limit)
        if wait is not None:
            raise TooMany("Too many requests in the last minute.", code="rate_limited",
                          hint="Wait as long as Retry-After says.", retry_after=max(1.0, wait))  # fmt: skip
