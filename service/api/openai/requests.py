"""Requests of OpenAI's clients: their fields, read into messages and options, and given to who answers them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain import Spent
from domain.text import json_value
from models import Message, Tool, ToolCall
from service.api.openai.answers import AnswerSource
from service.api.openai.chat import ChatOptions, ask_chat, ensure_schema
from service.api.openai.coding import CodingAnswer, StatusAnswer, spent_so_far
from service.api.openai.grounding import Grounding, grounded, ungrounded
from service.api.openai.intent import Intent, is_greeting, route_intent
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.requests import RunAsk, spoken, wished
from service.wiring.server import ServerContext

CODING, CHAT = "signoff-coding", "signoff-chat"
ORDERS = ("accept", "deliver", "strategy", "expert", "pipeline")
"""Fields that only work has."""
OURS = ("repo", *ORDERS)
"""Fields of a task that stand beside ``messages``, or in ``metadata`` where a client sends no other fields."""
ROLES: Mapping[str, Any] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
REFUSED = {
    "n": "a run has one result",
    "tools": "the graph has tools of its own, in its sandbox",
    "response_format": "a run answers with words and a diff",
    "stop": "a run ends when its change is proved",
    "max_tokens": "a run has a budget instead: budget.max_tokens of a task",
}
"""Why the coding graph takes none of them."""


class CommonFields(BaseModel):
    """Fields that every route takes: OpenAI's, and those of our tasks."""

    # OpenAI's clients send much that means nothing here: penalties, seeds, caching.
    model_config = ConfigDict(extra="ignore")

    model: str = Field(default=CODING, max_length=200)
    stream: bool = False
    temperature: float | None = Field(default=None, ge=0, le=2)
    tools: list[dict[str, Any]] | None = Field(default=None, max_length=128)
    tool_choice: str | dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    thread_id: str | None = Field(default=None, max_length=64)
    """The conversation to go on with; in ``metadata``, too."""
    intent: Intent | None = None
    """Instead of the rules that tell work from questions."""
    repo: str | None = Field(default=None, max_length=2_000)
    accept: str | None = Field(default=None, max_length=2_000)
    deliver: str | None = Field(default=None, max_length=20)
    strategy: str | None = Field(default=None, max_length=100)
    expert: str | None = Field(default=None, max_length=100)
    pipeline: bool | None = None
    """False: one coder, no planner, no reviewer."""

    def task_fields(self) -> dict[str, Any]:
        """What is said of a task, beside the messages or in the metadata."""
        about = self.metadata or {}
        fields = {name: about.get(name) if (entry := getattr(self, name)) is None else entry for name in OURS}
        return {name: entry for name, entry in fields.items() if entry is not None}

    @property
    def thread(self) -> str | None:
        """The thread it goes on with."""
        named = self.thread_id or (self.metadata or {}).get("thread_id")
        return str(named) if named else None


def read_messages(given: Sequence[Mapping[str, Any]]) -> tuple[Message, ...]:
    """A conversation in the form of chat completions. Raises ``request_invalid``."""
    messages: list[Message] = []
    for each in given:
        role = ROLES.get(str(each.get("role")))
        if role is None:
            raise refuse("request_invalid", "Messages come from system, developer, user, assistant or tool.")
        calls: list[ToolCall] = []
        for call in each.get("tool_calls") or () if role == "assistant" else ():
            function = call.get("function") if isinstance(call, dict) else None
            if not isinstance(function, dict):
                raise refuse("request_invalid", "A tool call has a function with a name and arguments.")
            calls.append(read_call(str(call.get("id") or ""), function))
        answers = str(each.get("tool_call_id") or "") if role == "tool" else ""
        content = spoken(each.get("content"))
        messages.append(Message(role=role, content=content, tool_calls=tuple(calls), tool_call_id=answers))
    return tuple(messages)


def read_call(id_: str, function: Mapping[str, Any]) -> ToolCall:
    """A call that a model made earlier in the conversation. Pure."""
    raw, arguments = str(function.get("arguments") or "{}"), None
    with suppress(ValueError):
        arguments = json_value(raw)
    name = str(function.get("name") or "")
    if isinstance(arguments, dict):
        return ToolCall(id=id_, name=name, arguments=arguments)
    return ToolCall(id=id_, name=name, raw=raw, wrong="the arguments are no JSON object")


def read_tools(given: Sequence[Mapping[str, Any]] | None, choice: Any) -> tuple[tuple[Tool, ...], bool]:
    """The tools on offer, and whether one has to be called. Raises ``request_invalid``.

    A choice that names one tool offers that one alone.
    """
    tools: list[Tool] = []
    for each in given or ():
        # Chat completions nest what responses have flat.
        nested = each.get("function")
        function: Mapping[str, Any] = nested if isinstance(nested, dict) else each
        if each.get("type", "function") != "function":
            raise refuse("request_invalid", f"Tools are functions here, not {str(each.get('type'))[:60]!r}.")
        try:
            tools.append(
                Tool(
                    name=function["name"],
                    description=function.get("description") or "",
                    parameters=function.get("parameters") or {},
                )
            )
        except (KeyError, ValidationError):
            raise refuse("request_invalid", "A tool has a name of 64 letters at most, and parameters.") from None
    if choice == "none":
        return (), False
    if isinstance(choice, dict):
        named = (choice.get("function") or choice).get("name")
        tools = [tool for tool in tools if tool.name == named]
        if not tools:
            raise refuse("request_invalid", f"There is no tool {str(named)[:64]!r} to choose.")
    return tuple(tools), bool(tools) and choice not in {None, "auto"}


def read_format(given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The schema that a ``response_format`` asks for; None: plain text. Raises ``request_invalid``."""
    match (given or {}).get("type", "text"):
        case "text":
            return None
        case "json_object":
            return {}
        case "json_schema":
            about = (given or {}).get("json_schema", given)  # responses have it flat
            schema = about.get("schema") if isinstance(about, dict) else None
            if not isinstance(schema, dict):
                raise refuse("request_invalid", "A json_schema has a schema.")
            ensure_schema(schema)
            return schema
        case other:
            raise refuse("request_invalid", f"There is no response format {str(other)[:60]!r}.")


def ensure_for_coding(options: ChatOptions, *, tools: object) -> None:
    """Say no to what would be ignored in silence. Raises ``request_invalid``, with the reason."""
    sent = {
        "n": options.choices > 1,
        "tools": bool(tools),
        "response_format": options.schema is not None,
        "stop": bool(options.stops),
        "max_tokens": options.max_tokens is not None,
    }
    if names := [name for name, is_sent in sent.items() if is_sent]:
        raise refuse(
            "request_invalid",
            f"{CODING} takes no {names[0]}: {REFUSED[names[0]]}.",
            hint=f"Leave it out, or ask {CHAT}.",
        )


async def answer_to(
    at: ServerContext,
    principal: Principal,
    asked: CommonFields,
    messages: Sequence[Mapping[str, Any]],
    options: ChatOptions,
) -> AnswerSource:
    """Give a request to who answers it: the chat model, the graph, or what stands on its thread.

    Raises:
        Refused: ``assistant_not_found`` for a model that is none of ours; as ``Submission.take``.
    """
    if asked.model == CHAT:
        grounding = await _grounded(at, principal, asked, messages)
        return ask_chat(at, principal, grounding, options, named=CHAT, about={})
    if asked.model not in {CODING, "coding"}:
        raise refuse(
            "assistant_not_found", f"There is no model {asked.model[:100]!r}.", hint="List them: GET /v1/models"
        )
    fields, thread = asked.task_fields(), asked.thread
    before = await spent_so_far(at, thread, principal.org) if thread else None
    routed = route_intent(
        wished({"messages": list(messages)}), on_thread=before is not None, ordered=bool(set(fields) & set(ORDERS))
    )
    intent = asked.intent or routed.intent
    about = {"intent": intent, "reason": "the request says so" if asked.intent else routed.reason}
    if intent == "status" and thread and before is not None:
        newest = next(iter(await at.turns.of((await at.run_of(thread, principal.org)).id, limit=1)), None)
        if newest is not None:
            return StatusAnswer(
                at=at, id=newest.id, thread=newest.thread, org=newest.org, model=asked.model, about=about
            )
    if intent == "chat":
        about |= {"expert": None, **({"thread_id": thread} if thread else {})}
        grounding = await _grounded(at, principal, asked, messages)
        return ask_chat(at, principal, grounding, options, named=asked.model, about=about)
    ensure_for_coding(options, tools=asked.tools)
    ask = RunAsk(input={"messages": list(messages), **fields}, stream_mode=["custom"], if_not_exists="create")
    taken = await at.submission.take(principal, ask, thread)
    return CodingAnswer(at=at, taken=taken, model=asked.model, about=about, before=before or Spent())


async def _grounded(
    at: ServerContext, principal: Principal, asked: CommonFields, messages: Sequence[Mapping[str, Any]]
) -> Grounding:
    """What the chat model is asked: with the passages of the thread or repository that the request names, if any."""
    conversation, repo = read_messages(messages), asked.task_fields().get("repo")
    if is_greeting(wished({"messages": list(messages)})):
        return ungrounded(conversation)
    return await grounded(at, principal, conversation, repo=str(repo or ""), thread=asked.thread or "")
