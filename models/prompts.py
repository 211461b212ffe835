"""Prompt templates as versioned files (B12): Markdown with a few lines in front, filled in strictly.

A file may begin with ``---`` lines of YAML: ``label`` (``production`` by default, or ``staging``),
``description``. Its version is the hash of the whole file. Parts are headed by ``<!-- system -->``,
``<!-- user -->`` or ``<!-- assistant -->``. Templates are filled in by Jinja's sandbox: who may write a
prompt may not run code.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain import Broken, Refused, value
from models.contract import Message
from models.yaml import parse_yaml

Label = Literal["production", "staging"]
Speaker = Literal["system", "user", "assistant"]

_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_PART = re.compile(r"^<!-- (system|user|assistant) -->\n", re.MULTILINE)


@value
class FrontMatter:
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
    texts: tuple[tuple[Speaker, str], ...] = ()
    """The parts as they were written."""

    @property
    def title(self) -> str:
        """Name and version, as spans have it."""
        return f"{self.name}@{self.version}"

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
    def parse(cls, text: str, *, name: str, version: str = "", label: Label | None = None) -> "Prompt":
        """Make a prompt of its text; version and label are its own unless they are kept elsewhere.

        Raises:
            Refused: ``prompt_invalid``: the front is not valid, a template does not parse, or there is no part.
        """
        front = _FRONT.match(text)
        front_matter = (
            parse_yaml(front[1], FrontMatter, name=f"{name}.md", code="prompt_invalid") if front else FrontMatter()
        )
        # What stands before the first part is a note for people: no model is shown it.
        pieces = _PART.split(text[front.end() if front else 0 :])[1:]
        if not pieces:
            raise Refused(
                f"The prompt {name} has no part.",
                code="prompt_invalid",
                hint="Head its parts with <!-- system --> and <!-- user -->.",
            )
        parts: list[tuple[Speaker, str]] = [
            (cast("Speaker", who), body) for who, body in zip(pieces[::2], pieces[1::2], strict=True)
        ]
        version = version or hashlib.sha256(text.encode()).hexdigest()[:12]
        return cls.of(parts, name=name, version=version, label=label or front_matter.label)

    @classmethod
    def of(cls, parts: Sequence[tuple[Speaker, str]], *, name: str, version: str, label: Label) -> "Prompt":
        """Make a prompt of the texts of its parts.

        Raises:
            Refused: ``prompt_invalid``: a template does not parse.
        """
        # Prompts are no HTML: what is escaped here would reach the model as entities.
        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
        )
        try:
            templates: tuple[tuple[Speaker, Template], ...] = tuple(
                (speaker, environment.from_string(body)) for speaker, body in parts
            )
        except TemplateError as error:
            raise Refused(
                f"The prompt {name} does not parse: {error}", code="prompt_invalid", hint="Correct the template."
            ) from error
        return cls(name, version, label, templates, tuple(parts))

    def render(self, **values: object) -> tuple[Message, ...]:
        """Fill in the values.

        Raises:
            Broken: ``prompt_value_missing``; a missing value is never an empty string.
        """
        try:
            return tuple(
                Message(role=speaker, content=part.render(values).strip(), prompt=self.title)
                for speaker, part in self.parts
            )
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            raise Broken(
                f"The prompt {self.name} cannot be filled in: {error}",
                code="prompt_value_missing",
                hint="Report it; `signoff trace RUN` shows where.",
            ) from error


class PromptSource(Protocol):
    """One prompt in whatever version a run gets."""

    async def render(self, key: str, /, **values: object) -> tuple[Message, ...]:
        """Fill in the version for ``key`` (a run's id: the same run always gets the same one).

        Raises:
            Broken: ``prompt_value_missing``.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFiles:
    """The versions of one prompt that lie on this machine."""

    prompts: tuple[Prompt, ...]
    staging_share: float = 0.0
    """Share of the runs that get the staged version, where there is one."""

    async def render(self, key: str, /, **values: object) -> tuple[Message, ...]:
        """See ``PromptSource.render``."""
        (prompt,) = await self.choices(key)
        return prompt.render(**values)

    async def choices(self, key: str, *, staged: bool = True) -> tuple[Prompt, ...]:
        """What a run may get, best first; ``staged``: whether the share counts that gets the staged version."""
        return (pick(self.prompts, key=key, staging_share=self.staging_share if staged else 0.0),)

    async def versions(self) -> tuple[Prompt, ...]:
        """Every version there is, the one for production first."""
        return self.prompts


def load_all(folder: Path, name: str) -> tuple[Prompt, ...]:
    """Every version of a prompt in a folder: ``plan.md``, then ``plan.*.md``.

    Raises:
        Refused: ``prompt_invalid``.
    """
    return tuple(Prompt.load(path) for path in sorted(folder.glob(f"{name}.md")) + sorted(folder.glob(f"{name}.*.md")))


def pick(prompts: Sequence[Prompt], *, key: str, staging_share: float = 0.0, version: str | None = None) -> Prompt:
    """Choose a version: the one that is named, else staging for a fixed share of keys, else production.

    The same ``key`` (a run's id) always gets the same version, so that a run speaks with one voice.

    Raises:
        Refused: ``prompt_invalid``: nothing fits.
    """
    if version is not None:
        prompt = next((each for each in prompts if each.version == version), None)
        if prompt is not None:
            return prompt
        raise Refused(f"There is no prompt version {version}.", code="prompt_invalid", hint="List the versions first.")
    for label in labels(key, staging_share):
        if (prompt := next((each for each in prompts if each.label == label), None)) is not None:
            return prompt
    raise Refused("No prompt is labelled production.", code="prompt_invalid", hint="Label one: `label: production`.")


def labels(key: str, staging_share: float) -> tuple[Label, ...]:
    """The labels that a run may get, in this order; a growing share only adds runs to the staged ones."""
    # A draw by the run's id: stable without being stored, and even, since a hash is.
    draw = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64
    return ("staging", "production") if draw < staging_share else ("production",)
