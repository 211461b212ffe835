"""What is done at each station of a run: one verb per file, its prompt beside it."""

from nodes._prompt import NAMES, prompts

__all__ = ["NAMES", "prompts"]
