"""What is detected in a repository without a task: how it is built and tested, read as a run reads it."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from domain import Refused
from nodes.receive import acceptance_command
from sandbox import Texts, bring
from sandbox.environments import Recipe
from service.settings import read_settings
from service.wiring.application import open_application


@dataclass(frozen=True, slots=True)
class Detected:
    """What a repository says about itself."""

    top: Path
    acceptance: str
    """Empty: none was found."""
    recipe: Recipe


async def detected(repo: Path) -> Detected:
    """Read a repository as a run would.

    Raises:
        Refused: see ``Store.pin``.
    """
    async with open_application(read_settings()) as application:
        store, run = application.store, f"init-{secrets.token_hex(6)}"
        pinned = await store.pin(run, str(repo))
        try:
            await bring(store, run, pinned)
            paths = await store.files(run, pinned.tree)
            environments = application.environments
            recipe = await environments.recipe(run, pinned, paths) if environments is not None else Recipe()
            acceptance = ""
            with suppress(Refused):  # none is found: it is named with every task then
                acceptance = await acceptance_command(Texts(store, run), pinned, paths)
        finally:
            await store.drop(run)
    return Detected(Path(pinned.repo), acceptance, recipe)
