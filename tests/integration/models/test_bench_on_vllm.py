"""``signoff bench strategies`` over a real vLLM: every strategy, each asking the model of its tier.

Nothing here depends on what random weights say or on how long it takes: an answer may parse or not, nobody stands
in for the model that is to be asked, and no search ends a call before it was sent, because no single edit is right.
"""

from pathlib import Path

import pytest
import yaml

from models.routing import load_catalogue
from service.eval.evaluation import BASELINE
from tests.e2e.test_bench import cli
from tests.integration.models.vllm_server import MODEL, Vllm

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(2_400)]

TIERS = {MODEL: ("balanced", 18), "tiny-fast": ("fast", 5), "tiny-premium": ("premium", 64)}
"""What stands for models of three tiers, and the GB they would take: the tiny model and two adapters of it."""


UNMENDABLE = """
- name: mean
  task: There is no mean.
  accept: python -m unittest -q
  files:
    shop.py: |
      def total(prices):
          return sum(prices)
    test_shop.py: |
      import unittest
      import shop

      class Means(unittest.TestCase):
          def test_mean(self):
              self.assertEqual(shop.mean([1, 3]), 2)
"""
SHORT = {"temperature": 0.2, "max_tokens": 48, "timeout_s": 300}


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
    told = {
        "models": models,
        "persistence": {"fallbacks": 0, "attempts": 1},
        "roles": {"planner": SHORT, "coder": SHORT, "reviewer": SHORT},
    }
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return path


async def test_every_strategy_is_measured(server: Vllm, tmp_path: Path):
    for name in TIERS:
        if name != MODEL:
            await server.load_adapter(name)
    asked = cli(tmp_path, SIGNOFF_CATALOGUE=str(catalogue(server, tmp_path)), SIGNOFF_REPAIR_SECONDS="3")
    (tmp_path / "cases.yaml").write_text(UNMENDABLE, encoding="utf-8")
    chart = tmp_path / "strategies.svg"
    words = ["--cases", str(tmp_path / "cases.yaml"), "--chart", str(chart), "--json"]
    ended = await asked.run("bench", "strategies", *words)
    assert ended.code == 0, ended.err
    rows = {row["strategy"]: row for row in ended.json["strategies"]}
    assert list(rows) == [BASELINE, *load_catalogue().strategies]
    wrong = {o["code"] for o in ended.json["outcomes"] if o["code"].startswith("llm_") or o["status"] == "refused"}
    assert wrong <= {"llm_unreadable", "llm_cut_off"}, ended.json["outcomes"]
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
