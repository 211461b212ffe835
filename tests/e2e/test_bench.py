"""``signoff bench strategies`` as a user runs it: over a scripted endpoint, and with none at all."""

from pathlib import Path

import pytest

from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli
from tests.worlds.house import QUICK

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CASES = f"""
- name: total
  task: The total leaves out the first price.
  accept: {QUICK!r}
  files:
    shop/__init__.py: ""
    shop/prices.py: |
      def total(prices):
          return sum(prices[1:])
"""
RIGHT = {
    "files_to_update": [{"path": "shop/prices.py", "search": "prices[1:]", "replace": "prices"}],
    "commit_message": "Count the first price too",
}
WRONG = {"files_to_update": [{"path": "shop/prices.py", "search": "prices[1:]", "replace": "prices[2:]"}]}
OK = {"status": "ok", "final_answer_markdown": "Done."}


def cli(folder: Path, **env: str) -> Cli:
    (folder / "cases.yaml").write_text(CASES)
    return Cli(folder, {"SIGNOFF_SANDBOX": "unsafe-local", **env})


async def test_strategies_over_a_scripted_endpoint(tmp_path: Path):
    """A strategy whose model is right, one whose model is wrong, each in a home of its own."""
    script = [
        {"answer": RIGHT, "when": "code_change"},
        {"answer": WRONG, "when": "code_change", "repeat": True},
        {"answer": OK, "when": "review", "repeat": True},
    ]
    async with OpenAIServer(script) as server:
        asked = cli(tmp_path, SIGNOFF_MODEL_BASE_URL=server.base_url, SIGNOFF_MODEL="fake-model")
        words = ["bench", "strategies", "--cases", str(tmp_path / "cases.yaml"), "--chart", str(tmp_path / "c.svg")]
        ended = await asked.run(*words, "-s", "fast", "-s", "single", "--json")
    assert ended.code == 0, ended.err
    fast, single = ended.json["strategies"]
    assert (fast["strategy"], fast["solved"], fast["cases"]) == ("fast", 1, 1)
    assert fast["models"] == ["fake-model"]
    assert fast["tokens"] > 0
    assert fast["peak_mb"] > 20
    assert fast["seconds"] > 0
    assert (single["strategy"], single["solved"]) == ("single", 0)
    assert ended.json["outcomes"][1]["code"]
    assert "total" in ended.err
    assert "<svg" in (tmp_path / "c.svg").read_text()


async def test_without_an_endpoint_the_repair_engine_is_what_there_is(tmp_path: Path):
    asked = cli(tmp_path)
    ended = await asked.run("bench", "strategies", "--cases", str(tmp_path / "cases.yaml"))
    assert ended.code == 0, ended.err
    assert "repair" in ended.out
    assert "balanced" not in ended.out
    assert "█" in ended.out or "0/1" in ended.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--case", "gone"], "bench_invalid"),
        (["--cases", "nowhere.yaml"], "bench_invalid"),
        (["-s", "best"], "unknown_strategy"),
    ],
)
async def test_what_cannot_be_measured_is_said_at_once(tmp_path: Path, words, code):
    ended = await cli(tmp_path).run("bench", "strategies", *words, "--json")
    assert ended.code == 2
    assert ended.json["error"]["code"] == code
