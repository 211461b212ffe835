"""Prompts are Markdown files beside the node that speaks them (see models.prompts and docs/models.md)."""

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from models import Prompt, load_all

HERE: Final = Path(__file__).parent
NAMES: Final = ("plan", "execute", "judge", "observe", "replan", "review")
"""Every prompt that a node speaks."""


def prompts(name: str, theirs: Path | None = None) -> tuple[Prompt, ...]:
    """Every version of a prompt: those in the folder of the user first, then ours.

    Raises:
        Refused: ``prompt_invalid``.
    """
    return (*(load_all(theirs, name) if theirs is not None else ()), *load_all(HERE, name))


def as_json(value: object) -> str:
    """Return a value of the domain as the JSON a model would have answered."""
    return TypeAdapter[object](type(value)).dump_json(value).decode()
