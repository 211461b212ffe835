"""What clients ask for, in whichever form, becomes a task or a clear no."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from service.auth.principal import SCOPES, Principal, scopes_of
from service.auth.tokens import new_token, read_token
from service.runs.requests import Assistant, RunAsk, read_task, spoken, wished

WORDS = st.text(min_size=1, max_size=40).filter(str.strip)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids),
)


def task(**given_: object):  # the task of a request by ann
    return read_task(
        RunAsk(**given_), Principal(subject="ann", org="local"), settings={"profile": "sealed"}, default_repo=None
    )


@given(WORDS)
def test_the_last_human_message_is_the_wish(words: str) -> None:
    said = [{"role": "user", "content": "first"}, {"type": "human", "content": [{"type": "text", "text": words}]}]
    assert wished({"messages": [*said, {"role": "assistant", "content": "no"}]}) == words.strip()
    assert wished({"messages": words}) == words.strip()


@given(ANYTHING)
def test_no_input_is_too_odd_to_read(odd: object) -> None:
    assert isinstance(wished({"messages": odd, "task": odd}), str)
    assert isinstance(spoken(odd), str)


@given(st.text(max_size=20), st.text(max_size=20))
def test_who_requests_is_who_is_logged_in(requester: str, received: str) -> None:
    made = task(input={"task": {"text": "x", "repo": "/r", "requester": requester, "received_at": received}})
    assert (made.requester, made.received_at) == ("ann", None)


def test_the_nearest_word_counts() -> None:
    config = {"configurable": {"repo": "/far", "accept": "true", "thread_id": "x"}}
    made = task(input={"messages": "do", "repo": "/near"}, config=config, context={"base": "v1"})
    assert (made.text, made.repo, made.accept, made.base) == ("do", "/near", "true", "v1")


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"input": {"messages": "do"}}, "task_missing"),
        ({"input": {"task": {"repo": "/r"}}}, "task_missing"),
        ({"input": {"task": {"text": "x", "repo": "/r", "deliver": "rocket"}}}, "task_invalid"),
    ],
)
def test_a_request_without_a_task(asked: dict[str, object], code: str) -> None:
    with pytest.raises(Refused) as caught:
        task(**asked)
    assert caught.value.stable_code == code


@pytest.mark.parametrize(
    "more",
    [
        {"interrupt_before": ["nowhere"]},
        {"interrupt_after": "nowhere"},
        {"command": {"goto": [{"node": "deliver", "input": {}}]}},
        {"command": {"update": {"diff": "mine"}}},
        {"command": {"update": [["messages", []]]}},
        {"command": {"graph": "__parent__"}},
        {"command": {"goto": "__end__", "resume": 1}},
        {"stream_mode": "x"},
    ],
)
def test_what_would_be_ignored_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(Refused):
        checked(RunAsk(**more))


def checked(ask: RunAsk) -> tuple[str, ...]:
    ask.ensure_supported()
    ask.breaks({"plan", "review"})
    return ask.modes


def test_break_points_are_nodes_by_name_or_all_of_them() -> None:
    asked = RunAsk(interrupt_before="*", interrupt_after=["plan"])
    assert asked.breaks({"plan", "review"}) == {"before": ["plan", "review"], "after": ["plan"]}
    assert RunAsk(interrupt_before=[]).breaks({"plan"}) == {}


def test_a_jump_to_the_end_ends() -> None:
    assert RunAsk(command={"goto": ["__end__"]}).ends
    assert not RunAsk(command={"goto": ["__end__", "plan"]}).ends
    assert RunAsk(command={"goto": None, "resume": None}).goto == ()


@given(ANYTHING)
def test_what_a_command_says_has_ids(odd: object) -> None:
    ask = RunAsk(command={"update": {"messages": odd}})
    with suppress(Refused):
        assert all(isinstance(message["id"], str) and message["id"] for message in ask.said)


def test_an_assistant_says_what_a_request_does_not() -> None:
    far = {"configurable": {"repo": "/shop", "base": "v1"}}
    shop = Assistant(id="1", name="shop", config=far, context={"base": "v2"})
    shop.ensure_settings()
    ask, who = RunAsk(input={"messages": "do"}, context={"accept": "true"}), Principal(subject="ann", org="local")
    made = read_task(ask, who, settings=shop.settings, default_repo="/default")
    assert (made.repo, made.base, made.accept) == ("/shop", "v2", "true")


@given(st.integers(min_value=0, max_value=90), st.characters(codec="ascii", categories=["L", "N"]))
def test_a_mistyped_key_is_noticed(place: int, other: str) -> None:
    text = new_token("ak").text
    assert read_token(text).text == text
    at = place % len(text)
    if text[at] != other and text[at] != "_":
        with pytest.raises(Refused):
            read_token(text[:at] + other + text[at + 1 :])


def test_roles_give_scopes_and_nothing_gives_none() -> None:
    assert scopes_of(()) == ()
    assert scopes_of(("nobody",)) == ()
    assert set(scopes_of(("org_admin", "approver"))) == set(SCOPES)
