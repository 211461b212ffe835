from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from models.contract import TIERS
from models.routing import load_catalogue
from models.routing.catalogue import CatalogueFile
from models.yaml import parse_yaml

OURS = load_catalogue()
MINE = """\
models:
  - id: tiny
    endpoint: http://127.0.0.1:9/v1
    tier: premium
    price_in: "0.001"
  - id: Qwen/Qwen2.5-Coder-7B-Instruct
    context: 4096
strategies:
  mine: {description: Mine, tasks: {fix: {model: tiny}}}
roles:
  coder: {temperature: 0.7, max_tokens: 99}
experts:
  - {id: code_cobol, keywords: [cobol], prompt: You know COBOL.}
"""


def load(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return load_catalogue(path)


def test_what_is_promised_is_there():
    assert {"balanced", "quality", "fast", "low_ram", "single", "custom"} <= set(OURS.strategies)
    assert len(OURS.experts) == 12
    assert {card.tier for card in OURS.models} == set(TIERS)
    settings = {role: (OURS.settings(role).temperature, OURS.settings(role).max_tokens) for role in OURS.roles}
    assert settings["planner"] == (0.3, 1_024)
    assert settings["coder"] == (0.2, 2_048)
    assert settings["reviewer"] == (0.4, 2_048)
    assert {rule.failure for rule in OURS.rules} == {"types", "build", "tests", "style", "docs", "general"}
    assert all(isinstance(card.price_in, Decimal) for card in OURS.models)


def test_a_file_of_ones_own_is_laid_over_ours(tmp_path):
    mine = load(tmp_path, MINE)
    assert mine.models[0].id == "tiny"
    assert mine.model("Qwen/Qwen2.5-Coder-7B-Instruct").context == 4_096
    assert mine.settings("coder").max_tokens == 99
    assert mine.settings("planner") == OURS.settings("planner")
    assert mine.choose_expert("Port the COBOL module", ()).id == "code_cobol"
    assert mine.price("tiny").per_1k_in == Decimal("0.001")
    assert mine.strategy("mine").description == "Mine"
    assert mine.strategy("balanced") == OURS.strategy("balanced")


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("models:\n  - id: a\n    tier: best\n", ":3:11:", "models.0.tier"),
        ("models:\n  - tier: fast\n", ":2:5:", "models.0.id"),
        ("models:\n  - id: a\n    pric_in: 1\n", ":3:", "models.0.pric_in"),
        ("models:\n  - id: a\n    price_in: -1\n", ":3:15:", "greater than or equal to 0"),
        ("strategies:\n  x:\n    tasks:\n      fly: {}\n", ":4:", "strategies.x.tasks.fly"),
        ("models: [\n", ":2:1:", "expected"),
        ("models:\n\t- id: a\n", ":2:1:", "cannot start any token"),
        ("- 1\n", ":1:1:", "the file"),
        ("strategies:\n  x: {tasks: {fix: {model: gone}}}\n", "", "'gone'"),
        ("models:\n  - id: a\n    lora: {code_gone: x}\n", "", "'code_gone'"),
    ],
)
def test_a_mistake_is_said_with_line_and_column(tmp_path, text, place, said):
    with pytest.raises(Refused) as caught:
        load(tmp_path, text)
    assert caught.value.stable_code == "catalogue_invalid"
    assert f"mine.yaml{place}" in caught.value.message
    assert said in caught.value.message


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(Refused, match="cannot be read"):
        load_catalogue(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda: OURS.model("x"), "unknown_model"),
        (lambda: OURS.expert("x"), "unknown_expert"),
        (lambda: OURS.strategy("x"), "unknown_strategy"),
    ],
)
def test_an_unknown_name_lists_the_known_ones(ask, code):
    with pytest.raises(Refused) as caught:
        ask()
    assert caught.value.stable_code == code
    assert "," in caught.value.hint


@given(st.text(max_size=200))
def test_any_text_is_a_catalogue_or_a_refusal_with_a_place(text):
    message = "x.yaml"
    try:
        parse_yaml(text, CatalogueFile, name="x.yaml", code="catalogue_invalid")
    except Refused as error:
        message = error.message
    assert message.startswith("x.yaml")


def test_every_expert_can_be_had_by_its_own_words():
    for expert in OURS.experts:
        assert expert.prompt
        if expert.keywords:
            assert OURS.choose_expert(" ".join(expert.keywords), ()).id == expert.id


@pytest.mark.parametrize(
    ("text", "paths", "expert"),
    [
        ("Fix the failing pytest in the billing module", ["a.py"], "code_python"),
        ("Add a React button to the settings page", ["a.tsx"], "code_frontend"),
        ("The sum is wrong", ["src/a.ts", "src/b.ts", "package.json"], "code_ts"),
        ("The sum is wrong", ["a.py", "b.py"], "code_python"),
        ("The sum is wrong", [], "code_general"),
        ("The sum is wrong", ["main.go"], "code_general"),
        ("Write tests for the parser", ["a.py"], "code_testing"),
        ("Add a migration for the orders table, with an index", ["app/models.py"], "code_database"),
        ("Pin the base image in the Dockerfile", ["Dockerfile", "a.py"], "code_infra"),
    ],
)
def test_the_expert_for_a_task(text, paths, expert):
    assert OURS.choose_expert(text, paths).id == expert


@given(
    st.text(max_size=300),
    st.lists(st.sampled_from(["a.py", "b.ts", "c.sql", "x/y.tf", "README"]), max_size=20),
    st.randoms(),
)
def test_the_choice_does_not_depend_on_chance(text, paths, random):
    chosen = OURS.choose_expert(text, paths)
    random.shuffle(paths)
    assert OURS.choose_expert(text.upper().lower() if text.isascii() else text, paths) == chosen
    assert chosen in OURS.experts
