"""Build a sandbox image that has the packages of a project."""

import asyncio
import contextlib
import os
import re
import signal
from pathlib import Path

import sandbox
from domain import Refused
from sandbox import is_manifest, requirements
from service.settings import Settings

_SCRIPT = Path(sandbox.__file__).parent / "images" / "project.sh"
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
        found = requirements(texts)
    except ValueError as error:
        raise Refused(
            str(error), code="requirements_unknown", hint="Mend the file, or name packages: --requirement NAME"
        ) from error
    if not found:
        raise Refused(f"No file of {str(repo)!r} names a package that its tests need.", code="requirements_unknown",
                      hint="Name them: --requirement NAME (several times).")  # fmt: skip
    return found


def image_name(repo: Path) -> str:
    """Return what the image of a project is called."""
    slug = re.sub(r"[^a-z0-9]+", "-", repo.resolve().name.lower()).strip("-") or "project"
    return f"signoff-sandbox-{slug}:latest"


async def built(called: str, found: tuple[str, ...], base: str) -> None:
    """Build the image ``called`` on top of ``base``; progress goes to standard error.

    Raises:
        Refused: ``image_not_built``.
    """
    base = (
        Settings.model_fields["sandbox_image"].default if base == called else base
    )  # built again, and not on top of itself
    process = await asyncio.create_subprocess_exec(
        _SCRIPT, called, base, stdin=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        async with asyncio.timeout(_SECONDS):
            await process.communicate("\n".join(found).encode() + b"\n")
    except TimeoutError:
        told = f"Building the image took longer than {_SECONDS / 60:g} minutes."
        raise Refused(told, code="image_not_built", hint="Name fewer packages: --requirement NAME") from None
    finally:
        if process.returncode is None:  # with all that it started
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        raise Refused("The image could not be built; the reason stands above.", code="image_not_built",
                      hint="See what would be installed: --dry-run. Choose yourself: --requirement NAME")  # fmt: skip
