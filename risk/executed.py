"""File names by ecosystem: what names programs to start, code to load or plugins. A table of data, read once.

A name is looked up in sets and by its beginning and end, not in one long regular expression: a thousand names cost a
few microseconds, and nothing to compile.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from itertools import product
from typing import Any, Final, Self, cast

from risk.yaml import LINE, bad, numbered

_KEYS: Final = {"rule", "effect", "message", "files", "match", "not_match", LINE}
_PROSE: Final = (".md", ".rst", ".adoc")
"""Prose that lies beside settings is no setting; instructions to agents have a rule of their own."""
_SOURCE: Final = (
    ".py",
    ".pyi",
    ".go",
    ".rs",
    ".java",
    ".kt",
    ".scala",
    ".rb",
    ".js",
    ".jsx",
    ".ts",
    ".tsx",
    ".c",
    ".h",
    ".cc",
    ".cpp",
    ".hpp",
    ".cs",
    ".php",
    ".swift",
    ".ex",
    ".erl",
    ".hs",
    ".ml",
    ".mli",
    ".clj",
    ".lua",
    ".pl",
    ".pm",
    ".r",
    ".jl",
    ".txt",
    ".html",
    ".css",
    ".svg",
    ".png",
)
"""``nginx.py`` is a module about nginx, not its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """One group of the table: which paths it is about, and what it says of them."""

    rule: str
    effect: str
    message: str
    match: tuple[str, ...]
    not_match: tuple[str, ...]
    names: frozenset[str] = frozenset()
    """Whole names, in any folder."""
    endings: tuple[str, ...] = ()
    """Ends of paths that begin with a slash (``/config/puma.rb``), and of names (``.tf``)."""
    beginnings: tuple[str, ...] = ()
    """Of names."""
    folders: tuple[str, ...] = ()
    """``/.vscode/``: everything below."""
    others: tuple[re.Pattern[str], ...] = field(default=(), repr=False)

    def __contains__(self, path: str) -> bool:
        # On macOS and Windows ``.GitHub`` is ``.github``.
        whole = f"/{path.lower()}"
        name = whole.rpartition("/")[2]
        if whole.endswith(_PROSE):
            return False
        return (
            name in self.names
            or whole.endswith(self.endings)
            or any(name.startswith(each) and ("." in each or not name.endswith(_SOURCE)) for each in self.beginnings)
            or any(folder in whole for folder in self.folders)
            or any(other.search(whole) for other in self.others)
        )

    @classmethod
    def read(cls, group: Mapping[str, Any]) -> Self:
        """Sort the patterns of a group by how they are looked up.

        Raises:
            Refused: ``bad_rules`` with the line.
        """
        if unknown := sorted(set(group) - _KEYS):
            raise bad(f"{unknown[0]!r} is not a word of the table", group[LINE])
        names: set[str] = set()
        endings, beginnings, folders = list[str](), list[str](), list[str]()
        others: list[re.Pattern[str]] = []
        for glob in (each for pattern in str(group["files"]).lower().split() for each in braces_expanded(pattern)):
            literal = glob.strip("*")
            if not literal.strip("./"):
                raise bad(f"{glob!r} is too wide", group[LINE])
            if glob.endswith("/**") and "*" not in glob[:-3]:
                folders.append(f"/{glob[:-2]}")
            elif "*" in literal or ("/" in glob and glob != literal) or glob == f"*{literal}*":
                others.append(re.compile(f"/{path_expression(glob)}$"))
            elif glob == literal:
                (endings.append(f"/{glob}") if "/" in glob else names.add(glob))
            elif glob == f"*{literal}":
                endings.append(literal)
            else:
                beginnings.append(literal)
        return cls(
            rule=group["rule"],
            effect=group.get("effect", "later"),
            message=group["message"],
            match=tuple(group["match"]),
            not_match=tuple(group["not_match"]),
            names=frozenset(names),
            endings=tuple(endings),
            beginnings=tuple(beginnings),
            folders=tuple(folders),
            others=tuple(others),
        )


def braces_expanded(pattern: str) -> Iterator[str]:
    """``compose.y{a,}ml`` as the patterns it stands for."""
    parts = re.split(r"\{([^{}]*)\}", pattern)
    for chosen in product(*(part.split(",") for part in parts[1::2])):
        yield parts[0] + "".join(option + after for option, after in zip(chosen, parts[2::2], strict=True))


def path_expression(glob: str) -> str:
    """A glob as a regular expression: ``*`` stays in a folder, ``**`` does not."""
    expression, end = "", ".*" if glob.endswith("/**") else ""
    for token in re.findall(r"\*\*/|\*|[^*]+", glob.removesuffix("**") if end else glob):
        expression += {"**/": "(?:[^/]+/)*", "*": "[^/]*"}.get(token) or re.escape(token)
    return expression + end


def executed_files() -> tuple[Executed, ...]:
    """Every group of ``executed.yaml``, tried on its own examples.

    Raises:
        Refused: ``bad_rules`` with the line.
    """
    table = numbered((resources.files("risk") / "executed.yaml").read_text(encoding="utf-8"))
    groups: list[Executed] = []
    for group in cast("list[dict[str, Any]]", table["groups"]):
        read = Executed.read(group)
        wrong = [path for path in read.match if path not in read] + [path for path in read.not_match if path in read]
        if wrong:
            raise bad(f"{read.rule}: its own example {wrong[0]!r} is wrong", group[LINE])
        groups.append(read)
    return tuple(groups)
