"""The ladder on files that are installed here: clumsy edits apply, and none at a wrong place."""

import random
import sysconfig
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain import CodeChange, FileEdit
from domain.text import PathLadder, fitted_change, numbered_edits

FILES, EDITS = 120, 6
ENOUGH = 0.95


def shifted(text: str) -> str:
    return textwrap.indent(text, "    ")


def two_columns(text: str) -> str:
    """A level of four columns as two."""
    lines = text.split("\n")
    return "\n".join(" " * ((len(line) - len(line.lstrip(" "))) // 2) + line.lstrip(" ") for line in lines)


def tabs(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(
        "\t" * ((len(line) - len(line.lstrip(" "))) // 4) + line[(len(line) - len(line.lstrip(" "))) // 4 * 4 :]
        for line in lines
    )


def reworded(text: str) -> str:
    """One comment in other words."""
    lines = text.split("\n")
    at = next(number for number, line in enumerate(lines) if line.strip().startswith("# "))
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    return "\n".join([*lines[:at], f"{indent}# What the next lines are about, more or less", *lines[at + 1 :]])


CLUMSY: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "trailing blanks": lambda text: text.replace("\n", "   \n"),
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "tabs": tabs,
    "no indentation": textwrap.dedent,
    "more indentation": shifted,
    "two columns": two_columns,
    "blank lines around": lambda text: f"\n{text}\n",
    "no last line end": lambda text: text.removesuffix("\n"),
    "another comment": reworded,
}
PREFIXES = ("", "./", "a/", "b/", "/work/repo/", "repo/", "/home/me/project/")


def real_files() -> list[Path]:
    folder = Path(sysconfig.get_path("purelib"))
    paths = [path for path in sorted(folder.rglob("*.py")) if 4_000 < path.stat().st_size < 60_000]
    return random.Random(7).sample(paths, min(FILES, len(paths)))


def changes(text: str, draw: random.Random) -> Iterator[tuple[str, str, str]]:
    """Kind of clumsiness, search and replacement, of edits that a person could have made."""
    lines = text.split("\n")
    for _ in range(EDITS):
        size = draw.randint(4, 14)
        first = draw.randrange(max(1, len(lines) - size))
        window = lines[first : first + size]
        if not window[0].strip() or not window[-1].strip() or any("\t" in line for line in window):
            continue
        search = "\n".join(window) + "\n"
        if text.count(search) != 1:
            continue
        at = draw.choice([number for number, line in enumerate(window) if line.strip()])
        indent = window[at][: len(window[at]) - len(window[at].lstrip())]
        new = [*window]
        match draw.randrange(3):
            case 0:
                new.insert(at, f"{indent}value = prepared(1)")
            case 1:
                new[at] = f"{new[at]}  # changed"
            case _:
                new[at : at + 1] = [f"{indent}if ready:", f"{indent}    {window[at].strip()}"]
        kinds = [kind for kind in CLUMSY if kind != "another comment" or comment_to_spare(window, at)]
        yield draw.choice(kinds), search, "\n".join(new) + "\n"


def comment_to_spare(window: list[str], at: int) -> bool:
    comments = [number for number, line in enumerate(window) if line.strip().startswith("# ")]
    return bool(comments) and comments[0] != at and len(window) > 5


@pytest.mark.slow
def test_well_meant_edits_of_real_files_apply_and_none_at_a_wrong_place():
    draw = random.Random(13)
    tried, applied = Counter[str](), Counter[str]()
    wrong: list[str] = []
    for path in real_files():
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").replace("\f", "")
        name = f"src/{path.parent.name}/{path.name}"
        for kind, search, new in changes(text, draw):
            tried[kind] += 1
            clumsy = CLUMSY[kind]
            edit = FileEdit(path=f"{draw.choice(PREFIXES)}{name}", search=clumsy(search), replace=clumsy(new))
            wanted = CodeChange(files_to_update=(edit,))
            edits, _, _ = PathLadder(tree=[name, "src/other.py"]).place(numbered_edits(wanted))
            result = fitted_change(wanted, edits, {name: text})
            if result.problems or not edits:
                continue
            (exact,) = result.change.files_to_update
            assert text.count(exact.search) == 1
            after = text.replace(exact.search, exact.replace)
            ideal = text.replace(search, new)
            if [row.strip() for row in after.split("\n")] != [row.strip() for row in ideal.split("\n")]:
                wrong.append(f"{kind} in {path}:\n{edit.search}\n--- became\n{exact.search}\n--- and\n{exact.replace}")
            applied[kind] += without_blanks(after) == without_blanks(ideal)
    assert not wrong, "\n".join(wrong)
    assert tried.total() > 300
    shares = {kind: f"{applied[kind]}/{tried[kind]}" for kind in tried}
    assert applied.total() >= ENOUGH * tried.total(), shares
    print(shares)  # noqa: T201  seen with -s


def without_blanks(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n")]
