"""``signoff doctor``: probe everything a run needs, and say what to do about what is missing."""

import shutil
import sys
from typing import Annotated

import typer

from sandbox import Check
from service import report
from service.cli_sandbox import table
from service.settings import read_settings
from service.terminal import JSON, out, print_json
from service.terminal import run as run_async
from service.wiring import House, open_house

PYTHON = (3, 11)


def doctor(as_json: Annotated[bool, JSON] = False) -> None:
    """Probe Docker, the sandbox image, the model endpoint and this machine.

    Exit status 0: a run can start. 1: something needed is missing; each line says what to do.
    """

    async def work() -> tuple[Check, ...]:
        async with open_house(read_settings()) as house:
            return (*_machine(house), *await house.backend.check(house.spec), *await house.probe_models())

    checks = run_async(work, as_json=as_json)
    good = all(check.passed for check in checks)
    if as_json:
        print_json({"ok": good, "checks": [report.plain(check) for check in checks]})
    else:
        out().print(table(checks))
        out().print("Everything a run needs is here." if good else "Something is missing; see the arrows.")
    raise typer.Exit(0 if good else 1)


def _machine(house: House) -> tuple[Check, ...]:
    version = ".".join(map(str, sys.version_info[:3]))
    git = shutil.which("git")
    return (
        Check(name="python", ok=sys.version_info >= PYTHON, detail=version, hint="Install Python 3.11 or newer."),
        Check(name="git", ok=git is not None, detail=git or "not found", hint="Install git."),
        Check(name="home", ok=True, detail=str(house.settings.home)),
        Check(name="approvals", ok=True, detail=f"{house.people.mode} mode"),
    )
