"""Hugging Face client: a model in this process, through langchain-huggingface (extra ``local``).

Slower than a server and without guided decoding, so answers are asked for in words; but there is
nothing to install and nothing to start. The packages take seconds to import: they are imported when
the first model is opened.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from domain import ContextTooLong, Refused
from domain.errors import extra_command
from models.clients.chat import Chat, learned
from models.clients.contract import AnswerSchema, Delta, Dialect, ToolOffer
from models.contract import Message, ModelSettings, Price, Usage
from models.errors import no_tools

SCHEME = "local:"
"""``SIGNOFF_MODEL_BASE_URL=local:`` means: in this process."""
DEFAULT = "Qwen/Qwen2.5-Coder-1.5B-Instruct"


@dataclass(frozen=True, slots=True, kw_only=True)
class HuggingFaceTransport:
    """One model in this process; it answers one question at a time."""

    model_id: str
    pipeline: Any
    """``langchain_huggingface.HuggingFacePipeline``."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    @property
    def name(self) -> str:
        return self.model_id

    @property
    def context(self) -> int:
        """Tokens that the model was made for."""
        return int(self.pipeline.pipeline.model.config.max_position_embeddings)

    async def send(
        self,
        messages: Sequence[Message],
        *,
        form: AnswerSchema | None,  # noqa: ARG002  the schema is in the words
        dialect: Dialect,  # noqa: ARG002
        settings: ModelSettings,
        offer: ToolOffer | None = None,
    ) -> AsyncGenerator[Delta]:
        """See ``Transport.send``."""
        if offer is not None:
            raise no_tools(self.model_id, "it runs in this process, where nothing reads its calls")
        turns = [{"role": message.role, "content": message.content} for message in messages]
        tokenizer = self.pipeline.pipeline.tokenizer
        prompt = str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        tokens_in = len(self._tokens(prompt))
        # A pipeline does not refuse what is too long: it warns, and writes nonsense.
        if tokens_in + settings.max_tokens > self.context:
            raise ContextTooLong(
                f"The prompt has {tokens_in} tokens, the answer may have {settings.max_tokens}, "
                f"the model {self.context}.",
                max_tokens=self.context,
                hint="Choose a model with a longer context, or make the task smaller.",
            )
        options: dict[str, Any] = {"max_new_tokens": settings.max_tokens, "do_sample": settings.temperature > 0}
        if settings.temperature > 0:
            options["temperature"] = settings.temperature
        texts: list[str] = []
        async with self.lock:
            async for text in self.pipeline.astream(prompt, pipeline_kwargs=options):
                texts.append(text)
                yield Delta(text=text)
        tokens_out = len(self._tokens("".join(texts)))
        finish = "length" if tokens_out >= settings.max_tokens else "stop"
        yield Delta(finish=finish, model=self.model_id, usage=Usage(tokens_in=tokens_in, tokens_out=tokens_out))

    def _tokens(self, text: str) -> list[int]:
        return self.pipeline.pipeline.tokenizer(text, add_special_tokens=False)["input_ids"]


@asynccontextmanager
async def open_local(model_id: str | None, *, price: Price | None = None) -> AsyncGenerator[Chat]:
    """Load a model (an id, or a folder) into this process.

    Raises:
        Refused: ``llm_not_installed`` without the extra; ``llm_unknown_model`` when it cannot be loaded.
    """
    model_id = model_id or DEFAULT
    pipeline = await asyncio.to_thread(_load, model_id)
    transport = HuggingFaceTransport(model_id=model_id, pipeline=pipeline)
    yield Chat(transport=transport, price=price or Price(), learned=learned(Dialect(structured="text")))


def _load(model_id: str) -> Any:
    try:
        # An extra, and it takes seconds.
        from langchain_huggingface import HuggingFacePipeline  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

        return HuggingFacePipeline.from_model_id(model_id=model_id, task="text-generation")
    except (ImportError, ModuleNotFoundError) as error:
        raise Refused(
            f"Models in this process need the extra `local`: {error}",
            code="llm_not_installed",
            hint=extra_command("local"),
        ) from error
    except (OSError, ValueError) as error:
        raise Refused(
            f"{model_id} cannot be loaded: {error}",
            code="llm_unknown_model",
            hint="Name a model of the Hugging Face Hub, or a folder that has one.",
        ) from error
