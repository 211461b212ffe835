"""Nodes of the state machine: one verb per file, its prompt beside it.

Prompts are Markdown files (see models.prompts and docs/models.md).
"""

from pathlib import Path
from typing import Final

from models import Prompt, load_all

HERE: Final = Path(__file__).parent
NAMES: Final = ("plan", "execute", "turn", "judge", "observe", "result", "returned", "replan", "review")
"""Every prompt that a node speaks."""


def prompts(name: str, theirs: Path | None = None) -> tuple[Prompt, ...]:
    """Every version of a prompt: those in the folder of the user first, then ours.

    Raises:
        Refused: ``prompt_invalid``.
    """
    return (*(load_all(theirs, name) if theirs is not None else ()), *load_all(HERE, name))


__all__ = ["NAMES", "prompts"]
