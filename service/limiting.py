"""Rate limits: one for each address, one for each caller. Over it, 429 says when to come back."""

import time
from dataclasses import dataclass, field

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

from service.refusals import TooMany


@dataclass(slots=True, kw_only=True)
class Limiter:
    """Counts the requests of the last minute."""

    per_caller: int
    per_address: int
    _window: MovingWindowRateLimiter = field(default_factory=lambda: MovingWindowRateLimiter(MemoryStorage()))

    async def address(self, address: str) -> None:
        """Count a request from an address, before anybody asks who it is. Raises ``rate_limited``."""
        await self._hit(RateLimitItemPerMinute(self.per_address), "address", address)

    async def caller(self, org: str, caller: str) -> None:
        """Count a request of a key or a person. Raises ``rate_limited``."""
        await self._hit(RateLimitItemPerMinute(self.per_caller), "caller", f"{org}\0{caller}")

    async def _hit(self, limit: RateLimitItemPerMinute, what: str, who: str) -> None:
        if await self._window.hit(limit, what, who):
            return
        stats = await self._window.get_window_stats(limit, what, who)
        wait = max(1.0, stats.reset_time - time.time())
        raise TooMany("Too many requests in the last minute.", code="rate_limited",
                      hint="Wait as long as Retry-After says.", retry_after=wait)  # fmt: skip
