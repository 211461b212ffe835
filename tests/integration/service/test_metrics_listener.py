"""Prometheus asks servers and workers at a port of their own, as the configuration in deploy/ says."""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from domain import Refused, Task
from service.api.metrics_listener import metrics_listener
from service.settings import Settings
from tests.architecture.tree import ROOT
from tests.worlds.engines import World

SCRAPED = ROOT / "deploy" / "prometheus" / "prometheus.yaml"
COMPOSE = ROOT / "deploy" / "compose.yaml"


async def test_a_process_answers_prometheus_without_a_key_and_nothing_else(tmp_path: Path) -> None:
    async with (
        World(tmp_path, "", None).context(metrics_port=0) as context,
        metrics_listener(context) as listening,
        httpx.AsyncClient(base_url=f"http://{listening.host}:{listening.port}") as http,
    ):
        assert listening.host == "127.0.0.1"
        page = await http.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain")
        names = {family.name for family in text_string_to_metric_families(page.text)}
        assert {"signoff_runs", "signoff_pending_ballots"} <= names
        assert [(await http.get(path)).status_code for path in ("/", "/ok", "/threads", "/docs")] == [404] * 4
        assert (await http.post("/metrics")).status_code == 405


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    async with World(tmp_path, "", None).context(metrics_port=0) as context, metrics_listener(context) as listening:
        taken = replace(context, settings=context.settings.model_copy(update={"metrics_port": listening.port}))
        with pytest.raises(Refused, match="cannot be served") as refused:
            await metrics_listener(taken).__aenter__()
        assert refused.value.stable_code == "port_unavailable"


def test_what_is_scraped_are_the_processes_of_compose_at_their_port() -> None:
    compose: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    ours = [name for name in compose if name.startswith(("serve-", "worker-"))]
    (job, _) = yaml.safe_load(SCRAPED.read_text())["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    ports = {compose[name]["environment"]["SIGNOFF_METRICS_PORT"] for name in ours}
    assert job["static_configs"] == [{"targets": [f"{name}:{port}" for name in ours for port in ports]}]
    assert Settings.model_fields["metrics_host"].default == "127.0.0.1"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="apt-get install prometheus")
async def test_prometheus_itself_scrapes_with_our_configuration(tmp_path: Path) -> None:
    async with World(tmp_path, "", None).context(metrics_port=0) as context, metrics_listener(context) as listening:
        await context.application.engine.create(Task(text="do it", repo="/nowhere", requester="ann"))
        config = yaml.safe_load(SCRAPED.read_text())
        config["global"]["scrape_interval"] = "1s"
        (job, _) = config["scrape_configs"]
        # The names are of compose's network; here the process is this one.
        job["static_configs"] = [{"targets": [f"{listening.host}:{listening.port}"]}]
        config["scrape_configs"] = [job]
        (tmp_path / "prometheus.yaml").write_text(json.dumps(config))
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yaml'}",
            f"--storage.tsdb.path={tmp_path / 'numbers'}",
            "--web.listen-address=127.0.0.1:0",
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stderr is not None
            async with asyncio.timeout(60):
                address = ""
                while not address:
                    line = (await process.stderr.readline()).decode()
                    address = line.rpartition("address=")[2].strip() if "Listening on" in line else ""
                async with httpx.AsyncClient(base_url=f"http://{address}") as http:
                    up: list[Any] = []
                    while not up or up[0]["value"][1] != "1":
                        answer = await http.get("/api/v1/query", params={"query": 'up{job="signoff"}'})
                        up = answer.json()["data"]["result"] if answer.is_success else []
                        await asyncio.sleep(0.2)
                    asked = await http.get("/api/v1/query", params={"query": "signoff_runs"})
                    (runs,) = asked.json()["data"]["result"]
                    assert (runs["metric"]["status"], runs["value"][1]) == ("pending", "1")
        finally:
            process.terminate()
            await process.communicate()
