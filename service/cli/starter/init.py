"""``signoff init``: write a commented ``.signoff/`` into a repository, and show what was detected in it.

Nothing that is written changes how a run behaves until somebody takes a comment away, and no file is written over.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from domain import Refused
from service import report
from service.cli.sandbox import outcome_of, recipe_table
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.wiring.detection import Detected, detected

FILES = ("risk.yaml", "policy.yaml", "setup.sh.example")


def write_starter(top: Path) -> tuple[str, ...]:
    """Write the files that are not there yet below ``top``; return their names.

    Raises:
        Refused: ``not_a_repository``: they cannot be written there.
    """
    folder, written = top / ".signoff", list[str]()
    try:
        folder.mkdir(exist_ok=True)
        for name in FILES:
            text = Path(__file__).with_name(name).read_text(encoding="utf-8")
            with suppress(FileExistsError), (folder / name).open("x", encoding="utf-8") as file:
                file.write(text)
                written.append(f".signoff/{name}")
    except OSError as error:
        raise Refused(
            f"Nothing can be written into {top}: {error.strerror}.",
            code="not_a_repository",
            hint="Name a repository of your own on this machine: --repo PATH",
        ) from error
    return tuple(written)


def init(
    repo: Annotated[Path, typer.Option("--repo", "-r", help="The repository's folder.")] = Path(),
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Write a commented `.signoff/` and show what was detected.

    Files that are there stay as they are, and what is written changes nothing until a comment is taken away.

    Examples:
      signoff init

      signoff init --repo ~/src/shop --json
    """

    async def work() -> tuple[Detected, tuple[str, ...]]:
        found = await detected(repo)
        return found, await asyncio.to_thread(write_starter, found.top)

    found, written = run_async(work, as_json=as_json)
    if as_json:
        print_json({"acceptance": found.acceptance, "recipe": report.plain(found.recipe), "written": written})
        return
    out().print(f"Written: {', '.join(written)}" if written else "Everything is there already.")
    tests = found.acceptance or "none was found; name one with every task: --accept COMMAND"
    out().print(f"Tests: {tests}", markup=False, highlight=False, soft_wrap=True)
    out().print(recipe_table(found.recipe))
    out().print(outcome_of(found.recipe, None), markup=False, highlight=False, soft_wrap=True)
    steps = 'signoff sandbox setup, then: signoff run --task "…"'
    out().print(f"Next: {steps}", markup=False, highlight=False, soft_wrap=True)
