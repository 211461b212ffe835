"""Langfuse prompts: those that people edit there, with our files behind them (B12).

Langfuse's labels choose: a stable share of the runs gets what is labelled ``staging``, the others
``production``. A text prompt has the form of our files, a chat prompt is a list of messages; both are
called ``signoff-NAME`` there. When Langfuse is away, knows no such prompt, or has one that cannot be
filled in, the last good one or our file is spoken: a run never waits for it longer than ``timeout_s``.
"""

import asyncio
import importlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httpx

from domain import Broken, Refused
from domain.errors import extra_command
from models.contract import Message
from models.prompts import Label, Prompt, PromptFiles, Speaker, labels

PREFIX: Final = "signoff-"


@dataclass(slots=True)
class _Known:
    """What Langfuse said last for one label; ``prompt`` is None when it had nothing that could be used."""

    until: float = 0.0
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LangfusePrompts:
    """One prompt of a Langfuse project, in the versions that its labels name."""

    name: str
    local: PromptFiles
    host: str
    public_key: str
    secret_key: str = field(repr=False)
    keep_s: float = 60.0
    """A new version is spoken after this time; an answer of nothing is asked for again after it, too."""
    timeout_s: float = 3.0
    clock: Callable[[], float] = time.monotonic
    load: Callable[[str], Any] = importlib.import_module
    """Imports the SDK; only when a prompt is fetched."""
    known: dict[Label, _Known] = field(default_factory=dict[Label, _Known], repr=False)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def render(self, key: str, /, **values: object) -> tuple[Message, ...]:
        """See ``PromptSource.render``."""
        *ours, last = await self.choices(key)
        for prompt in ours:
            try:
                return prompt.render(**values)
            except Broken as error:
                self._warn(prompt.label, error.message)
        return last.render(**values)

    async def choices(self, key: str, *, staged: bool = True) -> tuple[Prompt, ...]:
        """What a run may get, best first; our file is the last one."""
        prompts = [await self.prompt(label) for label in labels(key, self.local.staging_share if staged else 0.0)]
        return (*filter(None, prompts), *await self.local.choices(key, staged=staged))

    async def versions(self) -> tuple[Prompt, ...]:
        """Every version there is now, those of Langfuse first."""
        prompts = [await self.prompt("production"), await self.prompt("staging")]
        return (*filter(None, prompts), *self.local.prompts)

    async def prompt(self, label: Label) -> Prompt | None:
        """The version with this label, not older than ``keep_s``; the last good one when there is no newer answer."""
        # One fetch for all runs that begin together.
        async with self.turn:
            known = self.known.setdefault(label, _Known())
            if self.clock() >= known.until:
                known.prompt = await self._fetched(label, known.prompt)
                known.until = self.clock() + self.keep_s
            return known.prompt

    async def _fetched(self, label: Label, last: Prompt | None) -> Prompt | None:
        # In a thread: importing the SDK takes long, and other runs go on meanwhile.
        api, errors = await asyncio.to_thread(self._sdk)
        async with httpx.AsyncClient(timeout=self.timeout_s) as client:
            langfuse = api.AsyncLangfuseAPI(
                base_url=self.host.rstrip("/"),
                username=self.public_key,
                password=self.secret_key,
                x_langfuse_public_key=self.public_key,
                httpx_client=client,
            )
            try:
                async with asyncio.timeout(self.timeout_s):
                    answer = await langfuse.prompts.get(
                        PREFIX + self.name, label=label, request_options={"max_retries": 0}
                    )
                return prompt_of(self.name, label, answer)
            except errors.ApiError as error:
                if error.status_code == httpx.codes.NOT_FOUND:
                    return None  # taken away there: our file again
                self._warn(label, f"HTTP {error.status_code}")
            except TimeoutError:
                self._warn(label, f"no answer within {self.timeout_s:g} s")
            except (httpx.HTTPError, ValueError, TypeError, AttributeError) as error:
                self._warn(label, f"{type(error).__name__}: {error}")
            except Refused as error:
                self._warn(label, error.message)
        return last

    def _warn(self, label: Label, why: str) -> None:
        details = {"prompt": self.name, "label": label, "why": why[:300]}
        logging.getLogger("signoff.prompts").warning("prompt of Langfuse not used", extra=details)

    def _sdk(self) -> tuple[Any, Any]:
        try:
            return self.load("langfuse.api"), self.load("langfuse.api.core.api_error")
        except ImportError:
            raise Refused(
                "Prompts from Langfuse need its SDK, which is not installed.",
                code="langfuse_missing",
                hint=f"Install it with: {extra_command('langfuse')}, or unset SIGNOFF_LANGFUSE_PROMPTS.",
            ) from None


def prompt_of(name: str, label: Label, answer: Any) -> Prompt:
    """Make a prompt of what Langfuse answered.

    Raises:
        Refused: ``prompt_invalid``.
        AttributeError, TypeError: it is no prompt.
    """
    version = f"langfuse-{int(answer.version)}"
    if isinstance(answer.prompt, str):
        return Prompt.parse(answer.prompt, name=name, version=version, label=label)
    parts: list[tuple[Speaker, str]] = [(cast("Speaker", part.role), str(part.content)) for part in answer.prompt]
    if not parts or any(role not in {"system", "user", "assistant"} for role, _ in parts):
        raise Refused(
            f"The prompt {name} has no part that can be spoken.",
            code="prompt_invalid",
            hint="Give it system and user messages.",
        )
    return Prompt.of(parts, name=name, version=version, label=label)
