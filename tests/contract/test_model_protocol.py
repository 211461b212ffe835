"""docs/model-protocol.md says what is really sent, and its examples are really answers."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from domain import CodeChange, Plan, Review
from domain.change import Scores
from models.clients.contract import schema_of
from models.clients.structured import read
from scripts.model_protocol import PAGE, updated
from tests.wire.asking import PLAN, ask
from tests.wire.openai_server import OpenAIServer

ROOT = Path(__file__).parents[2]
TEXT = PAGE.read_text(encoding="utf-8")
ANSWERS = {"plan": Plan, "code_change": CodeChange, "review": Review, "scores": Scores}
SPOKEN = {"plan": "plan.md", "code_change": "execute.md", "review": "review.md", "scores": "judge.md"}
"""The prompt that asks for each form."""


def examples(form: str) -> list[str]:
    section = TEXT.split(f"\n### {form}\n")[1].split("<!-- schema")[0]
    return re.findall(r"```json\n(.*?)\n```", section, re.DOTALL)


def test_the_schemas_are_those_of_the_source():
    assert updated(TEXT) == TEXT, "run: python scripts/model_protocol.py"


@pytest.mark.parametrize("form", ANSWERS)
def test_the_schemas_are_valid_closed_and_bounded(form):
    schema = schema_of(ANSWERS[form]).strict_schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema_of(ANSWERS[form]).name == form
    text = json.dumps(schema)
    assert "$ref" not in text
    assert text.count('"additionalProperties": false') == text.count('"properties"')
    assert '"pattern": "^[A-Za-z0-9._-]{1,40}$"' in text or form != "plan", "a pattern has its length inside"
    assert text.count('"maxItems"') == text.count('"type": "array"')


@pytest.mark.parametrize("form", ANSWERS)
def test_the_smallest_answers_are_answers(form):
    assert examples(form)
    for text in examples(form):
        assert read(text, ANSWERS[form]).wrong == ""


@pytest.mark.parametrize("form", SPOKEN)
def test_the_system_message_begins_as_the_page_says(form):
    (row,) = [line for line in TEXT.splitlines() if line.startswith("| [") and f"`{form}` | `{form}`" in line]
    begins = row.split("`")[5]
    prompt = (ROOT / "nodes" / SPOKEN[form]).read_text(encoding="utf-8")
    assert prompt.removeprefix("<!-- system -->\n").replace("\n", " ").startswith(begins)


async def test_nothing_else_is_sent():
    async with OpenAIServer([{"answer": PLAN}]) as server:
        await ask(server)
    sample = json.loads(TEXT.split("## The request\n")[1].split("```json\n")[1].split("\n```")[0])
    assert set(server.asked[0].body) == set(sample)
    assert set(server.asked[0].body["response_format"]["json_schema"]) == {"name", "strict", "schema"}


async def test_the_smallest_endpoint_works():
    body = json.loads(TEXT.split("## The smallest endpoint")[1].split("```json\n")[1].split("\n```")[0])
    body["choices"][0]["message"]["content"] = examples("plan")[0]
    async with OpenAIServer([{"raw": json.dumps(body)}]) as server:
        reply = await ask(server)
    assert reply.value == read(examples("plan")[0], Plan).value
    assert reply.usage.tokens_in == 10
