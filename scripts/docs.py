"""Write the parts of the documentation that the code knows better: ``.venv/bin/python scripts/docs.py``.

``docs/cli.md``, ``docs/configuration.md``, ``docs/retention.md`` and ``docs/quality.md`` have a generated part
between two marks; the rest of each page is written by hand and stays. On every page a measured number stands between
``<!--=KEY FORMAT-->`` and ``<!--/-->``: it is that of ``benchmarks/results/latest.json``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

BEGIN = "<!-- made by scripts/docs.py: change the code, not this part -->"
END = "<!-- end -->"


def variable(name: str, field: FieldInfo) -> str:
    """The environment variable (or several, any of which will do) of a setting."""
    match field.validation_alias:
        case AliasChoices(choices=choices):
            return ", ".join(f"`{choice}`" for choice in choices)
        case str(alias):
            return f"`{alias}`"
        case _:
            return f"`SIGNOFF_{name.upper()}`"


def default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "`~/.local/share/signoff`" if field.annotation is Path else "made anew"
    if field.default in {None, PydanticUndefined, ""}:
        return ""
    return f"`{field.default}`" if not isinstance(field.default, SecretStr) else ""


def configuration() -> str:
    """One row a setting, in the order of the class."""
    from service.settings import Settings  # noqa: PLC0415  # the pages do not need each other's code

    rows = [
        f"| {variable(name, field)} | {default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def commands(command: Any, path: tuple[str, ...] = ("signoff",)) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with its whole name, groups before what is in them."""
    inside = getattr(command, "commands", {})
    if not inside or len(path) > 1:
        yield path, command
    for name, each in inside.items():
        yield from commands(each, (*path, name))


def command_line() -> str:
    """One section a command: what it says about itself, and its options."""
    return "\n\n".join(section(path, command) for path, command in every_command())


def every_command() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command of ``signoff``, imported."""
    from service.cli.app import ENTRIES, load  # noqa: PLC0415

    for name in ENTRIES:
        yield from commands(load(name), ("signoff", name))


def section(path: tuple[str, ...], command: Any) -> str:
    parameters = [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
    arguments = " ".join(
        (each.metavar or each.name).upper() for each in parameters if each.param_type_name == "argument"
    )
    options = [each for each in parameters if each.param_type_name == "option"]
    usage = " ".join(filter(None, [*path, arguments, "[options]" if options else ""]))
    parts = [f"## `{' '.join(path)}`", f"```\n{usage}\n```", prose(command.help or "")]
    if options:
        parts.append("\n".join(["| option | default | meaning |", "|---|---|---|", *map(row, options)]))
    return "\n\n".join(parts)


def prose(text: str) -> str:
    """A docstring as Markdown: what is indented under ``Example:`` is a block of shell."""
    lines = [line.rstrip() for line in text.replace("\f", "").strip().splitlines()]
    made: list[str] = []
    shell = False
    for line in lines:
        example = line.startswith("  ")
        if example and not shell:
            made.append("```console")
        if shell and not example and line:
            made.insert(len(made) - (not made[-1]), "```")
        shell = example or (shell and not line)
        made.append(f"$ {line.strip()}" if example else line)
    if shell:
        made.append("```")
    return "\n".join(made)


def row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    shown = option.default if option.default not in {None, False, ""} and not callable(option.default) else ""
    return (
        f"| {names} | {f'`{shown}`' if shown != '' else ''} | {option.help or ''}{' **Required.**' * option.required} |"
    )


def retention() -> str:
    """One row for each table and each entry of the data directory."""
    from service.retention import FILES, TABLES  # noqa: PLC0415

    def rows(heading: str, entries: Any) -> list[str]:
        head = [f"| {heading} | belongs to | is kept | deleted by |", "|---|---|---|---|"]
        return head + [f"| `{each.name}` | {each.whose} | {each.lives} | {each.deleted_by} |" for each in entries]

    return "\n".join([*rows("in the data directory", FILES), "", *rows("table", TABLES)])


def quality() -> str:
    """What evaluations came to, by version."""
    from service.eval.quality import page, recorded  # noqa: PLC0415

    return page(recorded(ROOT / "benchmarks/results/quality.jsonl"))


PAGES = {
    "docs/cli.md": command_line,
    "docs/configuration.md": configuration,
    "docs/retention.md": retention,
    "docs/quality.md": quality,
}


def schema(name: str) -> str:
    """The JSON schema of a YAML file that people write, for their editors."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    from models.policy import ModelPolicy  # noqa: PLC0415
    from models.routing.catalogue import CatalogueFile  # noqa: PLC0415

    document = TypeAdapter({"catalogue": CatalogueFile, "policy": ModelPolicy}[name]).json_schema()
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


SCHEMAS = {"docs/schemas/catalogue.json": "catalogue", "docs/schemas/policy.json": "policy"}


def filled(page: str, part: str) -> str:
    """The page with its generated part replaced.

    Raises:
        ValueError: the page has no marks.
    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError("the page has no generated part")
    return f"{before}{BEGIN}\n\n{part}\n\n{END}{after}"


MEASURED = re.compile(r"<!--=([a-z0-9_]+(?:\.[a-z0-9_]+)+) (.+?)-->.*?<!--/-->", re.DOTALL)


def measured(page: str) -> str:
    """The page with every measured number as the last measurement has it.

    Raises:
        KeyError: nothing of that name was measured.
    """
    results = json.loads((ROOT / "benchmarks/results/latest.json").read_text(encoding="utf-8"))
    return MEASURED.sub(lambda m: f"<!--={m[1]} {m[2]}-->{m[2].format(results[m[1]])}<!--/-->", page)


if __name__ == "__main__":
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        path.write_text(measured(path.read_text(encoding="utf-8")), encoding="utf-8")
    for name, make in PAGES.items():
        path = ROOT / name
        path.write_text(filled(path.read_text(encoding="utf-8"), make()), encoding="utf-8")
        print(name)
    for name, shape in SCHEMAS.items():
        (ROOT / name).write_text(schema(shape), encoding="utf-8")
        print(name)
