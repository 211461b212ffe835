"""``signoff prompts``: what the planner, the coder and the reviewer are told, in which versions."""

from typing import Annotated, Any

import typer
from rich.table import Table

from domain import Refused
from models import Prompt
from nodes import NAMES
from service.settings import Settings, read_settings
from service.terminal import JSON, out, print_json
from service.terminal import run as run_async
from service.wording import spoken

app = typer.Typer(
    no_args_is_help=True, help="What the planner, the coder and the reviewer are told, in which versions."
)


@app.command("list")
def list_prompts(as_json: Annotated[bool, JSON] = False) -> None:
    """List every version of every prompt, and which of them runs get.

    Example:
      signoff prompts list
    """

    async def work() -> tuple[Settings, list[Prompt]]:
        settings = read_settings()
        return settings, [prompt for name in NAMES for prompt in await spoken(settings, name)]

    settings, found = run_async(work, as_json=as_json)
    rows = [(prompt, _share(prompt, found, settings.prompts_staging_share)) for prompt in found]
    if as_json:
        print_json([{**_about(prompt), "share": share} for prompt, share in rows])
        return
    table = Table(box=None)
    for column in ("prompt", "version", "label", "runs"):
        table.add_column(column)
    for prompt, share in rows:
        table.add_row(prompt.name, prompt.version, prompt.label, f"{share:.0%}")
    out().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="plan, execute, observe, replan or review.")],
    version: Annotated[str | None, typer.Option("--version", help="As the list has it. Empty: production.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print one prompt as it stands, its places to fill in included.

    Examples:
      signoff prompts show plan

      signoff prompts show execute --version 3f1c2a9b0d4e
    """

    async def work() -> Prompt:
        found = await spoken(read_settings(), name)
        wanted = (p for p in found if (p.version == version if version else p.label == "production"))
        if (prompt := next(wanted, None)) is None:
            raise Refused(f"There is no such version of {name}.", code="prompt_unknown",
                          hint="There are: " + ", ".join(p.version for p in found))  # fmt: skip
        return prompt

    prompt = run_async(work, as_json=as_json)
    if as_json:
        print_json({**_about(prompt), "parts": [{"role": role, "text": text} for role, text in prompt.texts]})
        return
    for role, text in prompt.texts:
        typer.echo(f"<!-- {role} -->\n{text.rstrip()}")


def _about(prompt: Prompt) -> dict[str, Any]:
    return {"name": prompt.name, "version": prompt.version, "label": prompt.label}


def _share(prompt: Prompt, found: list[Prompt], staging: float) -> float:
    """Share of the runs that get this version: of several with one label the first counts."""
    same = [p for p in found if p.name == prompt.name]
    first = {label: next((p for p in same if p.label == label), None) for label in ("production", "staging")}
    staged = staging if first["staging"] is not None else 0.0
    if first.get(prompt.label) is not prompt:
        return 0.0
    return staged if prompt.label == "staging" else 1.0 - staged
