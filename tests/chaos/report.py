"""The page that a storm writes about itself. Pure."""

from collections.abc import Mapping
from typing import Any

from tests.chaos.storm import Tally

HEAD = """# What survives

This page is written by `make chaos` itself: servers are killed with `kill -9` at moments that a seed chooses, while
clients start runs and sign. Once a request was answered, its run must come to its end and be delivered exactly once.

"""
CASES = """
## Every case by itself

The tests in `tests/chaos/` hit the places where it hurts most, one at a time, and compare how the run ended with an
undisturbed one. They run with `make test` (the long ones with `make chaos`).

| what is killed, and when | what is proved | test |
|---|---|---|
| the worker, before each node, and after it before the checkpoint | same end, one delivery | `test_nodes.py` |
| the worker, at several moments inside every node that waits | one branch with one commit | `test_nodes.py` |
| the API server, while a client streams | the SDK comes back by itself and misses no step | `test_streams.py` |
| the sandbox's container, while a command runs in it | the run goes on in another; none is left | `test_sandboxes.py` |
| PostgreSQL, while runs advance | the servers wait for it; every run ends, delivered once | `test_postgres.py` |
| a server or a worker on PostgreSQL, at random | the others go on | `test_postgres.py` |
| everything, between a forge's hook and its run's start | it starts once, and has one answer | `test_hooks.py` |
| a worker, in the middle of a tool's call (MCP) | what acts is sent once, what reads again | `test_tools.py` |
| nobody: a process stands still for longer than its lease | afterwards it neither writes nor acts | `test_zombies.py` |
"""


BEGINS, ENDS = "<!--cluster-->\n", "<!--/cluster-->\n"
"""Around what a storm over PostgreSQL alone wrote (``nightly --cluster``)."""


def cluster_figures(tally: Tally, *, seed: int) -> dict[str, Any]:
    """The same as data."""
    return {
        "kills": tally.kills,
        "killed": dict(sorted(tally.hit.items())),
        "last_node": dict(sorted(tally.last_node.items())),
        "runs_accepted": len(tally.threads),
        "ended": dict(sorted(tally.ended.items())),
        "lost": tally.lost,
        "not_delivered": tally.undelivered,
        "delivered_twice": tally.delivered_twice,
        "seconds": round(tally.took_s),
        "seed": seed,
    }


def cluster_section(tally: Tally, *, seed: int) -> str:
    """What a storm over a server that also works, a worker and their database came to."""
    hit = ", ".join(f"{number} times the {name}" for name, number in sorted(tally.hit.items()))
    return (
        f"{BEGINS}\n## A server that also works, a worker and their PostgreSQL\n\n"
        f"Killed with `kill -9`, {tally.kills} times in all: {hit.replace('the PostgreSQL', 'PostgreSQL')}.\n"
        f"Runs accepted: {len(tally.threads)}; lost: {tally.lost}; not delivered: {tally.undelivered}; "
        f"delivered twice: {tally.delivered_twice}.\nIt took {round(tally.took_s)} seconds; again with "
        f"`python -m tests.chaos.nightly --cluster {tally.kills} --seed {seed}`.\n\n{ENDS}"
    )


def with_section(page: str, section: str) -> str:
    """The page with this section in place of the one it had, before the list of single cases."""
    before, _, rest = page.partition(BEGINS)
    page = before + rest.partition(ENDS)[2] if rest else page
    head, heading, cases = page.partition("\n## Every case by itself")
    return f"{head}\n{section}{heading}{cases}".replace("\n\n\n", "\n\n")


def section_of(page: str) -> str:
    """The section that a page has; empty without one."""
    inside = page.partition(BEGINS)[2].partition(ENDS)[0]
    return f"{BEGINS}{inside}{ENDS}" if inside else ""


def written(found: Mapping[str, Tally], *, seed: int, kills: int, containers_left: int) -> str:
    """The page."""
    lines = [
        "| | " + " | ".join(found) + " |",
        "|---|" + "---:|" * len(found),
        _row("kills", [tally.kills for tally in found.values()]),
        _row("runs accepted", [len(tally.threads) for tally in found.values()]),
        _row("lost", [tally.lost for tally in found.values()]),
        _row("not delivered", [tally.undelivered for tally in found.values()]),
        _row("delivered twice", [tally.delivered_twice for tally in found.values()]),
        _row("seconds", [round(tally.took_s) for tally in found.values()]),
    ]
    nodes = sorted({node for tally in found.values() for node in tally.last_node})
    where = [
        "| last node begun | " + " | ".join(found) + " |",
        "|---|" + "---:|" * len(found),
        *(_row(node, [tally.last_node[node] for tally in found.values()]) for node in nodes),
    ]
    return (
        HEAD
        + "\n".join(lines)
        + f"\n\nContainers left after the next sweep: {containers_left}. Seed {seed}; again with "
        + f"`python -m tests.chaos.nightly --kills {kills} --seed {seed}`. The seed fixes the requests and\n"
        + "the moments of the kills; what a server was doing then depends on the machine.\n\n"
        + "Where they were when they were killed:\n\n"
        + "\n".join(where)
        + "\n"
        + CASES
    )


def _row(name: str, numbers: list[int]) -> str:
    return f"| {name} | " + " | ".join(f"{number:,}" for number in numbers) + " |"
