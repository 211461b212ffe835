"""The protocol's events: a message comes out as it went in, a filter is the SDK's, numbers only grow."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.language_models.chat_model_stream import ChatModelStream
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph_sdk.stream.subscription import matches_subscription

from service.runs.event_log import as_json
from service.runs.protocol import CHANNELS, EventFilter, ProtocolEncoder, ProtocolEvent, number, turn_in

META = {"langgraph_node": "execute", "ls_provider": "openai", "ls_model_name": "m"}


def encoder() -> ProtocolEncoder:
    return ProtocolEncoder(turn="t", turn_number=3)


def documents(events: list[ProtocolEvent]) -> list[dict[str, Any]]:
    return [json.loads(event.document(0)) for event in events]


def streamed(*chunks: Any) -> list[dict[str, Any]]:
    told, seq = encoder(), 0
    events = told.begin()
    for seq, chunk in enumerate(chunks, 1):
        events += told.event(seq, "messages", as_json([chunk, META]))
    return documents(events + told.end("success"))


def assembled(events: list[dict[str, Any]]) -> ChatModelStream:
    stream = ChatModelStream(namespace=[], node=None, message_id=None)
    for event in events:
        if event["method"] == "messages":
            stream.dispatch(event["params"]["data"])
    return stream


@given(st.lists(st.tuples(st.sampled_from(["text", "reasoning"]), st.text(max_size=9)), max_size=9))
def test_a_streamed_message_is_put_together_again(pieces: list[tuple[str, str]]) -> None:
    chunks = [AIMessageChunk(content=[{"type": kind, kind: text}], id="m") for kind, text in pieces]
    last = AIMessageChunk(content="", id="m", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})
    last.chunk_position = "last"
    stream = assembled(streamed(*chunks, last))
    assert str(stream.text) == "".join(text for kind, text in pieces if kind == "text")
    assert str(stream.reasoning) == "".join(text for kind, text in pieces if kind == "reasoning")
    assert stream.output.usage_metadata == last.usage_metadata


def test_a_message_has_an_author_and_blocks_one_after_the_other() -> None:
    chunks = [
        AIMessageChunk(content="a", id="m"),
        AIMessageChunk(content="", id="m", tool_call_chunks=[{"name": "run", "args": '{"x"', "id": "c", "index": 0}]),
        AIMessageChunk(content="", id="m", tool_call_chunks=[{"name": None, "args": ":1}", "id": None, "index": 0}]),
    ]
    events = [e["params"] for e in streamed(*chunks) if e["method"] == "messages"]
    kinds = [(each["data"]["event"], each["data"].get("index")) for each in events]
    assert kinds == [
        ("message-start", None),
        ("content-block-start", 0),
        ("content-block-delta", 0),
        ("content-block-finish", 0),
        ("content-block-start", 1),
        ("content-block-delta", 1),
        ("content-block-delta", 1),
        ("content-block-finish", 1),
        ("message-finish", None),
    ]
    assert events[0]["data"]["metadata"] == {"provider": "openai", "model": "m", "langgraph_node": "execute"}
    assert {each["node"] for each in events} == {"execute"}
    call = {"type": "tool_call", "id": "c", "name": "run", "args": {"x": 1}}
    assert events[-2]["data"]["content"] == call


def test_arguments_that_are_no_json_are_an_invalid_call() -> None:
    chunk = AIMessageChunk(content="", id="m", tool_call_chunks=[{"name": "run", "args": "{", "id": "c", "index": 0}])
    finished = [e["params"]["data"] for e in streamed(chunk) if e["method"] == "messages"][-2]
    assert (finished["content"]["type"], finished["content"]["args"]) == ("invalid_tool_call", "{")


def test_candidates_at_the_same_time_are_told_apart() -> None:
    chunks = [AIMessageChunk(content=text, id=id_) for text, id_ in (("a", "1"), ("b", "2"), ("c", "1"), ("d", "2"))]
    events = [e for e in streamed(*chunks) if e["method"] == "messages"]
    for id_, text in (("1", "ac"), ("2", "bd")):
        assert str(assembled([e for e in events if e["params"]["data"]["id"] == id_]).text) == text


def test_a_streamed_message_is_not_told_again_when_it_is_complete() -> None:
    last = AIMessageChunk(content="a", id="m")
    last.chunk_position = "last"
    events = streamed(last, AIMessage(content="a", id="m"), HumanMessage(content="b", id="h"))
    starts = [e["params"]["data"] for e in events if e["params"]["data"].get("event") == "message-start"]
    assert [(each["id"], each["role"]) for each in starts] == [("m", "ai"), ("h", "human")]


def test_another_attempt_ends_what_was_being_said() -> None:
    told = encoder()
    events = told.event(1, "messages", as_json([AIMessageChunk(content="a", id="m"), META]))
    events += told.event(2, "metadata", b'{"run_id": "t", "attempt": 2}')
    events += told.event(3, "messages", as_json([AIMessageChunk(content="b", id="m"), META]))
    kinds = [each["params"]["data"]["event"] for each in documents(events)]
    assert kinds.count("message-start") == 2
    assert kinds.index("message-finish") < 5


def test_messages_that_older_streams_recorded_whole_are_told_by_what_is_new() -> None:
    told = encoder()
    events: list[ProtocolEvent] = []
    for seq, text in enumerate(("he", "hello", "hello you"), 1):
        events += told.event(seq, "messages/partial", as_json([AIMessageChunk(content=text, id="m")]))
    assert str(assembled(documents(events + told.end("success"))).text) == "hello you"


def test_an_interrupt_is_requested_once_and_no_part_of_the_values() -> None:
    told = encoder()
    asks = {"__interrupt__": [{"id": "i", "value": {"q": 1}}]}
    events = told.event(1, "values|approve:1", as_json(asks))
    events += told.event(2, "updates", as_json(asks)) + told.event(3, "values", as_json({**asks, "x": 1}))
    events += told.end("interrupted")
    shown = [(each["method"], each["params"]["data"]) for each in documents(events)]
    asked = {"interrupt_id": "i", "payload": {"q": 1}, "value": {"q": 1}}
    assert [data for method, data in shown if method == "input.requested"] == [asked]
    assert [data for method, data in shown if method == "values"] == [{"x": 1}]
    ends = [data["event"] for method, data in shown if method == "lifecycle"]
    assert ends == ["started", "interrupted", "interrupted"]


def test_a_checkpoint_comes_before_its_values() -> None:
    told = encoder()
    ref = as_json({"id": "c", "step": 0, "source": "loop"})
    events = told.event(1, "values", b'{"x":1}') + told.event(2, "checkpoint-refs", ref)
    events += told.event(3, "values", b'{"x":2}') + told.event(4, "custom", b'{"kind":"k"}') + told.end("success")
    assert [each.method for each in events] == ["checkpoints", "values", "values", "custom", "lifecycle"]
    assert [each.seq for each in events] == sorted(each.seq for each in events)


@given(st.integers(1, 2**25), st.integers(0, 2**21), st.integers(0, 31), st.integers(0, 2**23))
def test_numbers_grow_and_fit_into_javascript(turn: int, event: int, part: int, more: int) -> None:
    here = number(turn, event, part)
    assert turn_in(here) == turn
    assert here < number(turn, event + 1, 0) < number(turn + 1, 0, 0) < 2**53
    assert here <= number(turn, event, part + more) < number(turn + 1, 0, 0)


WORDS = st.sampled_from(["a", "a:1", "b", "b:2"])
SPACES = st.lists(WORDS, max_size=3)


@given(
    st.sampled_from([*sorted(CHANNELS - {"input"}), "input.requested"]),
    SPACES,
    st.sampled_from(["", "n", "m"]),
    st.sets(st.sampled_from([*sorted(CHANNELS), "custom:n"]), min_size=1),
    st.lists(SPACES, max_size=2),
    st.none() | st.integers(0, 3),
)
def test_a_filter_lets_through_what_the_sdk_would(
    method: str, space: list[str], name: str, channels: set[str], spaces: list[list[str]], depth: int | None
) -> None:
    named = name if method == "custom" and name else None
    event = ProtocolEvent(method=method, namespace=tuple(space), data=b"{}", seq=1, id="1", name=named)
    asked = EventFilter(channels=frozenset(channels), namespaces=tuple(map(tuple, spaces)), depth=depth)
    definition: Any = {"channels": sorted(channels), "namespaces": spaces or None, "depth": depth}
    shape: Any = {"method": method, "params": {"namespace": space, "data": {"name": named}}}
    assert asked.fits(event) == matches_subscription(shape, definition)
