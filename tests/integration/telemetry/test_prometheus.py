"""The real Prometheus asks a live server and a live worker, and every panel of the dashboard has something to show."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tests.architecture.tree import ROOT
from tests.integration.models.whole_runs import answered
from tests.wire.openai_server import OpenAIServer
from tests.worlds import postgres
from tests.worlds.cli import Cli, told
from tests.worlds.house import OK, QUICK, repository
from tests.worlds.prometheus import Prometheus, scraping

PLAN = {"goal": "The total is right", "steps": [{"id": "s0", "title": "Mend the sum"}]}
EDIT = {"path": "shop/prices.py", "search": "    return sum(prices[1:])", "replace": "    return sum(prices)"}
SCRIPT: list[dict[str, Any]] = [
    {"when": "plan", "status": 503},
    {"when": "plan", "answer": PLAN, "repeat": True},
    answered(("run", {"command": "kill -9 $$"}), "text"),
    answered(("edit", EDIT), "text"),
    answered(("done", {"message": "Count the first price too"}), "text"),
    answered(("edit", EDIT), "text"),
    answered(("done", {"message": "Count the first price too"}), "text"),
    # From here on the coder of the second run goes in circles.
    {**answered(("run", {"command": "ls"}), "text"), "repeat": True},
    {"when": "review", "answer": OK, "repeat": True},
]
METRICS = r"metrics: http://([\d.:]+)/metrics"
VLLM_GAUGES = ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")
VLLM_COUNTERS = ("prefix_cache_hits", "prefix_cache_queries", "prompt_tokens", "generation_tokens", "num_preemptions")
VLLM_HISTOGRAMS = (
    "time_to_first_token_seconds",
    "inter_token_latency_seconds",
    "e2e_request_latency_seconds",
    "request_queue_time_seconds",
    "request_prefill_time_seconds",
    "request_decode_time_seconds",
)


def panels() -> dict[str, list[str]]:
    """Every query of the dashboard, by the title of its panel."""
    board = json.loads((ROOT / "deploy" / "grafana" / "signoff.json").read_text())
    return {
        panel["title"]: [target["expr"].replace("$__rate_interval", "5m") for target in panel["targets"]]
        for panel in board["panels"]
        if panel["type"] != "row"
    }


@pytest.fixture
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture
async def vllm() -> AsyncGenerator[str]:
    """A page with vLLM's own series, which has served something more whenever Prometheus comes."""
    registry = CollectorRegistry()
    for name in VLLM_GAUGES:
        Gauge(f"vllm:{name}", name, registry=registry).set(1)
    counters = [Counter(f"vllm:{name}", name, registry=registry) for name in VLLM_COUNTERS]
    histograms = [Histogram(f"vllm:{name}", name, registry=registry) for name in VLLM_HISTOGRAMS]

    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for each in counters:
            each.inc()
        for each in histograms:
            each.observe(0.1)
        writer.write(b"HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n" + generate_latest(registry))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(page, "127.0.0.1", 0) as server:
        yield "{}:{}".format(*server.sockets[0].getsockname())


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.postgres
@pytest.mark.timeout(500)
async def test_every_panel_shows_something_after_a_demo_run(tmp_path: Path, socket: Path, vllm: str) -> None:
    postgres.sql(socket, "CREATE DATABASE numbers")
    async with (
        OpenAIServer(SCRIPT, models=["m"], supports=("json_schema", "tools")) as model,
        AsyncExitStack() as stack,
    ):
        env = {
            "SIGNOFF_DATABASE_URL": postgres.libpq(socket, "numbers"),
            "SIGNOFF_MODEL_BASE_URL": model.base_url,
            "SIGNOFF_MODEL": "m",
            "SIGNOFF_CODER_DIALECT": "text",
            "SIGNOFF_METRICS_PORT": "0",
            "SIGNOFF_PLANS": str(tmp_path / "plans.yaml"),
        }
        (tmp_path / "plans.yaml").write_text("default: free\nplans: {free: {runs: 1000}}\n")
        cli, alone = Cli(tmp_path, env), Cli(tmp_path, {**env, "SIGNOFF_WORKERS": "0"})
        assert (await cli.run("migrate")).code == 0
        server = await alone.start("serve", "--port", "0")
        worker = await cli.start("worker", "--workers", "2")
        for process in (server, worker):
            stack.push_async_callback(ended, process)
        pages = [await told(server, METRICS)]
        key = await told(server, r"(ak_\w+)")
        http = httpx.AsyncClient(base_url=await told(server, r"(http://127\.0\.0\.1:\d+)"), timeout=180)
        await stack.enter_async_context(http)
        pages.append(await told(worker, METRICS))
        prometheus = await stack.enter_async_context(scraping(tmp_path, {"signoff": pages, "vllm": [vllm]}))
        assert len(await prometheus.until('up{job="signoff"} == 1 and on () count(up{job="signoff"} == 1) == 2')) == 2

        http.headers["x-api-key"] = key
        session = (await http.post("/v1/session", json={"key": key})).json()["token"]
        people = {"authorization": f"Bearer {session}", "x-api-key": ""}
        task = {
            "text": "Fix the total",
            "repo": str(repository(tmp_path / "repo")),
            "accept": QUICK,
            "deliver": "branch",
        }

        async def run(**changed: str) -> str:
            body = {"assistant_id": "coding", "input": {"task": {**task, **changed}}}
            return (await http.post("/runs/wait", json=body)).headers["content-location"].split("/")[2]

        thread = await run()
        ((interrupt, *_),) = (await http.get(f"/threads/{thread}")).json()["interrupts"].values()
        resumed = {interrupt["id"]: {"decisions": [{"type": "approve"}]}}
        body = {"assistant_id": "coding", "command": {"resume": resumed}}
        await http.post(f"/threads/{thread}/runs/wait", json=body, headers=people)
        assert (await http.get(f"/v1/runs/{thread}")).json()["status"] == "delivered"
        # The same again is left without a signature, and its plan comes from the cache.
        waiting = await run()
        assert (await http.get(f"/v1/runs/{waiting}")).json()["status"] == "interrupted"
        # And a third one goes in circles.
        failed = await run(accept="false")
        assert (await http.get(f"/v1/runs/{failed}")).json()["status"] == "failed"

        assert not await empty_panels(prometheus)
        firing = await prometheus.query('ALERTS{alertstate="firing", severity="page"}')
        assert not firing, firing


async def empty_panels(prometheus: Prometheus) -> set[tuple[str, str]]:
    """Panels and their queries that have nothing to show, also after a while."""
    empty = {(title, query) for title, queries in panels().items() for query in queries}
    with suppress(TimeoutError):
        async with asyncio.timeout(90):
            while empty:
                for title, query in tuple(empty):
                    if any(row["value"][1] != "NaN" for row in await prometheus.query(query)):
                        empty.discard((title, query))
                await asyncio.sleep(1)
    return empty


async def ended(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 60)
