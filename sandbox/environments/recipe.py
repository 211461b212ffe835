"""Recipe of an environment: what is installed before a run begins, why, and the key of what comes of it. Pure.

A recipe is found by reading a repository and nothing else, so the same files on the same image give the same key, and
the environment behind it is built once.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from domain import value

SETUP_SCRIPT = ".signoff/setup.sh"
"""Of the base commit; takes the place of everything that detection would do."""
VERSION = 1
"""Raised when the same recipe would be built otherwise."""


@value
class SetupStep:
    """One thing that is done in the set-up sandbox."""

    title: str
    commands: Annotated[tuple[str, ...], Field(min_length=1)]
    """Lines of shell in the checkout; the first that passes is enough."""
    reason: str = ""
    """The file that says so, and what it says."""
    needed: bool = True
    """False: when it fails the next step goes on, and it is named."""


@value
class Recipe:
    """What an environment is made of."""

    languages: tuple[str, ...] = ()
    folder: str = ""
    """The folder of the repository that the steps run in; empty: its top."""
    programs: tuple[str, ...] = ()
    """What the image has to have."""
    python: str = ""
    """The versions of Python that are asked for, as it is written; empty: any."""
    system: tuple[str, ...] = ()
    """Debian packages that an image needs for it, so far as they are known."""
    steps: tuple[SetupStep, ...] = ()
    check: str = ""
    """Ends with 0 when the test runner collects; empty: there is nothing to check."""
    declared: tuple[str, ...] = ()
    """Packages that the files name anywhere: what a check finds missing is installed when it is among them."""
    variables: Annotated[tuple[tuple[str, str], ...], Field(max_length=40)] = ()
    """Of every command that runs in the environment."""
    build_variables: tuple[tuple[str, str], ...] = ()
    """Of its own steps: where compilers find what was unpacked."""
    path: tuple[str, ...] = ()
    """Folders of the environment with programs, before those of the image."""
    files: tuple[tuple[str, str], ...] = ()
    """Path and SHA-256 of everything that was read."""

    @property
    def empty(self) -> bool:
        """True when there is nothing to install."""
        return not self.steps


def digests(files: Mapping[str, bytes]) -> tuple[tuple[str, str], ...]:
    """Path and SHA-256 of files, sorted."""
    return tuple((path, hashlib.sha256(data).hexdigest()) for path, data in sorted(files.items()))


def key_of(recipe: Recipe, image_digest: str) -> str:
    """Return the name of the environment that a recipe makes on an image: 40 hexadecimal digits."""
    told = json.dumps([VERSION, image_digest, asdict(recipe)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:40]


def quoted(words: Sequence[str]) -> str:
    """Return words as arguments of a shell, each in single quotes: requirements are full of its signs."""
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
