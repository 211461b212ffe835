"""``signoff people``: what is kept about a person, handed out, corrected, and forgotten."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.people.records import Forgotten, PersonalData
from service.settings import read_settings
from service.wiring.application import Application, open_application

app = typer.Typer(help="What is kept about a person: export, rename, erase.", no_args_is_help=True)
NAME = typer.Argument(help="The person, by the name that the record has.")
Format = Literal["json", "csv"]


def personal_data(application: Application) -> PersonalData:
    """The personal data of an opened application."""
    home = application.settings.home
    return PersonalData(
        engine=application.audit.engine,
        audit=application.audit,
        home=home,
        clock=application.engine.clock,
        checkpoints=None if application.server else home / "checkpoints.db",
    )


@app.command()
def export(
    name: Annotated[str, NAME],
    form: Annotated[Format, typer.Option("--format", help="json, or csv: one file for each table.")] = "json",
    to: Annotated[Path | None, typer.Option("--to", help="File, or folder for csv; standard output if empty.")] = None,
) -> None:
    """Write every row in which a person stands, by table, and what the record says they did.

    Examples:
      signoff people export alice > alice.json

      signoff people export alice --format csv --to alice/
    """

    async def work() -> dict[str, list[dict[str, Any]]]:
        async with open_application(read_settings()) as application:
            return await personal_data(application).export(application.org, name)

    rows = run_async(work)
    files = (
        {"person.json": json.dumps(rows, default=str, ensure_ascii=False, indent=2) + "\n"}
        if form == "json"
        else {f"{table}.csv": _csv(lines) for table, lines in rows.items()}
    )
    if to is None:
        sys.stdout.write("\n".join(files.values()))
    elif form == "json":
        to.write_text(files["person.json"], encoding="utf-8")
    else:
        to.mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (to / file).write_text(text, encoding="utf-8")


@app.command()
def rename(
    name: Annotated[str, NAME],
    new: Annotated[str, typer.Argument(help="How they are called from now on.")],
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Correct a person's name wherever it stands, but in what was signed. The chain still verifies.

    Example:
      signoff people rename alice alice.lopez
    """

    async def work() -> Forgotten:
        async with open_application(read_settings()) as application:
            return await personal_data(application).rename(application.org, name, new)

    _tell(name, run_async(work, as_json=as_json), "renamed", as_json=as_json)


@app.command()
def erase(
    name: Annotated[str, NAME],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; there is no way back.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Forget a person: end their keys, destroy their key of the record, put a pseudonym where their name stood.

    The chain still verifies.

    Example:
      signoff people erase alice --yes
    """
    if not yes:
        typer.confirm(f"Forget {name} for good?", abort=True, err=True)

    async def work() -> Forgotten:
        async with open_application(read_settings()) as application:
            return await personal_data(application).erase(application.org, name)

    _tell(name, run_async(work, as_json=as_json), "forgotten", as_json=as_json)


def _tell(name: str, forgotten: Forgotten, verb: str, *, as_json: bool) -> None:
    if as_json:
        about = {"ballots": forgotten.ballots, "rows": forgotten.rows, "traces": forgotten.traces}
        print_json({"pseudonym" if verb == "forgotten" else "name": forgotten.name, **about})
        return
    rows = sum(forgotten.rows.values())
    places = f"{forgotten.ballots} ballots, {rows} rows and {forgotten.traces} traces"
    out().print(f"{verb}: {name} is {forgotten.name} now, in the record and in {places}", markup=False)


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                key: json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
                for key, value in row.items()
            }
        )
    return text.getvalue()
