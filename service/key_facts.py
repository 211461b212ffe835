"""What the audit says about keys: who may log in as somebody else, and who stands how."""

from datetime import datetime

from approvals import Fact, writing
from service.wiring import House


async def noted(house: House, note: str, *, verb: str, org: str, actor: str, at: datetime) -> None:
    """Put one fact about a key into the audit."""
    fact = Fact(at=at, org=org, actor=actor, verb=verb, object="key", note=note)
    async with writing(house.engine.runs.engine) as conn:
        await house.audit.append(conn, fact)
