"""What a trace keeps of a process that is killed."""

import signal
import subprocess
import sys
from pathlib import Path

from telemetry import read_trace, trace_id, tracing

WORKER = """
import asyncio, sys
from pathlib import Path
from telemetry import Identity, tracing

async def main():
    async with tracing(folder=Path(sys.argv[1])) as t:
        t.begin(Identity(run="r1"))
        with t.tracer.start_as_current_span("run.segment 1", context=t.context("r1")):
            with t.tracer.start_as_current_span("invoke_agent plan"):
                pass
            with t.tracer.start_as_current_span("invoke_agent execute"):
                print("working", flush=True)
                await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_killed_run_shows_what_was_under_way_and_goes_on_in_the_same_trace(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:  # noqa: ASYNC220 a test may wait
        assert worker.stdout is not None
        assert worker.stdout.readline() == "working\n"
        worker.send_signal(signal.SIGKILL)
    async with tracing(folder=tmp_path) as t:
        with t.tracer.start_as_current_span("run.segment 2", context=t.context("r1")):
            pass
    tree = await read_trace(tmp_path, "r1")
    assert [(b.span.name, b.span.state) for b in tree.walk()] == [
        ("invoke_workflow coding_run", "ok"),
        ("run.segment 1", "open"),
        ("invoke_agent plan", "ok"),
        ("invoke_agent execute", "open"),
        ("run.segment 2", "ok"),
    ]
    assert {b.span.trace for b in tree.walk()} == {f"{trace_id('r1'):032x}"}
