"""Events of a run, in the past tense: what progress lines, streams and golden traces are made of."""

from typing import Any, Literal

from pydantic import Field

from domain._value import value

__all__ = ["Event", "EventKind"]

EventKind = Literal[
    "run_started",
    "run_paused",
    "run_resumed",
    "run_ended",
    "node_started",
    "node_ended",
    "plan_made",
    "step_started",
    "change_proposed",
    "change_applied",
    "command_started",
    "command_ended",
    "candidate_tried",
    "tool_called",
    "tool_answered",
    "coder_turn",
    "question_asked",
    "question_answered",
    "observed",
    "replanned",
    "reviewed",
    "risk_rated",
    "ballot_opened",
    "ballot_decided",
    "delivered",
    "model_called",
    "text",
    "note",
]


@value
class Event:
    """One fact. ``data`` is JSON; secrets never enter it."""

    kind: EventKind
    run: str = ""
    node: str = ""
    message: str = ""
    at_ms: float = 0.0
    """Milliseconds since the epoch; 0 in golden traces."""
    data: dict[str, Any] = Field(default_factory=dict)
