"""A model that asks the next one when the first does not answer (A1, F6)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from domain import Refused, SignoffError, Transient
from models.contract import Heard, Message, Model, Reply, Settings

T = TypeVar("T")

THEIR_OWN = frozenset(
    {
        "context_too_long",
        "llm_bad_address",
        "llm_bad_request",
        "llm_content_filter",
        "llm_no_credit",
        "llm_unauthorized",
        "llm_unknown_model",
        "llm_which_model",
        "quota_reached",
    }
)
"""Refusals that are about one endpoint: another may well answer. Any other refusal is about the request."""

Passed = Callable[[str, SignoffError], None]
"""Told the name of a model that did not answer, and why."""


def _nobody(_name: str, _error: SignoffError) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Ask ``models`` in their order until one answers.

    A spent budget (``Exhausted``) ends it at once: a fallback is not a way around a limit. When
    nobody answers, the first model's error is raised: it is the one to be repaired.
    """

    models: tuple[Model, ...]
    passed: Passed = _nobody

    @property
    def name(self) -> str:
        """Name of the first choice."""
        return self.models[0].name

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``."""
        first: SignoffError | None = None
        for model in self.models:
            try:
                return await model.ask(messages, answer, settings=settings, heard=heard)
            except Transient as error:
                problem: SignoffError = error
            except Refused as error:
                if error.stable_code not in THEIR_OWN:
                    raise
                problem = error
            self.passed(model.name, problem)
            first = first or problem
        if first is None:
            raise Refused("No model is configured.", code="llm_none", hint="Set SIGNOFF_MODEL_BASE_URL.")
        raise first
