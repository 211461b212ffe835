"""A run whose words are a script's and whose prompts a real vLLM reads: what its prefix cache serves of a whole run.

The tiny model cannot bring a run beyond its first loop, so a scripted endpoint stands in front of vLLM: each
prompt of the run goes to vLLM as it is, and the answer has the script's words and vLLM's count of tokens.
"""

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx

from tests.integration.models.choosing import LONG, delivered, opened
from tests.integration.models.vllm_server import MODEL, ROOT
from tests.wire.openai_answers import Received
from tests.wire.openai_server import OpenAIServer
from tests.worlds.house import OK, repository
from tests.worlds.prefix_cache import ReadPrompt

STEPS, TRIES = 5, 2
"""Ten turns of the coder."""
TASK = f"Make the stock report say what is missing. {LONG}"
BUDGET = {"max_steps": 80, "max_tokens": 5_000_000, "max_minutes": 120, "max_sandbox_seconds": 5_000}
PLAN = {
    "goal": "The report says what is missing",
    "steps": [{"id": f"s{n}", "title": f"Write note {n}", "needs": [f"s{n - 1}"] if n else []} for n in range(STEPS)],
}


class Voice(OpenAIServer):
    """See the module."""

    def __init__(self, script: Sequence[dict[str, Any]], *, reader: str, served: int) -> None:
        super().__init__(script, models=[MODEL], max_model_len=served)
        self.reader, self.salt = reader, uuid4().hex
        self.counts: list[ReadPrompt] = []

    async def _play(
        self, step: dict[str, Any], request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        body = {"model": MODEL, "messages": request.body["messages"], "max_tokens": 1, "cache_salt": self.salt}
        async with httpx.AsyncClient(timeout=60) as http:
            answer = await http.post(f"{self.reader}/chat/completions", json=body)
        used = answer.raise_for_status().json()["usage"]
        details = used.get("prompt_tokens_details") or {}
        self.counts.append(ReadPrompt(request.form, used["prompt_tokens"], details.get("cached_tokens") or 0))
        await super()._play({**step, "usage": used}, request, reader, writer)


def script() -> list[dict[str, Any]]:
    """A plan; an attempt at each step that fails, then one that does it; a review."""
    changes = [
        {
            "files_to_create": [{"path": f"notes/{step}-{attempt}.txt", "content": f"Note {step}, {attempt}.\n" * 9}],
            "cmd_instructions": [f"test -f notes/{step}-{TRIES}.txt"],
        }
        for step in range(STEPS)
        for attempt in range(1, TRIES + 1)
    ]
    said = [{"when": "code_change", "answer": change} for change in changes]
    return [{"when": "plan", "answer": PLAN}, *said, {"when": "review", "answer": OK, "repeat": True}]


def laid_out(folder: Path) -> None:
    """A repository with enough in it to fill what a model is shown."""
    shutil.copytree(ROOT / "examples" / "inventory", folder / "repo")
    repository(folder / "repo", {})


async def worked(folder: Path, endpoint: OpenAIServer) -> None:
    """Let a run of ten turns speak to an endpoint."""
    accept = f"test -f notes/{STEPS - 1}-{TRIES}.txt"
    async with opened(folder, model_base_url=endpoint.base_url, model=MODEL, model_cache="off") as application:
        standing = await delivered(application, folder, text=TASK, accept=accept, strategy="low_ram", budget=BUDGET)
    assert standing.run.status in {"interrupted", "delivered"}, standing.run.ending


async def counts_of_a_run(reader: str, *, served: int) -> list[ReadPrompt]:
    """Let a run of ten turns speak to a vLLM at ``reader``; what it read of each prompt, in order."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        laid_out(folder)
        async with Voice(script(), reader=reader, served=served) as voice:
            await worked(folder, voice)
    return voice.counts
