"""What a checkpoint is made of comes out of our serializer exactly as out of langgraph's."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from domain import Action, Ending, Plan, Requirement, Risk, Spent, Step, Task, Verdict
from graphs import serializer
from graphs.serializer import allowed

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
