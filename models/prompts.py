"""Prompts as versioned files (B12): Markdown with a few lines in front, filled in strictly.

A file may begin with ``---`` lines of YAML: ``label`` (``production`` unless told, or ``staging``),
``description``. Its version is the hash of the whole file. Parts are headed by ``<!-- system -->``,
``<!-- user -->`` or ``<!-- assistant -->``.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from jinja2 import Environment, StrictUndefined, Template, TemplateError

from domain import Broken, Refused, value
from models.contract import Message
from models.sources import parse_yaml

Label = Literal["production", "staging"]
Speaker = Literal["system", "user", "assistant"]

_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_PART = re.compile(r"^<!-- (system|user|assistant) -->\n", re.MULTILINE)


@value
class Front:
    """What stands in front of a prompt."""

    label: Label = "production"
    description: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One version of one prompt."""

    name: str
    version: str
    label: Label
    parts: tuple[tuple[Speaker, Template], ...]

    @classmethod
    def load(cls, path: Path) -> "Prompt":
        """Read a file.

        Raises:
            Refused: ``prompt_invalid``.
        """
        try:
            return cls.parse(path.read_text(encoding="utf-8"), name=path.stem.split(".")[0])
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"{path} cannot be read: {error}", code="prompt_invalid", hint="Check the path.") from error

    @classmethod
    def parse(cls, text: str, *, name: str) -> "Prompt":
        """Make a prompt of its text.

        Raises:
            Refused: ``prompt_invalid``: the front is not valid, a template does not parse, or there is no part.
        """
        front = _FRONT.match(text)
        said = parse_yaml(front[1], Front, name=f"{name}.md", code="prompt_invalid") if front else Front()
        pieces = _PART.split(text[front.end() if front else 0 :])[1:]
        if not pieces:
            raise Refused(f"The prompt {name} has no part.", code="prompt_invalid",
                          hint="Head its parts with <!-- system --> and <!-- user -->.")  # fmt: skip
        # Prompts are no HTML: what is escaped here would reach the model as entities.
        environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701
        try:
            templates = [environment.from_string(body) for body in pieces[1::2]]
        except TemplateError as error:
            raise Refused(f"The prompt {name} does not parse: {error}", code="prompt_invalid",
                          hint="Correct the template.") from error  # fmt: skip
        speakers = cast("list[Speaker]", pieces[::2])
        version = hashlib.sha256(text.encode()).hexdigest()[:12]
        return cls(name, version, said.label, tuple(zip(speakers, templates, strict=True)))

    def render(self, **values: object) -> tuple[Message, ...]:
        """Fill in the values.

        Raises:
            Broken: ``prompt_value_missing``; a missing value is never an empty string.
        """
        try:
            return tuple(Message(role=speaker, content=part.render(values).strip()) for speaker, part in self.parts)
        except TemplateError as error:
            raise Broken(f"The prompt {self.name} cannot be filled in: {error}", code="prompt_value_missing",
                         hint="Report it; `signoff trace RUN` shows where.") from error  # fmt: skip


def load_all(folder: Path, name: str) -> tuple[Prompt, ...]:
    """Every version of a prompt in a folder: ``plan.md``, then ``plan.*.md``."""
    return tuple(Prompt.load(path) for path in sorted(folder.glob(f"{name}.md")) + sorted(folder.glob(f"{name}.*.md")))


def pick(prompts: Sequence[Prompt], *, key: str, staging_share: float = 0.0, version: str | None = None) -> Prompt:
    """Choose a version: the one that is named, else staging for a fixed share of keys, else production.

    The same ``key`` (a run's id) always gets the same version, so that a run speaks with one voice.

    Raises:
        Refused: ``prompt_invalid``: nothing fits.
    """
    if version is not None:
        found = next((prompt for prompt in prompts if prompt.version == version), None)
        if found is not None:
            return found
        raise Refused(f"There is no prompt version {version}.", code="prompt_invalid", hint="List the versions first.")
    draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    wanted: Sequence[Label] = ("staging", "production") if draw < staging_share else ("production",)
    for label in wanted:
        if (found := next((prompt for prompt in prompts if prompt.label == label), None)) is not None:
            return found
    raise Refused("No prompt is labelled production.", code="prompt_invalid", hint="Label one: `label: production`.")
