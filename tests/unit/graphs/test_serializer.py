"""What a checkpoint is made of comes out of our serializer exactly as out of langgraph's."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from domain import Action, Ending, Plan, Requirement, Risk, Spent, Step, Task, Verdict
from graphs import serializer
from graphs.serializer import Serializer, allowed
from models import Message

TASK = Task(text="a wish", repo="/r", accept="true")
PLAN = Plan(goal="g", steps=(Step(id="1", title="t"), Step(id="2", title="u")), acceptance="true")


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"bytes",
        bytearray(b"more"),
        "text",
        3,
        ["a", ("b", {"c": None})],
        TASK,
        PLAN,
        Spent(cost=Decimal("0.10")),
        Ending(status="delivered"),
        Risk(tier="low"),
        Requirement(tier="high", humans=1),
        datetime.now(UTC),
        Verdict(ballot="b", state="approved", action_digest="0" * 64),
        {1, 2},
        Action(tool="branch", arguments={"message": "m", "paths": ["a", "b"]}, target="/r", content="tree"),
        {"task": TASK, "plan": PLAN, "messages": [HumanMessage("hello", id="1"), AIMessage("done")], "done": ("1",)},
    ],
)
def test_the_bytes_are_those_of_langgraph(value: Any) -> None:
    ours, theirs = serializer(), JsonPlusSerializer(allowed_msgpack_modules=allowed())
    assert ours.dumps_typed(value) == theirs.dumps_typed(value)
    assert ours.loads_typed(ours.dumps_typed(value)) == theirs.loads_typed(theirs.dumps_typed(value))


MESSAGES = st.builds(Message, role=st.sampled_from(("user", "assistant")), content=st.text(max_size=300))
NUMBERS = st.integers(-(2**63), 2**63)
CHANNELS = st.dictionaries(
    st.text(max_size=12),
    st.none()
    | st.integers(-(2**63), 2**63)
    | st.text()
    | st.just(TASK)
    | st.lists(NUMBERS)
    | st.tuples(MESSAGES, MESSAGES),
    max_size=20,
)


@given(
    start=st.lists(MESSAGES, min_size=1, max_size=40),
    more=st.lists(st.lists(MESSAGES, max_size=4), max_size=6),
    channels=CHANNELS,
)
def test_a_conversation_that_grows_has_the_bytes_of_langgraph_at_every_step(
    start: list[Message], more: list[list[Message]], channels: dict[str, Any]
) -> None:
    ours, theirs = serializer(), JsonPlusSerializer(allowed_msgpack_modules=allowed())
    talk, talks = tuple(start), [tuple(start)]
    for messages in more:
        talk = (*talk, *messages)
        # Another one that begins alike, as a fork of the run has it, and the one of the step before.
        talks += [talk, (*talk[:1], *messages), talks[-1]]
    for each in talks:
        state = {"v": 4, "channel_values": {**channels, "transcript": each, "done": ("a",) * 5}, "versions_seen": {}}
        assert ours.dumps_typed(each) == theirs.dumps_typed(each)
        assert ours.dumps_typed(state) == theirs.dumps_typed(state)


@pytest.mark.parametrize("count", [3, 4, 15, 16, 70_000])
def test_long_tuples_and_wide_states_have_the_bytes_of_langgraph(count: int) -> None:
    ours, theirs = serializer(), JsonPlusSerializer(allowed_msgpack_modules=allowed())
    many = (Step(id="1", title="t"),) * count
    state = {"channel_values": {**{f"c{number}": number for number in range(count)}, "many": many}}
    assert ours.dumps_typed(many) == theirs.dumps_typed(many)
    assert ours.dumps_typed(state) == theirs.dumps_typed(state)


class Counting(Serializer):
    """Counts the values that it is asked to pack."""

    asked = 0

    def _default(self, obj: Any) -> Any:
        self.asked += 1
        return super()._default(obj)


def test_what_was_packed_for_the_step_before_is_not_packed_again() -> None:
    packer = Counting(allowed_msgpack_modules=allowed())
    talk = tuple(Message(role="user", content=f"{number} " * 100) for number in range(400))
    packer.dumps_typed({"channel_values": {"transcript": talk}})
    before = packer.asked
    for number in range(50):
        talk = (*talk, Message(role="user", content=f"more {number}"))
        packer.dumps_typed(talk)
        packer.dumps_typed({"channel_values": {"transcript": talk}})
    assert packer.asked == before + 50
