"""``signoff fix`` takes the order of the seed and answers with its keys (H6)."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.models.choosing import saying
from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli

pytestmark = [pytest.mark.docker, pytest.mark.slow]

APP = "import { Button } from './Buton'\n\nexport const App = () => <Button />\n"
SEED = {"logs": {"types": "TS2307"}, "files": {"src/App.tsx": APP}}
CHANGE = {"files_to_update": [{"path": "src/App.tsx", "search": "./Buton", "replace": "./Button"}]}


async def fixed(folder: Path, order: dict[str, Any], **env: str) -> tuple[int, Any]:
    ended = await Cli(folder, env).run("fix", stdin=json.dumps(order).encode())
    return ended.code, ended.json


async def test_the_order_of_the_seed_gives_a_diff_with_its_keys(tmp_path: Path) -> None:
    async with OpenAIServer(saying(change=CHANGE), models=["m"]) as server:
        code, answer = await fixed(tmp_path, SEED, SIGNOFF_MODEL_BASE_URL=server.base_url, SIGNOFF_MODEL="m")
    assert code == 0, answer
    assert "+import { Button } from './Button'" in answer["diff"]
    metrics = answer["metrics"]
    assert (metrics["failure_kind"], metrics["proved"]) == ("types", False), "there is no compiler in the sandbox"
    providers = metrics["providers"]
    assert set(providers) == {"router_decision", "candidates", "selected", "trace"}
    assert providers["router_decision"]["stage"] == "types"
    assert providers["router_decision"]["providers"]
    assert providers["router_decision"]["reason"].startswith("types: ")
    (candidate,) = providers["candidates"]
    assert candidate["provider"] == providers["selected"]["provider"] == providers["trace"]["provider"]
    assert (providers["selected"]["index"], providers["selected"]["diff_size"]) == (0, 2)
    assert providers["selected"]["ttg_ms"] > 0
    assert providers["trace"]["tokens_in"] > 0


async def test_a_failing_test_is_fixed_without_a_model_and_proved(tmp_path: Path) -> None:
    files = {
        "calc.py": "def add(a, b):\n    return a - b\n",
        "test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
    }
    code, answer = await fixed(tmp_path, {"logs": {"tests": "1 failed"}, "files": files})
    assert code == 0, answer
    assert "+    return a + b" in answer["diff"]
    metrics = answer["metrics"]
    assert (metrics["failure_kind"], metrics["proved"], metrics["tests_passed"]) == ("tests", True, 1)
    assert metrics["providers"]["selected"]["provider"] == "builtin-repair"
    assert metrics["providers"]["router_decision"]["providers"] == ["builtin-repair"]
