import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from domain import Plan, Unavailable
from models import Message, ModelSettings, Question, Usage
from models.wrappers import Instrumented
from tests.unit.models.flaky import Flaky

ASK = (Message(role="user", content="canary-4711"),)


@pytest.fixture
def spans():
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter, provider.get_tracer("test")
    provider.shutdown()


async def ask(model, *prompts):
    spoken = tuple(Message(role="user", content="more", prompt=prompt) for prompt in prompts)
    return await model.ask(Question((*ASK, *spoken), Plan, settings=ModelSettings(temperature=0.3, max_tokens=77)))


async def test_a_call_is_a_span_of_numbers(spans):
    exporter, tracer = spans
    usage = Usage(tokens_in=100, tokens_out=20, tokens_cached=64, calls=1)
    await ask(Instrumented(model=Flaky(name="m", usage=usage), tracer=tracer), "plan@abc", "plan@abc", "replan@def")
    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind) == ("chat m", SpanKind.CLIENT)
    said = dict(span.attributes or {})
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.request.model"] == said["gen_ai.response.model"] == "m"
    assert said["gen_ai.usage.input_tokens"] == 100
    assert said["gen_ai.usage.output_tokens"] == 20
    assert said["gen_ai.usage.cache_read.input_tokens"] == 64
    assert said["gen_ai.request.max_tokens"] == 77
    assert said["gen_ai.response.finish_reasons"] == ("stop",)
    assert said["app.prompt.version"] == "plan@abc, replan@def"
    assert "langfuse.observation.prompt.name" not in said
    assert said["app.answer"] == "plan"
    assert "canary" not in str(said)


async def test_content_only_when_told(spans):
    exporter, tracer = spans
    await ask(Instrumented(model=Flaky(), tracer=tracer, content=True))
    said = dict(exporter.get_finished_spans()[0].attributes or {})
    assert "canary-4711" in str(said["gen_ai.input.messages"])
    assert '"goal":"g"' in str(said["gen_ai.output.messages"]).replace("\\", "")


async def test_a_failure_is_on_the_span_without_its_words(spans):
    exporter, tracer = spans
    with pytest.raises(Unavailable):
        await ask(Instrumented(model=Flaky([Unavailable("canary-4712")]), tracer=tracer))
    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "llm_unavailable"
    assert "canary" not in span.to_json()


async def test_a_prompt_of_langfuse_is_linked_to_it(spans):
    exporter, tracer = spans
    await ask(Instrumented(model=Flaky(), tracer=tracer), "plan@langfuse-3")
    said = dict(exporter.get_finished_spans()[0].attributes or {})
    assert said["langfuse.observation.prompt.name"] == "signoff-plan"
    assert said["langfuse.observation.prompt.version"] == 3
