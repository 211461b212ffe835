"""Commands in a sandbox: run in a span of their own, masked, and their output cut for a state, a prompt or a person."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from opentelemetry.trace import Tracer

from domain import CommandRun
from domain.evidence import FailureKind, LeftOut, Output, Proof, TestReport
from domain.masking import Masker
from domain.reports import read_report
from domain.text import failure_kind
from nodes._events import announce
from nodes._masking import masked_run

KEEP_HEAD = 8 << 10
KEEP_TAIL = 24 << 10
LARGE = 64 << 10
"""Bytes of output from which on it is read beside the event loop."""

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def _clip(output: Output) -> Output:
    whole = output.head + output.tail
    if len(whole) <= KEEP_HEAD + KEEP_TAIL:
        return output
    if output.dropped:
        head, tail = output.head[:KEEP_HEAD], output.tail[-KEEP_TAIL:]
    else:
        head, tail = whole[:KEEP_HEAD], whole[-KEEP_TAIL:]
    return Output(head=head, tail=tail, dropped=output.dropped + len(whole) - len(head) - len(tail))


def clip(run: CommandRun) -> CommandRun:
    """Return the run with as much output as a checkpoint should carry (32 KiB a stream)."""
    return replace(run, stdout=_clip(run.stdout), stderr=_clip(run.stderr))


def plain(run: CommandRun) -> str:
    """Both streams as text without terminal colours."""
    return _ANSI.sub("", f"{run.stdout.text()}\n{run.stderr.text()}").strip()


@lru_cache(maxsize=64)
def red_kind(baseline: CommandRun) -> FailureKind:
    """The kind of failure before anything was changed; ``general``: the acceptance command passed."""
    return "general" if baseline.ok else failure_kind(plain(baseline))


async def counted(run: CommandRun) -> TestReport | None:
    """What the output says of tests; None where no runner is recognised."""
    size = sum(len(output.head) + len(output.tail) for output in (run.stdout, run.stderr))
    if size <= LARGE:
        return read_report(plain(run))
    return await asyncio.to_thread(lambda: read_report(plain(run)))


def tail(text: str, chars: int = 6_000) -> str:
    """The end of a text, where test runners say what went wrong."""
    return text if len(text) <= chars else f"… {len(text) - chars} characters left out …\n{text[-chars:]}"


def ending(run: CommandRun) -> str:
    """How the command ended, in words."""
    words = {
        "exit": f"exit code {run.code}",
        "signal": f"killed by signal {run.code}",
        "timeout": "stopped: it ran out of time",
        "oom": "stopped: it ran out of memory",
        "cancelled": "cancelled",
    }
    return words[run.ended]


def beside_base(proof: Proof) -> tuple[str, ...]:
    """What a proof says beside its own exit code: what happens without the change, and what fails as before."""
    lines: list[str] = []
    if proof.base is not None and proof.red_first:
        what = "on the base with only the change's tests" if proof.base_with == "tests" else "on the base"
        counts = f" ({proof.base_report.summary})" if proof.base_report else ""
        lines.append(f"{what} {ending(proof.base)}{counts}")
    if proof.still_failing:
        more = len(proof.still_failing) - 10
        names = ", ".join(proof.still_failing[:10]) + (f" and {more} more" if more > 0 else "")
        lines.append(f"still failing as before: {names}")
    if proof.flaky:
        lines.append(f"flaky, they failed once and passed once: {', '.join(proof.flaky[:10])}")
    return tuple(lines)


def listed(left_out: Sequence[LeftOut], most: int = 10) -> str:
    """Name what commands left behind, in words."""
    named = ", ".join(f"{each.path} ({each.how})" for each in left_out[:most])
    return named if len(left_out) <= most else f"{named} and {len(left_out) - most} more"


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
        span.set_attributes(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "shell",
                "langfuse.observation.type": "tool",
                "app.command.sha256": hashlib.sha256(command.encode()).hexdigest()[:16],
                "app.command.ended": ran.ended,
                "app.command.code": ran.code,
                "app.command.ms": round(ran.duration_ms, 3),
                "app.command.bytes": sum(len(o.head) + len(o.tail) + o.dropped for o in (ran.stdout, ran.stderr)),
                "app.clean_checkout": clean_checkout,
            }
        )
    report = await counted(ran)
    counts = {"counts": report.summary} if report else {}
    announce("command_ended", ending(ran), ok=ran.ok, ms=round(ran.duration_ms), **counts)
    return ran
