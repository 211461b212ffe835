"""The real Prometheus with the configuration of ``deploy/``, pointed at processes of a test."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.architecture.tree import ROOT

DEPLOY = ROOT / "deploy" / "prometheus"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one."""

    http: httpx.AsyncClient

    async def query(self, expression: str) -> list[Any]:
        """What an expression comes to now."""
        answer = await self.http.get("/api/v1/query", params={"query": expression})
        body = answer.json()
        assert body["status"] == "success", (expression, body)
        return body["data"]["result"]

    async def until(self, expression: str, *, within_s: float = 90) -> list[Any]:
        """What it comes to, once it comes to anything."""
        try:
            async with asyncio.timeout(within_s):
                while not (result := await self.query(expression)):  # noqa: ASYNC110  it says nothing by itself
                    await asyncio.sleep(0.5)
        except TimeoutError:
            targets = (await self.http.get("/api/v1/targets")).json()["data"]["activeTargets"]
            raise AssertionError([(each["scrapeUrl"], each["lastError"]) for each in targets]) from None
        return result


@asynccontextmanager
async def scraping(folder: Path, targets: Mapping[str, Sequence[str]]) -> AsyncGenerator[Prometheus]:
    """Prometheus with our configuration and rules, but every few seconds; ``targets`` by the name of the job."""
    config = yaml.safe_load((DEPLOY / "prometheus.yaml").read_text())
    config["global"] |= {"scrape_interval": "3s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(folder / "rules.yaml")]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": list(targets.get(job["job_name"], ()))}]
    rules = yaml.safe_load((DEPLOY / "rules.yaml").read_text())
    for group in rules["groups"]:
        group["interval"] = "1s"
    (folder / "rules.yaml").write_text(json.dumps(rules))
    (folder / "prometheus.yaml").write_text(json.dumps(config))
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'numbers'}",
        "--web.listen-address=127.0.0.1:0",
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        address = ""
        async with asyncio.timeout(60):
            while not address:
                line = (await process.stderr.readline()).decode()
                assert line, "it ended"
                address = line.rpartition("address=")[2].strip() if "Listening on" in line else ""
        reading = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
        async with httpx.AsyncClient(base_url=f"http://{address}") as http:
            async with asyncio.timeout(30):
                while not (await http.get("/-/ready")).is_success:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            yield Prometheus(http)
    finally:
        process.terminate()
        await process.wait()
        await reading
