"""Prompts of this process: the files of the product, the user's over them, Langfuse before both."""

from collections.abc import Mapping

from domain import Refused
from models import Prompt, PromptSource
from models.prompts import PromptFiles
from models.prompts_langfuse import LangfusePrompts
from nodes import NAMES, prompts
from service.settings import Settings


def prompt_sources(settings: Settings) -> Mapping[str, PromptSource]:
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


async def prompt_versions(settings: Settings, name: str) -> tuple[Prompt, ...]:
    """Every version that a run could get now, the one for production first.

    Raises:
        Refused: ``prompt_unknown`` for a name that no node has.
    """
    if name not in NAMES:
        raise Refused(f"There is no prompt {name!r}.", code="prompt_unknown", hint=f"There are: {', '.join(NAMES)}.")
    versions: list[Prompt] = []
    if settings.langfuse_prompts:
        source = remote(settings, name)
        versions = [p for p in [await source.prompt("production"), await source.prompt("staging")] if p is not None]
    return (*versions, *local(settings, name).prompts)
