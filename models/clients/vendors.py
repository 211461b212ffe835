"""Vendor clients: protocols of their own, through langchain's packages (extras ``anthropic`` and ``google``; F1).

``SIGNOFF_MODEL_BASE_URL=anthropic:`` or ``google:`` means the vendor itself; what stands behind the colon is the
address of a gateway. Answers are asked for in words, so a vendor's dialects of schemas do not matter.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any, Final

import httpx
from pydantic import SecretStr

from domain import Refused, SignoffError, Unavailable, value
from domain.errors import extra_command
from models.clients.chat import Chat, learned
from models.clients.contract import (
    AnswerSchema,
    Delta,
    Dialect,
    ModelEndpoint,
    ToolOffer,
    call_deltas,
    wire_messages,
    wire_tools,
)
from models.contract import Message, ModelSettings, Price, Usage
from models.errors import refusal, retry_after, served_length, too_long, unreachable

_QUOTED = 600
_FINISHED: Final = {"max_tokens": "length", "refusal": "content_filter", "safety": "content_filter"}


@value
class Vendor:
    """Who speaks a protocol of its own, and the package that knows it."""

    provider: str
    """As policies name it."""
    package: str
    chat: str
    limit: str
    """What the bound of an answer is called."""
    errors: tuple[str, ...]
    """Of the package below, as ``module:name``."""


VENDORS: Final = {
    "anthropic:": Vendor(
        provider="anthropic",
        package="langchain_anthropic",
        chat="ChatAnthropic",
        limit="max_tokens",
        errors=("anthropic:AnthropicError",),
    ),
    "google:": Vendor(
        provider="google",
        package="langchain_google_genai",
        chat="ChatGoogleGenerativeAI",
        limit="max_output_tokens",
        errors=("google.genai.errors:APIError", "langchain_google_genai.chat_models:ChatGoogleGenerativeAIError"),
    ),
}
"""By the scheme of their address."""


def vendor_of(base_url: str) -> Vendor | None:
    """The vendor an address means; None for every other."""
    scheme, colon, _ = base_url.partition(":")
    return VENDORS.get(scheme + colon)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorTransport:
    """One model of a vendor."""

    model: str
    vendor: Vendor
    client: Any
    """A langchain ``BaseChatModel``."""
    errors: tuple[type[Exception], ...] = ()

    @property
    def name(self) -> str:
        return self.model

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
        bounds = {"temperature": settings.temperature, self.vendor.limit: settings.max_tokens}
        client = self.client.model_copy(update=bounds)
        if offer is not None:
            # "any" is langchain's word for a call that has to be made, whoever the vendor is.
            choice = "any" if offer.choice == "required" else "auto"
            client = client.bind_tools(wire_tools(offer.tools), tool_choice=choice)
        used = Usage()  # langchain's chunks have it in parts that add up
        try:
            async with aclosing(client.astream(wire_messages(messages))) as chunks:
                async for chunk in chunks:
                    if part := chunk.usage_metadata:
                        cached = (part.get("input_token_details") or {}).get("cache_read") or 0
                        used += Usage(
                            tokens_in=part["input_tokens"], tokens_out=part["output_tokens"], tokens_cached=cached
                        )
                    about = chunk.response_metadata
                    reason = about.get("stop_reason") or about.get("finish_reason")
                    yield Delta(
                        text=str(chunk.text),
                        calls=call_deltas(chunk),
                        finish=_FINISHED.get(str(reason).lower(), "stop") if reason else None,
                        model=about.get("model_name") or None,
                        usage=used if used.tokens_in or used.tokens_out else None,
                    )
        except self.errors as error:
            raise self._meaning(error) from None
        except httpx.HTTPError as error:
            raise unreachable(self._where, str(error) or type(error).__name__) from None

    @property
    def _where(self) -> str:
        return f"The vendor {self.vendor.provider}"

    def _meaning(self, error: Exception) -> SignoffError:
        """A vendor's failure as an error of ``domain.errors``, by its HTTP status."""
        text = str(getattr(error, "message", "") or error)[:_QUOTED]
        # anthropic's errors have the one, google's the other.
        status = getattr(error, "status_code", None) or getattr(error, "code", None)
        if isinstance(status, int):
            headers = getattr(getattr(error, "response", None), "headers", None) or {}
            wait = retry_after(headers.get("retry-after"), now=datetime.now(UTC))
            return refusal(status, text, where=self._where, retry_after_s=wait)
        if served_length(text) is not None:
            return too_long(text)
        return Unavailable(f"{self._where} did not answer: {text}", hint="See whether the vendor is reachable.")


@asynccontextmanager
async def open_vendor(endpoint: ModelEndpoint, *, price: Price | None = None) -> AsyncGenerator[Chat]:
    """Open a vendor's model for as long as the block runs. Nothing is sent before a question.

    Raises:
        Refused: ``llm_not_installed`` without the extra, ``llm_which_model`` without a model.
    """
    vendor = vendor_of(endpoint.base_url)
    if vendor is None or endpoint.model is None:
        raise Refused("A vendor is asked for a model by its name.", code="llm_which_model", hint="Set SIGNOFF_MODEL.")
    try:
        client_type: Any = getattr(import_module(vendor.package), vendor.chat)
        errors = tuple(getattr(import_module(path), name) for path, name in (e.split(":") for e in vendor.errors))
    except ImportError as error:
        raise Refused(
            f"This vendor needs the extra `{vendor.provider}`: {error}",
            code="llm_not_installed",
            hint=extra_command(vendor.provider),
        ) from error
    address = endpoint.base_url.partition(":")[2]
    # Without an address the package's own default counts: a None would replace it.
    where = {"base_url": address} if address else {}
    key = endpoint.api_key or SecretStr("none")
    client = client_type(model=endpoint.model, api_key=key, max_retries=0, **where)
    transport = VendorTransport(model=endpoint.model, vendor=vendor, client=client, errors=errors)
    yield Chat(transport=transport, price=price or Price(), learned=learned(Dialect(structured="text")))
