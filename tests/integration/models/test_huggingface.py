"""The tiny model in a process of ours, in the environment that has torch."""

import json
import subprocess

import pytest

from tests.integration.models.vllm_server import CONTEXT, PYTHON, ROOT, TINY

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_model_in_this_process():
    subprocess.run([PYTHON, ROOT / "scripts" / "tiny_model.py", TINY], check=True, stdout=subprocess.DEVNULL)
    command = ["env", "HF_HUB_OFFLINE=1", str(PYTHON), "-m", "tests.integration.models.in_process", str(TINY / "model")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["model"] == str(TINY / "model")
    assert told["finish"] in {"length", "stop"}
    assert told["tokens"][0] > 10
    assert told["first_before_last"]
    assert told["pieces"] >= 1
    assert told["heard"]
    assert told["nonsense"] == ["llm_unreadable", None]
    assert told["too_long"] == ["context_too_long", CONTEXT]
    assert told["gone"] == "llm_unknown_model"
