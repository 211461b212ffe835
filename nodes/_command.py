"""Run one command and tell everybody: the watcher, the trace, the state."""

import hashlib
from collections.abc import Awaitable, Callable

from opentelemetry.trace import Tracer

from domain import CommandRun
from domain.masking import Masker
from nodes._announce import announce
from nodes._masks import masked_run
from nodes._output import counted, ending


async def run_command(
    tracer: Tracer,
    command: str,
    run: Callable[[], Awaitable[CommandRun]],
    *,
    masker: Masker,
    clean_checkout: bool = False,
) -> CommandRun:
    """Await ``run`` in a span of its own, and mask what it printed: nobody who reads it is to see secrets.

    The command itself stays out of the span: it may hold anything.
    """
    announce("command_started", masker.text(command), clean_checkout=clean_checkout)
    with tracer.start_as_current_span("sandbox.exec") as span:
        ran = masked_run(await run(), masker)
        span.set_attributes({
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "shell",
            "langfuse.observation.type": "tool",
            "app.command.sha256": hashlib.sha256(command.encode()).hexdigest()[:16],
            "app.command.ended": ran.ended,
            "app.command.code": ran.code,
            "app.command.ms": round(ran.duration_ms, 3),
            "app.command.bytes": sum(len(o.head) + len(o.tail) + o.dropped for o in (ran.stdout, ran.stderr)),
            "app.clean_checkout": clean_checkout,
        })  # fmt: skip
    report = await counted(ran)
    counts = {"counts": report.summary} if report else {}
    announce("command_ended", ending(ran), ok=ran.ok, ms=round(ran.duration_ms), **counts)
    return ran
