"""What is sent beside the messages, and what is made of answers that do not come as a stream of events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from domain import ContextTooLong, Plan, RateLimited, Refused, Unavailable, Unreadable
from models import ModelSettings, Tool
from models.clients import Dialect, ModelEndpoint
from models.clients.contract import ToolOffer, schema_of
from models.clients.openai import as_stream, request_options, with_text_arguments

ENDPOINT = ModelEndpoint(base_url="http://127.0.0.1:8000/v1", model="m", api_key=SecretStr("sk-canary-4711"))
FORM = schema_of(Plan)
OFFER = ToolOffer(tools=(Tool(name="open"),), choice="required")
SETTINGS = ModelSettings(temperature=0.3, max_tokens=77)
CALL = {"id": "1", "function": {"name": "open", "arguments": {"path": "a.py"}}}


def events(stream: bytes) -> list[str]:
    return [line.removeprefix("data: ") for line in stream.decode().splitlines() if line]


def test_a_whole_answer_is_the_stream_that_says_the_same():
    message = {"content": "Hello.", "tool_calls": [CALL, {**CALL, "id": "2"}]}
    event, done = events(as_stream(json.dumps({"choices": [{"message": message}]}).encode(), ENDPOINT))
    (choice,) = json.loads(event)["choices"]
    assert (choice["delta"]["content"], choice["finish_reason"], done) == ("Hello.", "stop", "[DONE]")
    calls = choice["delta"]["tool_calls"]
    assert [call["index"] for call in calls] == [0, 1]
    assert json.loads(calls[0]["function"]["arguments"]) == {"path": "a.py"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "slow down", "code": 429}, RateLimited),
        ({"message": "bad key sk-canary-4711", "code": "401"}, Refused),
        ({"message": "maximum context length is 4096 tokens"}, ContextTooLong),
        ("something broke", Unavailable),
    ],
)
def test_an_error_with_status_200_is_that_error(error, kind):
    with pytest.raises(kind) as caught:
        as_stream(json.dumps({"error": error}).encode(), ENDPOINT)
    assert "sk-canary" not in caught.value.message


@given(st.binary(max_size=200))
def test_what_is_no_answer_is_unreadable(body):
    with pytest.raises(Unreadable):
        as_stream(body, ENDPOINT)


@given(st.text(max_size=80))
def test_arguments_that_are_text_stay_as_they_are(text):
    event = {"choices": [{"delta": {"content": text, "tool_calls": [{"function": {"arguments": text}}]}}]}
    line = b"data: " + json.dumps(event).encode() + b"\n"
    assert json.loads(with_text_arguments(line)[6:]) == event
    assert with_text_arguments(text.encode()) == text.encode()


def test_arguments_that_are_an_object_become_text():
    event = {"choices": [{"delta": {"tool_calls": [CALL]}}]}
    (choice,) = json.loads(with_text_arguments(b"data: " + json.dumps(event).encode())[6:])["choices"]
    assert choice["delta"]["tool_calls"][0]["function"]["arguments"] == '{"path": "a.py"}'


@given(
    st.builds(
        Dialect,
        structured=st.sampled_from(["strict", "json_schema", "json_object", "tools", "text"]),
        temperature=st.booleans(),
        limit=st.sampled_from(["max_tokens", "max_completion_tokens"]),
        stream_usage=st.booleans(),
        one_call=st.booleans(),
        must_call=st.booleans(),
    ),
    st.booleans(),
    st.booleans(),
)
def test_nothing_is_sent_that_the_endpoint_refused(dialect, formed, offered):
    options = request_options(FORM if formed else None, dialect, SETTINGS, OFFER if offered and not formed else None)
    body = options["extra_body"]
    assert body[dialect.limit] == 77
    assert len({"max_tokens", "max_completion_tokens"} & body.keys()) == 1
    assert ("temperature" in options, options["stream_usage"]) == (dialect.temperature, dialect.stream_usage)
    assert ("response_format" in body) == (formed and dialect.structured not in {"tools", "text"})
    if offered and not formed:
        assert body["tool_choice"] == ("required" if dialect.must_call else "auto")
        assert ("parallel_tool_calls" in body) == dialect.one_call
    elif formed and dialect.structured == "tools":
        assert body["tool_choice"]["function"]["name"] == "plan"
    else:
        assert "tools" not in body
    if formed and dialect.structured in {"strict", "json_schema"}:
        assert body["response_format"]["json_schema"]["strict"] == (dialect.structured == "strict")
