"""Prompts are Markdown files beside the node that speaks them.

A prompt has parts headed by a line ``<!-- system -->`` or ``<!-- user -->``. What never changes comes
first, what changes most comes last, so that a server's prefix cache can be used (see docs/models.md).
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jinja2 import Environment, StrictUndefined, Template
from pydantic import TypeAdapter

from models import Message

Speaker = Literal["system", "user"]

_PART = re.compile(r"^<!-- (system|user) -->\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt, loaded once. ``version`` is the hash of its text."""

    name: str
    version: str
    parts: tuple[tuple[Speaker, Template], ...]

    def render(self, **values: object) -> tuple[Message, ...]:
        """Fill in the values; a missing one is an error, never an empty string."""
        return tuple(Message(role=role, content=part.render(values).strip()) for role, part in self.parts)


def prompt(name: str) -> Prompt:
    """Load ``nodes/<name>.md``."""
    text = (Path(__file__).parent / f"{name}.md").read_text(encoding="utf-8")
    # These are prompts, not HTML: what is escaped here would reach the model as entities.
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701
    pieces = _PART.split(text)[1:]
    parts: list[tuple[Speaker, Template]] = []
    for role, body in zip(pieces[::2], pieces[1::2], strict=True):
        parts.append(("system" if role == "system" else "user", environment.from_string(body)))
    return Prompt(name, hashlib.sha256(text.encode()).hexdigest()[:12], tuple(parts))


def as_json(value: object) -> str:
    """Return a value of the domain as the JSON a model would have answered."""
    return TypeAdapter[object](type(value)).dump_json(value).decode()
