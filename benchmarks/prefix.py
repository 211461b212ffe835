"""``python -m benchmarks prefix``: the share of our prompts that a prefix cache serves.

The share depends on our prompts alone, not on the machine. Whole runs (planner, coder, reviewer; edits that do not fit,
a nudge, a "done" too early) are counted as vLLM counts them, from their requests: all of them with 32k
(``prefix_cache_whole_run_share``), each dialect and length, and those that are far longer than the 8k that are served.

Where vLLM is installed (``scripts/vllm.sh``) a real one reads the same prompts, and its own count is kept
(``prefix_cache_vllm_whole_run_share``), with that of the prompts of ten coder turns after the first
(``prefix_cache_share``), and of ten attempts at one step (``prefix_cache_one_step_share``).
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.integration.models.ghost import counts_of_a_run
from tests.integration.models.turns import prefix_cache_share
from tests.integration.models.vllm_server import MODEL, PYTHON, vllm
from tests.integration.models.whole_runs import asked_in, read, read_by
from tests.wire.openai_answers import Received
from tests.worlds.prefix_cache import ReadPrompt, share

LONG, SHORT = 32_768, 8_192
TURNS = (10, 20, 30)
DIALECTS = ("text", "tools", "single")


def measure() -> Mapping[str, float]:
    """The shares; those of a real vLLM where there is one."""
    runs = {
        (dialect, turns, served): asyncio.run(_asked(dialect, turns, served))
        for served in (LONG, SHORT)
        for dialect in DIALECTS
        for turns in TURNS
        # A coder that answers at once begins a conversation a step: what is served does not matter to it.
        if (dialect, served) != ("single", SHORT)
    }
    counted = {run: read(asked) for run, asked in runs.items()}
    numbers = {
        f"models.prefix_cache_{dialect}_{turns}_turns_{served // 1_024}k": round(share(prompts), 3)
        for (dialect, turns, served), prompts in counted.items()
    }
    numbers["models.prefix_cache_whole_run_share"] = round(share(_by_turns(counted)), 3)
    if not PYTHON.exists():
        print("no vLLM here: scripts/vllm.sh installs it")
        return numbers
    with vllm(LONG) as server:
        real = {run: asyncio.run(read_by(server.base_url, asked)) for run, asked in runs.items()}
        turns = asyncio.run(counts_of_a_run(server.base_url, served=LONG))
        one_step = asyncio.run(prefix_cache_share(server.base_url, MODEL))
    return {
        **numbers,
        "models.prefix_cache_vllm_whole_run_share": round(share(_by_turns(real)), 3),
        "models.prefix_cache_share": round(share([each for each in turns if each.role == "code_change"][1:]), 3),
        "models.prefix_cache_one_step_share": round(one_step, 3),
    }


def _by_turns(counted: Mapping[tuple[str, int, int], list[ReadPrompt]]) -> list[ReadPrompt]:
    """The prompts of all runs that work turn by turn with 32k, each run with a cache of its own."""
    return [
        prompt
        for (dialect, _, served), prompts in counted.items()
        if dialect != "single" and served == LONG
        for prompt in prompts
    ]


async def _asked(dialect: str, turns: int, served: int) -> list[Received]:
    with TemporaryDirectory() as name:
        return await asked_in(Path(name), dialect, turns, served)
