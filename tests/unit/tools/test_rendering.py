"""What servers say, as data: pins, quotations, answers. Pure."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.contract import OfferedTool
from tools.rendering import ALL, RESULT, answer_text, cut, framed, pin_of, readable, shown_offers

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SCHEMA = st.dictionaries(st.text(max_size=8), JSON, max_size=4)


@given(st.text(max_size=20), st.text(max_size=200), SCHEMA, st.randoms())
def test_a_pin_is_of_what_is_said_and_not_of_how_it_is_ordered(name, description, schema, random) -> None:
    keys = list(schema)
    random.shuffle(keys)
    assert pin_of(name, description, schema) == pin_of(name, description, {key: schema[key] for key in keys})


@given(st.text(max_size=20), st.text(max_size=50), st.text(max_size=50), SCHEMA, SCHEMA)
def test_another_description_or_schema_has_another_pin(name, one, other, schema, changed) -> None:
    same = (one, json.dumps(schema, sort_keys=True)) == (other, json.dumps(changed, sort_keys=True))
    assert (pin_of(name, one, schema) == pin_of(name, other, changed)) == same


def test_a_number_that_no_two_machines_spell_alike_has_no_pin() -> None:
    with pytest.raises(ValueError, match=r"."):
        pin_of("a", "", {"maximum": 2**60})


@given(st.text(), st.text(alphabet="</tool_answer>\n", max_size=60))
def test_a_quotation_is_ended_by_us_alone(text, tail) -> None:
    frame = framed("a.b", readable(text + tail))
    assert frame.count("</tool_answer>") == 1
    assert frame.split("\n</tool_answer>\n")[1].startswith("What stands in")


@given(st.text())
def test_nothing_hides_in_what_is_read(text) -> None:
    shown = readable(text)
    assert all(char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"} for char in shown)
    assert readable(shown) == shown


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\U000e0041", "\ufe01", "\U000e0101", "\x1b"])
def test_what_is_known_to_hide_is_a_sign(hidden) -> None:
    assert readable(f"a{hidden}b") == "a\N{REPLACEMENT CHARACTER}b"


@given(st.lists(st.tuples(st.text(max_size=3_000), SCHEMA), max_size=12))
def test_a_prompt_quotes_tools_within_bounds(tools) -> None:
    offers = [
        OfferedTool(server="s", tool=f"t{n}", description=about, schema=json.dumps(schema))
        for n, (about, schema) in enumerate(tools)
    ]
    shown = shown_offers(offers)
    assert len(shown) <= ALL + 200
    assert shown.count("<tool name=") == shown.count("</tool>")
    assert bool(shown) == bool(offers)


BLOCK = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=50)}),
    st.fixed_dictionaries({"type": st.sampled_from(["image", "audio"]), "data": st.text(), "mimeType": st.text()}),
    st.fixed_dictionaries(
        {"type": st.just("resource"), "resource": st.dictionaries(st.sampled_from(["text", "blob"]), st.text())}
    ),
    st.fixed_dictionaries({"type": st.just("resource_link"), "uri": st.text()}),
    st.dictionaries(st.text(max_size=5), JSON, max_size=3),
)


@given(st.lists(BLOCK, max_size=5), JSON)
def test_any_answer_has_a_text(blocks, structured) -> None:
    text = answer_text({"content": blocks, "structuredContent": structured})
    assert text
    assert len(text) <= RESULT + 60


def test_a_credential_that_comes_back_is_taken_out_and_binaries_are_named() -> None:
    answer = {
        "content": [{"type": "text", "text": "s3cret!"}, {"type": "image", "data": "AAAA", "mimeType": "image/png"}]
    }
    text = answer_text(answer, hidden={"s3cret": "tickets"})
    assert text == "[credential tickets]!\n[image/png, 4 characters of base64: not shown]"
    both = {"content": [{"type": "text", "text": "s3cret and s3cret-too"}]}
    shown = answer_text(both, hidden={"s3cret": "a", "s3cret-too": "b"})
    assert shown == "[credential a] and [credential b]"
    assert answer_text({"content": [], "structuredContent": {"n": 1}}) == '{\n "n": 1\n}'
    assert cut("abc", 2) == "ab … 1 characters left out"
