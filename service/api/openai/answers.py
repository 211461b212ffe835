"""Answer of OpenAI's routes, before it has the form of one: its parts as they come, how it ends, and what it cost.

Who gives an answer (the chat model, the coding graph) knows no form, and who writes a form knows no giver.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from domain import SignoffError
from models import ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPart:
    """Text of one choice: what is said, or what was thought before."""

    kind: Literal["content", "reasoning_content"]
    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceEnd:
    """A choice is whole."""

    choice: int = 0
    finish: Literal["stop", "length", "tool_calls"] = "stop"
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEnd:
    """The answer is whole; nothing comes behind it."""

    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What stands under ``signoff`` beside the answer."""


AnswerEvent = AnswerPart | ChoiceEnd | AnswerEnd


class AnswerSource(Protocol):
    """Somebody's answer to one request."""

    @property
    def id(self) -> str:
        """Without the prefix that a form gives it."""
        ...

    @property
    def model(self) -> str:
        """The name that was asked."""
        ...

    @property
    def going_on(self) -> Mapping[str, str]:
        """What a client needs to go on later with what was stopped now: ``thread_id`` and ``run_id``."""
        ...

    def events(self) -> AsyncGenerator[AnswerEvent]:
        """The answer as it comes. Raises ``SignoffError`` where it comes to nothing."""
        ...


@dataclass(slots=True)
class WholeAnswer:
    """An answer that was listened to until its end."""

    contents: dict[int, str] = field(default_factory=dict[int, str])
    ends: dict[int, ChoiceEnd] = field(default_factory=dict[int, ChoiceEnd])
    end: AnswerEnd = field(default_factory=AnswerEnd)


async def whole(answer: AnswerSource) -> WholeAnswer:
    """The whole answer; what was thought before it is left out. Raises as ``AnswerSource.events``."""
    gathered = WholeAnswer()
    async for event in answer.events():
        match event:
            case AnswerPart(kind="content"):
                gathered.contents[event.choice] = gathered.contents.get(event.choice, "") + event.text
            case ChoiceEnd():
                gathered.ends[event.choice] = event
            case AnswerEnd():
                gathered.end = event
            case _:
                pass
    return gathered


def error_fields(error: SignoffError, going_on: Mapping[str, str]) -> dict[str, Any]:
    """The error of a stream that has begun; the openai package raises it as an ``APIError``. Pure."""
    about = {name: getattr(error, name) for name in ("retry_after", "max_tokens") if getattr(error, name, None)}
    return {
        "message": error.message,
        "type": "server_error" if error.http_status >= 500 else "invalid_request_error",  # noqa: PLR2004
        "param": None,
        "code": error.stable_code,
        "hint": error.hint,
        **going_on,
        **about,
    }
