"""Every model of the catalogue has a values file for vLLM, and the compose service understands it."""

import re
from pathlib import Path

import pytest
import yaml

from models.routing import load_catalogue

FOLDER = Path(__file__).parents[3] / "deploy" / "vllm"
CARDS = {card.id: card for card in load_catalogue().models}


def values(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


FILES = {values(path)["MODEL"]: values(path) for path in FOLDER.glob("*.env")}


def test_every_model_of_the_catalogue_can_be_served():
    assert set(FILES) == set(CARDS)


@pytest.mark.parametrize("model", FILES)
def test_a_values_file_serves_what_the_catalogue_promises(model):
    said = FILES[model]
    assert int(said["MAX_MODEL_LEN"]) == CARDS[model].context
    assert said["TOOL_CALL_PARSER"] in {"hermes", "qwen3_coder"}


@pytest.mark.parametrize("model", FILES)
def test_the_compose_service_knows_every_value(model):
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    known = set(re.findall(r"\$\{(\w+)", text))
    assert set(FILES[model]) <= known
    service = yaml.safe_load(text)["services"]["vllm"]
    assert service["ports"] == ["127.0.0.1:${PORT:-8000}:8000"], "on this machine only"
    assert "--enable-prefix-caching" in service["command"]
