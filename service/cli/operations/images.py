"""``signoff sandbox build``, ``image``: images of sandboxes, made from the recipes that were installed."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

import sandbox
from domain import Refused
from sandbox import is_manifest, requirements
from service.cli.operations.containers import app
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.settings import Settings, read_settings

_RECIPES = Path(sandbox.__file__).parent / "images"
_SCRIPTS = {"standard": "build.sh", "node": "node.sh", "go": "go.sh"}
_MAX_BYTES = 1_000_000
_SECONDS = 3_600.0


def named(repo: Path) -> tuple[str, ...]:
    """Return the requirements that a project's files name.

    Raises:
        Refused: ``not_a_repository``, or ``requirements_unknown``.
    """
    if not repo.is_dir():
        raise Refused(
            f"There is no folder {str(repo)!r}.", code="not_a_repository", hint="Name the project: --repo PATH"
        )
    places = (path for pattern in ("*", "requirements/*") for path in sorted(repo.glob(pattern)) if path.is_file())
    texts = {
        name: path.read_text(errors="replace")
        for path in places
        if is_manifest(name := path.relative_to(repo).as_posix()) and path.stat().st_size < _MAX_BYTES
    }
    try:
        names = requirements(texts)
    except ValueError as error:
        raise Refused(
            str(error), code="requirements_unknown", hint="Mend the file, or name packages: --requirement NAME"
        ) from error
    if not names:
        raise Refused(
            f"No file of {str(repo)!r} names a package that its tests need.",
            code="requirements_unknown",
            hint="Name them: --requirement NAME (several times).",
        )
    return names


def image_name(repo: Path) -> str:
    """Return what the image of a project is called."""
    slug = re.sub(r"[^a-z0-9]+", "-", repo.resolve().name.lower()).strip("-") or "project"
    return f"signoff-sandbox-{slug}:latest"


async def built(script: str, *arguments: str, stdin: str = "", variables: Mapping[str, str] | None = None) -> None:
    """Run a recipe of ``sandbox/images/``; its progress goes to standard error.

    Raises:
        Refused: ``image_not_built``.
    """
    # pip of this environment, wherever it is installed; an image is loaded by the docker command.
    given = {"PYTHON": sys.executable, **(variables or {})}
    process = await asyncio.create_subprocess_exec(
        "env",
        *(f"{name}={text}" for name, text in given.items() if text),
        "bash",
        str(_RECIPES / script),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        # A group of its own: what it starts is ended with it.
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            await process.communicate(stdin.encode())
    except TimeoutError:
        message = f"Building the image took longer than {_SECONDS / 60:g} minutes."
        raise Refused(message, code="image_not_built", hint="Name fewer packages, or look at the network.") from None
    finally:
        if process.returncode is None:  # with all that it started
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise Refused(
            "The image could not be built; the reason stands above.",
            code="image_not_built",
            hint="See the lines above; signoff sandbox image --dry-run says what a project's image would get.",
        )


@app.command()
def build(
    kind: Annotated[
        Literal["standard", "node", "go"],
        typer.Argument(help="standard: Python, git and test tools. node, go: that image and a toolchain on top."),
    ] = "standard",
    base: Annotated[
        str, typer.Option("--base", help="Image it is put on. Empty: Python's official one, or Debian by debootstrap.")
    ] = "",
    packages: Annotated[
        str, typer.Option("--packages", help="Debian packages that the standard image gets, with blanks between.")
    ] = "",
    name: Annotated[str, typer.Option("--name", help="What to call the image.")] = "",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Build the image that sandboxes run in, from the recipe that came with Signoff.

    Takes milliseconds when it is there and nothing changed. Where no registry can be reached, root can make the base
    from Debian's packages (debootstrap).

    Examples:
      signoff sandbox build

      signoff sandbox build --packages "gcc g++ python3-dev" --name signoff-sandbox-build:latest

      signoff sandbox build node
    """
    standard = str(Settings.model_fields["sandbox_image"].default)
    called = name or (standard if kind == "standard" else f"signoff-sandbox-{kind}:latest")
    if packages and kind != "standard":
        raise typer.BadParameter("only the standard image takes Debian packages", param_hint="--packages")
    given = {"BASE": base, "IMAGE": called, "PACKAGES": packages}
    run_async(lambda: built(_SCRIPTS[kind], variables=given), as_json=as_json)
    if as_json:
        print_json({"image": called, "built": True})
    else:
        err().print(f"The image {called} is here.", markup=False, highlight=False)


@app.command()
def image(
    repo: Annotated[Path, typer.Option("--repo", "-r", help="The project's folder.")] = Path(),
    wanted: Annotated[
        list[str] | None,
        typer.Option("--requirement", help="Exactly these instead of what the project's files name; several times."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What to call the image.")] = "",
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what would be installed.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Build a sandbox image with the Python packages that a project's tests need.

    They are read from pyproject.toml (dependencies, and groups called test or dev), setup.cfg, setup.py and
    requirements files. Only wheels are taken, so nothing of theirs runs on this machine; runs stay without a network.

    Examples:
      signoff sandbox image --repo ~/src/shop

      signoff sandbox image --requirement "attrs>=23" --requirement hypothesis --name shop-sandbox
    """

    async def work() -> tuple[str, tuple[str, ...]]:
        packages = tuple(wanted or await asyncio.to_thread(named, repo))
        called, base = name or image_name(repo), read_settings().sandbox_image
        if not dry:
            await built(
                "project.sh",
                called,
                # Built again, and not on top of itself.
                Settings.model_fields["sandbox_image"].default if base == called else base,
                stdin="\n".join(packages) + "\n",
            )
        return called, packages

    called, packages = run_async(work, as_json=as_json)
    if as_json:
        print_json({"image": called, "requirements": packages, "built": not dry})
        return
    out().print(*packages, sep="\n", markup=False, highlight=False)
    if not dry:
        err().print(f"Now say: export SIGNOFF_SANDBOX_IMAGE={called}", markup=False, highlight=False)
