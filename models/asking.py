"""How a question is put, so that any endpoint and chat template takes it. Pure."""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from models.contract import Message
from models.wire import Dialect, Form

_AS_PARAMETER = frozenset({"strict", "json_schema", "tools"})


def told(messages: Sequence[Message], form: Form | None, dialect: Dialect) -> tuple[Message, ...]:
    """Put the schema into the system message where the endpoint does not take it as a parameter.

    Where its chat template has no system message, that becomes the beginning of the first question.
    """
    told = _with_rule(_in_turns(messages), form, dialect)
    return told if dialect.system else _without_system(told)


def _with_rule(told: tuple[Message, ...], form: Form | None, dialect: Dialect) -> tuple[Message, ...]:
    if form is None or dialect.structured in _AS_PARAMETER:
        return told
    rule = _rule(form)
    if told and told[0].role == "system":
        return (Message(role="system", content=f"{told[0].content}\n\n{rule}"), *told[1:])
    return (Message(role="system", content=rule), *told)


def _without_system(told: tuple[Message, ...]) -> tuple[Message, ...]:
    return _in_turns([replace(message, role="user") if message.role == "system" else message for message in told])


def _in_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Join neighbours of the same role: many chat templates refuse two of them in a row."""
    groups = (list(group) for _, group in groupby(messages, key=lambda message: message.role))
    return tuple(replace(group[0], content="\n\n".join(message.content for message in group)) for group in groups)


def again(said: str, wrong: str, form: Form, dialect: Dialect, *, cut_off: bool) -> tuple[Message, Message]:
    """Return the round of repair: what was wrong, in words. The conversation so far stays as it is.

    An endpoint that took the schema as a parameter and did not keep to it may not have told it to its model.
    """
    cut = " It was cut off at the length limit: be shorter." if cut_off else ""
    wish = f"That is not the JSON object that was asked for: {wrong}.{cut}"
    untold = not cut_off and dialect.structured in _AS_PARAMETER
    rule = f"\n\n{_rule(form)}" if untold else ""
    wish = f"{wish} Answer again, with the whole corrected JSON object and nothing else.{rule}"
    return (Message(role="assistant", content=said or "(nothing)"), Message(role="user", content=wish))


def _rule(form: Form) -> str:
    schema = json.dumps(form.json_schema, separators=(",", ":"))
    return f"Your answer is one JSON object that conforms to the JSON Schema `{form.name}`:\n{schema}"
