"""Reading of a coder's answer: the one action that it means, or what is wrong with it in words for the model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from domain.coder import CoderAction
from models.clients.structured import explained

LONGEST_THOUGHT = 20_000
_ACTION: TypeAdapter[CoderAction] = TypeAdapter(CoderAction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an answer means. Without an action, ``problem`` says why and ``example`` what to write instead."""

    action: CoderAction | None = None
    thought: str = ""
    """The words around the action."""
    problem: str = ""
    """One sentence for the model."""
    example: str = ""
    code: str = ""
    """``no_action``, ``answer_cut``, ``template_copied``, ``unknown_tool`` or ``bad_arguments``."""
    ignored: str = ""
    """What else was in the answer and is not done, in words for the model."""
    call: str = ""
    """Id of the tool call that was read."""
    not_done: tuple[str, ...] = ()
    """Ids of the other calls: each of them needs an answer, too."""

    @property
    def correction(self) -> str:
        """What to tell the model where there is no action."""
        return f"{self.problem}\n\n{self.example}".strip()


def checked(kind: str, values: Mapping[str, Any]) -> tuple[CoderAction | None, str]:
    """Return the action of these values, or what is wrong with them."""
    try:
        return _ACTION.validate_python({"kind": kind, **values}), ""
    except ValidationError as error:
        return None, explained(error, most=4, top=kind)
