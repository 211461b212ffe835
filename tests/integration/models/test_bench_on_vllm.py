"""``signoff bench strategies`` over a real vLLM: every strategy, each asking the model of its tier."""

from pathlib import Path

import pytest
import yaml

from models import load_catalogue
from service.bench import BASELINE
from tests.e2e.test_bench import cli
from tests.integration.models.vllm_server import MODEL, Vllm

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(900)]

TIERS = {MODEL: ("balanced", 18), "tiny-fast": ("fast", 5), "tiny-premium": ("premium", 64)}
"""What stands for models of three tiers, and the GB they would take: the tiny model and two adapters of it."""


def catalogue(server: Vllm, folder: Path) -> Path:
    models = [
        {
            "id": name,
            "endpoint": server.base_url,
            "tier": tier,
            "memory_gb": memory,
            "price_in": "0.1",
            "price_out": "1",
        }
        for name, (tier, memory) in TIERS.items()
    ]
    path = folder / "catalogue.yaml"
    path.write_text(yaml.safe_dump({"models": models}), encoding="utf-8")
    return path


async def test_every_strategy_is_measured(server: Vllm, tmp_path: Path):
    for name in TIERS:
        if name != MODEL:
            await server.load_adapter(name)
    asked = cli(tmp_path, SIGNOFF_CATALOGUE=str(catalogue(server, tmp_path)), SIGNOFF_REPAIR_SECONDS="20")
    chart = tmp_path / "strategies.svg"
    words = ["--cases", str(tmp_path / "cases.yaml"), "--chart", str(chart), "--json"]
    ended = await asked.run("bench", "strategies", *words)
    assert ended.code == 0, ended.err
    rows = {row["strategy"]: row for row in ended.json["strategies"]}
    assert list(rows) == [BASELINE, *load_catalogue().strategies]
    assert not [o for o in ended.json["outcomes"] if o["code"].startswith("llm_") or o["status"] == "refused"]
    assert "<svg" in chart.read_text(encoding="utf-8")
    for name, row in rows.items():
        spoke = bool(set(row["models"]) & set(TIERS))
        assert spoke == (name != BASELINE), row
        assert (row["tokens"] > 0) == (float(row["cost"]) > 0) == (row["models_gb"] > 0) == spoke, row
        assert row["seconds"] > 0
        assert row["peak_mb"] > 50
    assert set(rows["fast"]["models"]) & set(TIERS) == {"tiny-fast"}
    assert set(rows["low_ram"]["models"]) & set(TIERS) == {"tiny-fast"}
    assert set(rows["single"]["models"]) & set(TIERS) == {MODEL}
    assert set(rows["quality"]["models"]) & set(TIERS) == {"tiny-premium"}
