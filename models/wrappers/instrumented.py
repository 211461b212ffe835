"""Tracing wrapper: a span for every call (C6), with numbers always, and content only where that is set.

Attributes are those of the GenAI semantic conventions of OpenTelemetry; see docs/tracing.md.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from pydantic import TypeAdapter

from domain import SignoffError
from models.clients.contract import name_of
from models.contract import Message, Question, Reply, ToolCall, Usage, Wrapper, metered

T = TypeVar("T")


def default_tracer() -> Tracer:
    return trace.get_tracer("signoff.models")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrumented(Wrapper):
    """Wrap ``model`` in a span ``chat {model}``. ``content`` writes prompt and answer into it, unredacted."""

    tracer: Tracer = field(default_factory=default_tracer)
    content: bool = False

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        with self.tracer.start_as_current_span(
            f"chat {self.name}", kind=SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
        ) as span:
            span.set_attributes(
                {
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": self.name,
                    "gen_ai.request.temperature": question.settings.temperature,
                    "gen_ai.request.max_tokens": question.settings.max_tokens,
                    "gen_ai.output.type": "text" if question.answer is str else "json",
                    "langfuse.observation.type": "generation",
                    "app.answer": name_of(question.answer),
                    **_prompt_attributes(question.messages),
                }
            )
            if self.content:
                prompt = [_with_parts(message) for message in question.messages]
                span.set_attribute("gen_ai.input.messages", json.dumps(prompt))
            if question.tools:
                span.set_attribute("app.tools", [tool.name for tool in question.tools])
            with metered() as meter:
                try:
                    reply = await self.model.ask(question)
                except SignoffError as error:
                    span.set_status(Status(StatusCode.ERROR, error.stable_code))
                    span.set_attribute("error.type", error.stable_code)
                    raise
                finally:  # tokens of a call that failed or was given up were paid for, too
                    span.set_attributes(_usage_attributes(meter.usage))
            span.set_attributes(
                {"gen_ai.response.model": reply.model, "gen_ai.response.finish_reasons": [reply.finish]}
            )
            if reply.first_token_ms is not None:
                span.set_attribute("gen_ai.response.time_to_first_chunk", reply.first_token_ms / 1_000)
            if reply.tool_calls:
                span.set_attribute("app.tool_calls", [call.name for call in reply.tool_calls])
            if self.content:
                text = TypeAdapter[object](type(reply.value)).dump_json(reply.value).decode()
                parts = [{"type": "text", "content": text}, *(_call_part(call) for call in reply.tool_calls)]
                output = [{"role": "assistant", "parts": parts, "finish_reason": reply.finish}]
                span.set_attribute("gen_ai.output.messages", json.dumps(output))
            return reply


def _with_parts(message: Message) -> dict[str, Any]:
    """A message as the conventions write it."""
    if message.role == "tool":
        parts = [{"type": "tool_call_response", "id": message.tool_call_id, "response": message.content}]
    else:
        parts = [{"type": "text", "content": message.content}, *(_call_part(call) for call in message.tool_calls)]
    return {"role": message.role, "parts": parts}


def _call_part(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.raw or call.arguments}


def _usage_attributes(usage: Usage) -> dict[str, str | int]:
    """What it used, whatever came of it; nothing where nothing was sent."""
    if not usage.calls:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.tokens_in,
        "gen_ai.usage.output_tokens": usage.tokens_out,
        "gen_ai.usage.cache_read.input_tokens": usage.tokens_cached,
        "app.cost": str(usage.cost),
        "app.model.calls": usage.calls,
        "app.usage.estimated_tokens": usage.estimated,
    }


def _prompt_attributes(messages: Sequence[Message]) -> dict[str, str | int]:
    """Which prompts in which versions this conversation has (B12), and Langfuse's link to its own."""
    prompts = list(dict.fromkeys(message.prompt for message in messages if message.prompt))
    if not prompts:
        return {}
    name, _, version = prompts[0].rpartition("@langfuse-")
    linked = (
        {"langfuse.observation.prompt.name": f"signoff-{name}", "langfuse.observation.prompt.version": int(version)}
        if name
        else {}
    )
    return {"app.prompt.version": ", ".join(prompts), **linked}
