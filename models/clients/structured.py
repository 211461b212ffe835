"""Structured answers: the JSON Schema that goes over the wire, and the value that is read out of the text. Pure.

Schemas are inlined (guided decoding and small models both do better without ``$ref``), closed (no further keys)
and bounded: an unbounded string or list lets a model write until it runs into its token limit, and then nothing can
be parsed.

Models think aloud, wrap JSON in fences, add a sentence before it, a key that was not asked for, a null for
"nothing". None of that is worth another call. What is really wrong is said in words that a model can act on.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from domain import Plan, Refused, value
from domain.work import check_plan
from models.clients.contract import AnswerSchema, Dialect
from models.clients.lenient_json import PLACES, json_values, unwrapped
from models.contract import Message

_AS_PARAMETER = frozenset({"strict", "json_schema", "tools"})
LONGEST_IN_GRAMMAR = 20_000
"""Characters. A longer bound costs a grammar compiler much and binds no answer: the token limit comes first."""
MOST_IN_GRAMMAR = 100
"""Items of a list: a grammar compiler writes each of them out."""

_NOT_ON_THE_WIRE = ("title", "description", "default", "$defs")


@cache
def schema_of(answer: type) -> AnswerSchema:
    """Return the form of an answer: ``plan``, ``code_change``, ``review``, or any other type's name."""
    whole = TypeAdapter(answer).json_schema()
    schema = _inline(whole, whole.get("$defs", {}))
    return AnswerSchema(name=name_of(answer), json_schema=schema, strict_schema=_strict(schema))


def name_of(answer: type) -> str:
    """``CodeChange`` → ``code_change``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", answer.__name__).lower()


def _inline(schema: Any, defs: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inline(part, defs) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    out: dict[str, Any] = {
        key: {name: _inline(part, defs) for name, part in value_.items()}
        if key == "properties"
        else _inline(value_, defs)
        for key, value_ in schema.items()
        if key not in _NOT_ON_THE_WIRE
    }
    if out.get("maxLength", 0) > LONGEST_IN_GRAMMAR:
        del out["maxLength"]
    if out.get("maxItems", 0) > MOST_IN_GRAMMAR:
        out["maxItems"] = MOST_IN_GRAMMAR
    return _length_in_pattern(out)


def _length_in_pattern(schema: dict[str, Any]) -> dict[str, Any]:
    """Grammar compilers take a pattern or bounds of length, not both (xgrammar: issue 966)."""
    if "pattern" not in schema:
        return schema
    longest = schema.pop("maxLength", None)
    schema.pop("minLength", None)
    if longest is not None and schema["pattern"].endswith("]+$"):
        schema["pattern"] = f"{schema['pattern'][:-2]}{{1,{longest}}}$"
    return schema


def _strict(schema: Any) -> Any:
    """Every key required, as strict decoding wants it; what may be left out is then said to be empty or null."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {
        key: {name: _strict(part) for name, part in value_.items()} if key == "properties" else _strict(value_)
        for key, value_ in schema.items()
    }
    if "properties" in out:
        out["required"] = list(out["properties"])
    return out


T = TypeVar("T")

_THOUGHT = re.compile(r"\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
_OPEN = re.compile(r"\A\s*<think", re.IGNORECASE)
_ANY_OPEN = re.compile(r"<think", re.IGNORECASE)
_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)


_NONE = frozenset({"none", "null", "n/a", "-"})
"""What is written where a list would be empty."""


@value
class ParsedAnswer(Generic[T]):
    """The value that was read, or what is wrong with the text."""

    value: T | None = None
    wrong: str = ""


def example_of(schema: dict[str, Any]) -> Any:
    """An answer of this form, as short as it may be: what to write, shown instead of told."""
    if options := [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]:
        return example_of(options[0])
    if "enum" in schema or "const" in schema:
        return schema.get("const", next(iter(schema.get("enum", ())), None))
    match schema.get("type"):
        case "object":
            return {
                name: example_of(part)
                for name, part in schema.get("properties", {}).items()
                if name in schema.get("required", schema.get("properties", {})) and "const" not in part
            }
        case "array":
            return [example_of(schema.get("items", {}))]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case _:
            return "1" if "pattern" in schema else "…"


def without_thoughts(text: str) -> str:
    """Cut reasoning at the start of a text: closed, cut off in the middle, or opened by the chat template."""
    start = 0
    while thought := _THOUGHT.match(text, start):
        start = thought.end()
    text = text[start:]
    if _OPEN.match(text):
        return ""
    end = _END.search(text)
    if end is not None and not _ANY_OPEN.search(text[: end.start()]):
        text = text[end.end() :]
    return text.strip()


def read(text: str, answer: type[T]) -> ParsedAnswer[T]:
    """Read an ``answer`` out of ``text``: the first JSON object in it that is one."""
    adapter, schema, wrong = TypeAdapter[T](answer), schema_of(answer).json_schema, ""
    for candidate in _candidates(text):
        if not _is_about(candidate, schema):
            continue
        try:
            value = adapter.validate_python(_tidy(candidate, schema))
        except ValidationError as error:
            wrong = wrong or _explain(error)
            continue
        if not (senseless := _senseless(value)):
            return ParsedAnswer(value=value)
        wrong = wrong or senseless
    return ParsedAnswer(wrong=wrong or "there is no complete JSON object in it")


def _senseless(candidate: object) -> str:
    """What is wrong with an answer beyond its form: a plan's steps must be an order that can be worked through."""
    if isinstance(candidate, Plan):
        try:
            check_plan(candidate)
        except Refused as error:
            return f"{error.message} {error.hint}".rstrip(".")
    return ""


def _candidates(text: str) -> Iterator[Any]:
    """The objects of the answer. Where a thought ends is uncertain: an answer may well speak of ``<think>``."""
    if text.lstrip().startswith("{"):
        yield from _objects(text)
    yield from _objects(without_thoughts(text))
    for end in islice(_END.finditer(text), PLACES):
        yield from _objects(text[end.end() :])
    if not _OPEN.match(text):
        yield from _objects(text)


def _objects(text: str) -> Iterator[Any]:
    """Every JSON object in the text, and what is wrapped in an object with a single key."""
    for candidate in json_values(text):
        yield candidate
        if isinstance(candidate, dict) and len(candidate) == 1:
            yield from map(unwrapped, candidate.values())


def _is_about(candidate: Any, schema: dict[str, Any]) -> bool:
    """False for an object without a single known key: where all keys are optional it would pass for an answer."""
    properties = schema.get("properties")
    return properties is None or (isinstance(candidate, dict) and any(key in properties for key in candidate))


def _tidy(data: Any, schema: dict[str, Any]) -> Any:
    """Drop keys that were not asked for, constants, nulls where nothing may be null; put lists where they belong."""
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(options) == 1 and data is not None:
        return _tidy(data, options[0])
    properties = schema.get("properties")
    if schema.get("type") == "array":
        items: dict[str, Any] = schema.get("items", {})
        return [_tidy(item, items) for item in _listed(data, items)] if data is not None else data
    if schema.get("type") == "string" and isinstance(data, list) and all(isinstance(each, str) for each in data):
        return "\n".join(data)  # a text as the list of its lines
    if properties is None:
        return data
    data = unwrapped(data)
    if not isinstance(data, dict):
        return data
    return {
        key: _tidy(item, properties[key])
        for key, item in data.items()
        if key in properties and "const" not in properties[key] and (item is not None or _nullable(properties[key]))
    }


def _listed(data: Any, items: dict[str, Any]) -> list[Any]:
    """The list that was meant: one item without its list, a list as a string, nothing as an empty string."""
    data = unwrapped(data)
    if isinstance(data, list):
        return data
    if isinstance(data, str) and (
        not data.strip() or (items.get("type") != "string" and data.strip().lower() in _NONE)
    ):
        return []
    return [data]


def _nullable(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "null" or any(part.get("type") == "null" for part in schema.get("anyOf", ()))


def _explain(error: ValidationError) -> str:
    """Say what is wrong, for the model: places and reasons, no values."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    lines = [f"{'.'.join(map(str, fault['loc'])) or 'the answer'}: {fault['msg']}" for fault in faults[:8]]
    return "; ".join(lines)


def formatted(messages: Sequence[Message], schema: AnswerSchema | None, dialect: Dialect) -> tuple[Message, ...]:
    """Put the schema into the system message where the endpoint does not take it as a parameter.

    Where its chat template has no system message, that becomes the beginning of the first question.
    """
    turns = _in_turns(messages)
    if schema is not None and dialect.structured not in _AS_PARAMETER:
        rule = _rule(schema)
        if turns and turns[0].role == "system":
            turns = (Message(role="system", content=f"{turns[0].content}\n\n{rule}"), *turns[1:])
        else:
            turns = (Message(role="system", content=rule), *turns)
    if dialect.system:
        return turns
    return _in_turns([replace(message, role="user") if message.role == "system" else message for message in turns])


def _in_turns(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Join neighbours of the same role: many chat templates refuse two of them in a row."""
    turns: list[Message] = []
    for message in messages:
        last = turns[-1] if turns else None
        if last is None or last.role != message.role or message.role == "tool" or last.tool_calls:
            turns.append(message)
        else:
            turns[-1] = replace(last, content=f"{last.content}\n\n{message.content}", tool_calls=message.tool_calls)
    return tuple(turns)


def repair_round(
    answer: str, wrong: str, schema: AnswerSchema, dialect: Dialect, *, cut_off: bool
) -> tuple[Message, Message]:
    """Return the round of repair: what was wrong, in words. The conversation so far stays as it is.

    An endpoint that took the schema as a parameter and did not keep to it may not have told it to its model.
    """
    if cut_off:
        wish = (
            "Your answer was cut off at the length limit, so it is no whole JSON object. Answer again, with the whole "
            "JSON object and nothing else, in at most half as many words: say less in each text, and leave out what "
            "is not needed."
        )
    else:
        example = json.dumps(example_of(schema.json_schema), ensure_ascii=False)
        rule = f"\n\n{_rule(schema)}" if dialect.structured in _AS_PARAMETER else ""
        wish = (
            f"That is not the JSON object that was asked for: {wrong}. Answer again, with the whole corrected JSON "
            f"object and nothing else, in this form: {example}{rule}"
        )
    return (Message(role="assistant", content=answer or "(nothing)"), Message(role="user", content=wish))


def _rule(schema: AnswerSchema) -> str:
    text = json.dumps(schema.json_schema, separators=(",", ":"))
    return f"Your answer is one JSON object that conforms to the JSON Schema `{schema.name}`:\n{text}"
