"""``signoff status``: how the installation stands, by the readings of ``/metrics``, and which runbook is due."""

from typing import Annotated

import typer

from sandbox import Check
from service import report
from service.cli.sandbox import table
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.settings import read_settings
from service.wiring.application import open_application
from service.wiring.readings import checks


def status(as_json: Annotated[bool, JSON] = False) -> None:
    """Show how the installation stands: database, queue, letters, approvals, Docker, disk.

    The console of a server shows the same to operators, with caches and leases, on its page Operation.

    Exit status 0: all is well. 1: something is not; each line names the page of docs/runbooks/ that says what to do.

    Examples:
      signoff status

      signoff status --json

      signoff status --json | jq '.checks[] | select(.ok == false)'
    """

    async def work() -> tuple[Check, ...]:
        async with open_application(read_settings()) as application:
            return await checks(application)

    checked = run_async(work, as_json=as_json)
    well = all(check.ok for check in checked)
    if as_json:
        print_json({"ok": well, "checks": [report.plain(check) for check in checked]})
    else:
        out().print(table(checked))
    raise typer.Exit(0 if well else 1)
