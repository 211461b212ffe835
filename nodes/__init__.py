"""What is done at each station of a run: one verb per file, its prompt beside it."""

from nodes._prompt import Prompt, prompt

__all__ = ["Prompt", "prompt"]
