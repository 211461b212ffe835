"""Fallback wrapper: asks the next model when one does not answer (A1, F6). A fallback is not a way around a limit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from domain import Refused, SignoffError, Transient
from models.contract import Model, Question, Reply

T = TypeVar("T")

ENDPOINTS_OWN = frozenset(
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
"""Refusals that are about one endpoint: another may well answer. Any other refusal is about the request.

``llm_no_tools`` is not among them: the same model in another dialect is better than another model.
"""

OnFailure = Callable[[str, SignoffError], None]
"""Called with the name of a model that did not answer, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Ask ``models`` in their order until one answers.

    A spent budget (``Exhausted``) ends it at once. When none answers, the first model's error is raised: it is the
    one to be repaired.
    """

    models: tuple[Model, ...]
    on_failure: OnFailure | None = None

    @property
    def name(self) -> str:
        """Name of the first choice."""
        return self.models[0].name

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        first: SignoffError | None = None
        for model in self.models:
            try:
                return await model.ask(question)
            except Transient as error:
                problem: SignoffError = error
            except Refused as error:
                if error.stable_code not in ENDPOINTS_OWN:
                    raise
                problem = error
            if self.on_failure is not None:
                self.on_failure(model.name, problem)
            first = first or problem
        if first is None:
            raise Refused("No model is configured.", code="llm_none", hint="Set SIGNOFF_MODEL_BASE_URL.")
        raise first
