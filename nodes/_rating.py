"""Rate a risk and tell everybody."""

import asyncio
from collections.abc import Callable

from opentelemetry.trace import Tracer

from domain import Risk
from nodes._announce import announce


async def rate(tracer: Tracer, classify: Callable[[], Risk], *, tool: str) -> Risk:
    """Return what ``classify`` says, in a span with the tier and the rules that led to it.

    A delivery of some megabytes is read for seconds: beside the event loop.
    """
    with tracer.start_as_current_span("risk.classify") as span:
        risk = await asyncio.to_thread(classify)
        span.set_attributes({
            "langfuse.observation.type": "guardrail",
            "gen_ai.tool.name": tool,
            "app.tier": risk.tier,
            "app.rules": [reason.rule for reason in risk.reasons][:20],
        })  # fmt: skip
    announce("risk_rated", risk.tier, tool=tool, reasons=[reason.message for reason in risk.reasons])
    return risk
