"""``python -m benchmarks prefix``: the share of our prompts that a real vLLM serves from its prefix cache.

Measured wherever vLLM is installed (``scripts/vllm.sh``), nowhere else. The share depends on our prompts alone, not
on the machine. Prompts of a run's ten coder turns after the first (``prefix_cache_share``), all prompts of that run
with those of the planner and the reviewer, each of which is read for the first time (``prefix_cache_whole_run_share``),
and ten attempts at one step (``prefix_cache_one_step_share``).
"""

import asyncio
from collections.abc import Mapping

from tests.integration.models.ghost import counts_of_a_run, share
from tests.integration.models.turns import prefix_cache_share
from tests.integration.models.vllm_server import MODEL, PYTHON, vllm

SERVED = 32_768


def measure() -> Mapping[str, float]:
    """The shares; nothing where there is no vLLM."""
    if not PYTHON.exists():
        print("no vLLM here: scripts/vllm.sh installs it")
        return {}
    with vllm(SERVED) as server:
        run = asyncio.run(counts_of_a_run(server.base_url, served=SERVED))
        one_step = asyncio.run(prefix_cache_share(server.base_url, MODEL))
    coder = [read for read in run if read.form == "code_change"]
    return {
        "models.prefix_cache_share": round(share(coder[1:]), 3),
        "models.prefix_cache_whole_run_share": round(share(run), 3),
        "models.prefix_cache_one_step_share": round(one_step, 3),
    }
