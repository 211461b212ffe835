"""``signoff keys``: who may call the service, and how they stand."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from database import now
from service.auth.api_keys import ApiKey, ApiKeys, audit_key
from service.auth.four_eyes import local_user
from service.auth.principal import Role
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.settings import read_settings
from service.wiring.application import Application, open_application
from service.wiring.server import keys_of

app = typer.Typer(help="API keys of the service: list, add, give a standing, revoke.", no_args_is_help=True)
ID = typer.Argument(help="Id of the key; see signoff keys list.")
ROLES = ("viewer", "operator", "approver", "critical_approver", "policy_admin", "auditor", "org_admin")


@asynccontextmanager
async def _opened() -> AsyncGenerator[tuple[Application, ApiKeys]]:
    async with open_application(read_settings()) as application:
        yield application, keys_of(application)


def told(key: ApiKey) -> dict[str, Any]:
    """A key without its secret."""
    return {
        "id": key.id,
        "name": key.name,
        "subject": key.subject,
        "roles": key.roles,
        "standing": key.standing,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


@app.command("list")
def list_keys(as_json: Annotated[bool, JSON] = False) -> None:
    """List the organisation's API keys; their text is nowhere any more.

    Example:
      signoff keys list
    """

    async def work() -> Sequence[ApiKey]:
        async with _opened() as (application, keys):
            return await keys.list(application.org)

    listed = run_async(work, as_json=as_json)
    if as_json:
        print_json([told(key) for key in listed])
        return
    table = Table("id", "name", "who", "roles", "standing", "until", box=None)
    for key in listed:
        until = f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else ""
        table.add_row(key.id, key.name, key.subject, ", ".join(key.roles), key.standing, until)
    out().print(table if listed else "There are no keys yet: signoff keys new NAME --role operator")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Annotated[list[str], typer.Option("--role", help=f"May be given several times: {', '.join(ROLES)}.")],
    standing: Annotated[str, typer.Option("--standing", help="A name of the catalogue's standings.")] = "",
    days: Annotated[float, typer.Option("--days", min=0.01, max=3_650, help="How long it works.")] = 90.0,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Make a key for a program; its text is printed once.

    Example:
      signoff keys new ci --role operator --standing limited
    """
    if wrong := sorted(set(role) - set(ROLES)):
        raise typer.BadParameter(f"{wrong[0]!r}: use one of {', '.join(ROLES)}", param_hint="--role")

    async def work() -> tuple[ApiKey, str]:
        async with _opened() as (application, keys):
            # In the audit before there is a key: none that may spend more goes unrecorded.
            if standing:
                await _stands(application, name, standing)
            roles = cast("tuple[Role, ...]", tuple(role))
            return await keys.make(
                application.org,
                f"key:{name}",
                name=name,
                roles=roles,
                standing=standing,
                expires_at=now() + timedelta(days=days),
                by=local_user(),
            )

    key, text = run_async(work, as_json=as_json)
    if as_json:
        print_json({**told(key), "key": text})
    else:
        out().print(f"{text}\n[dim]shown once; {key.id}, until {key.expires_at:%Y-%m-%d}[/]", highlight=False)


@app.command()
def stand(
    key: Annotated[str, ID],
    standing: Annotated[str, typer.Argument(help="A name of the catalogue's standings; '' takes it away.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Say how a key's holder stands: which models they may have, and how often. It holds from the next request on.

    Examples:
      signoff keys stand 3f2a91c07d5e priority

      signoff keys stand 3f2a91c07d5e ''
    """

    async def work() -> ApiKey:
        async with _opened() as (application, keys):
            await _stands(application, (await keys.get(key, application.org)).id, standing)
            return await keys.stand(key, application.org, standing)

    changed = run_async(work, as_json=as_json)
    if as_json:
        print_json(told(changed))
    else:
        out().print(f"key {changed.id} ({changed.name}) stands as {changed.standing or 'the catalogue has it'}")


@app.command()
def revoke(key: Annotated[str, ID], as_json: Annotated[bool, JSON] = False) -> None:
    """End a key at once."""

    async def work() -> None:
        async with _opened() as (application, keys):
            await keys.revoke(key, application.org, by=local_user())

    run_async(work, as_json=as_json)
    if as_json:
        print_json({"id": key, "revoked": True})
    else:
        out().print(f"key {key} does not work any more")


async def _stands(application: Application, key: str, standing: str) -> None:
    """Check the name, and put it into the audit. Raises ``unknown_standing``."""
    if standing:
        application.catalogue.standing(standing)
    await audit_key(
        application.audit,
        application.engine.runs.engine,
        f"{key}: {standing or 'none'}",
        verb="key.standing",
        org=application.org,
        actor=local_user(),
        at=now(),
    )
