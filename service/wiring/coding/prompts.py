"""Prompts of this process: the files of the product, the user's over them, Langfuse before both; and who chooses."""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Clock
from approvals.storage import Journal
from domain import Refused
from models.prompts import PromptFiles
from models.prompts_langfuse import LangfusePrompts
from nodes import NAMES, prompts
from service.prompts.canaries import Canaries
from service.prompts.changes import PromptChanges
from service.prompts.record import Announcements, PromptRecord
from service.prompts.selection import RunPrompts
from service.prompts.versions import PromptVersions, VersionedPrompt
from service.settings import Settings


def open_prompts(
    settings: Settings, database: AsyncEngine, *, audit: Journal, told: Announcements, clock: Clock
) -> RunPrompts:
    """The prompts of an installation's runs, and what people change about them.

    Raises:
        Refused: ``prompt_invalid`` for a file that is none; ``settings_invalid`` for Langfuse without its keys.
    """
    versions = PromptVersions(engine=database, sources=prompt_sources(settings), clock=clock)
    record = PromptRecord(audit=audit, told=told, clock=clock)
    changes = PromptChanges(engine=database, versions=versions, record=record)
    return RunPrompts(canaries=Canaries(engine=database, changes=changes), org=settings.org)


def prompt_sources(settings: Settings) -> Mapping[str, VersionedPrompt]:
    """The source of every prompt, by name.

    Raises:
        Refused: ``prompt_invalid`` for a file that is none; ``settings_invalid`` for Langfuse without its keys.
    """
    return {name: remote(settings, name) if settings.langfuse_prompts else local(settings, name) for name in NAMES}


def local(settings: Settings, name: str) -> PromptFiles:
    """The versions of a prompt that lie on this machine.

    Raises:
        Refused: ``prompt_invalid``.
    """
    # A folder that is misspelt would silently give everybody the product's own prompts.
    theirs = settings.prompts
    if theirs is not None and not theirs.is_dir():
        raise Refused(
            f"{theirs} is no folder.",
            code="prompt_invalid",
            hint="Set SIGNOFF_PROMPTS to a folder with plan.md, execute.staging.md …",
        )
    return PromptFiles(prompts=prompts(name, theirs), staging_share=settings.prompts_staging_share)


def remote(settings: Settings, name: str) -> LangfusePrompts:
    """The prompt of a Langfuse project, with the files behind it."""
    host, public, secret = settings.langfuse_host, settings.langfuse_public_key, settings.langfuse_secret_key
    if not (host and public and secret):
        raise Refused(
            "Prompts come from Langfuse, but it is not said which.",
            code="settings_invalid",
            hint="Set LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, or unset SIGNOFF_LANGFUSE_PROMPTS.",
        )
    return LangfusePrompts(
        name=name, local=local(settings, name), host=host, public_key=public, secret_key=secret.get_secret_value()
    )
