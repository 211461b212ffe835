"""How much of what clients of LangGraph's servers ask for works, counted as passed of total for each suite.

``python -m benchmarks clients``: every method of the two SDKs, RemoteGraph, and the calls of Aegra's end-to-end suite
in words of our own.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from benchmarks.clients import aegra, remote_graph, sdk
from benchmarks.servers import ours, temporary

SUITES = {"python_sdk": sdk.python, "npm_sdk": sdk.npm, "remote_graph": remote_graph.tried, "aegra_calls": aegra.tried}


def measure() -> Mapping[str, float | str]:
    """Passed and total, and what failed, on standard output."""
    with temporary() as folder:
        return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> Mapping[str, float | str]:
    measured: dict[str, float | str] = {}
    for name, suite in SUITES.items():
        async with ours(folder / name) as server:
            results = await suite(server)
        failed = {what: why for what, why in results.items() if why}
        for what, why in failed.items():
            print(f"  {name} {what}: {why}")
        if results:
            measured[f"clients.{name}"] = f"{len(results) - len(failed)}/{len(results)}"
            print(f"{name}: {measured[f'clients.{name}']}")
    return measured
