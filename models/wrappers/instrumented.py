"""Tracing wrapper: a span for every call (C6), with numbers always, and content only where that is set.

Attributes are those of the GenAI semantic conventions of OpenTelemetry; see docs/tracing.md.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from pydantic import TypeAdapter

from domain import SignoffError
from models.clients.structured import name_of
from models.contract import Message, Question, Reply, Usage, Wrapper
from models.metering import metered

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
            self._before(span, question)
            with metered() as meter:
                try:
                    reply = await self.model.ask(question)
                except SignoffError as error:
                    span.set_status(Status(StatusCode.ERROR, error.stable_code))
                    span.set_attribute("error.type", error.stable_code)
                    raise
                finally:
                    span.set_attributes(_usage_attributes(meter.usage))
            self._after(span, reply)
            return reply

    def _before(self, span: Span, question: Question[T]) -> None:
        messages, answer, settings = question.messages, question.answer, question.settings
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": self.name,
                "gen_ai.request.temperature": settings.temperature,
                "gen_ai.request.max_tokens": settings.max_tokens,
                "gen_ai.output.type": "text" if answer is str else "json",
                "langfuse.observation.type": "generation",
                "app.answer": name_of(answer),
            }
        )
        span.set_attributes(_prompt_attributes(messages))
        if self.content:
            parts = [{"role": m.role, "parts": [{"type": "text", "content": m.content}]} for m in messages]
            span.set_attribute("gen_ai.input.messages", json.dumps(parts))

    def _after(self, span: Span, reply: Reply[T]) -> None:
        span.set_attributes({"gen_ai.response.model": reply.model, "gen_ai.response.finish_reasons": [reply.finish]})
        if reply.first_token_ms is not None:
            span.set_attribute("gen_ai.response.time_to_first_chunk", reply.first_token_ms / 1_000)
        if self.content:
            text = TypeAdapter[object](type(reply.value)).dump_json(reply.value).decode()
            parts = [{"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": reply.finish}]
            span.set_attribute("gen_ai.output.messages", json.dumps(parts))


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
