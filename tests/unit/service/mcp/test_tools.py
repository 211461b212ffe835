"""What a host is given stays small, whatever a run holds; what it hears of a run is a line."""

import json

from hypothesis import given
from hypothesis import strategies as st

from service.mcp.tools import TOOLS, bounded, progress_line
from service.runs.event_log import as_json, frame

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=60),
    lambda kids: st.lists(kids, max_size=8) | st.dictionaries(st.text(max_size=5), kids, max_size=4),
    max_leaves=40,
)


def fits(part: object, text: int, items: int) -> bool:
    if isinstance(part, dict):
        return all(fits(inner, text, items) for inner in part.values())
    if isinstance(part, list):
        return len(part) <= items + 1 and all(fits(inner, text, items) for inner in part)
    return not isinstance(part, str) or len(part) <= text + 40


@given(JSON, st.integers(1, 20), st.integers(1, 5))
def test_texts_and_lists_are_cut_and_say_so(document: object, text: int, items: int) -> None:
    assert fits(bounded(document, text=text, items=items), text, items)


@given(JSON)
def test_what_is_small_stays_as_it_is(document: object) -> None:
    assert bounded(document) == document


@given(st.text(), st.text(), st.sampled_from(["node_started", "text", "reviewed"]))
def test_progress_is_one_short_line_of_what_matters(node: str, message: str, kind: str) -> None:
    event = {"kind": kind, "node": node, "message": message}
    line = progress_line(frame("custom", as_json(event), "1-1"))
    assert len(line) <= 200
    assert kind != "text" or not line
    assert progress_line(frame("values", as_json(event))) == progress_line(b": heartbeat\n\n") == ""


def test_no_tool_takes_a_decision() -> None:
    schemas = json.dumps([entry.arguments.model_json_schema() for entry in TOOLS.values()])
    assert not {"vote", "approve", "sign", "decision", "action_digest"} & set(TOOLS)
    assert "decision" not in schemas
    assert "action_digest" not in schemas
