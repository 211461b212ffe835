"""Figures of the tree: ``.venv/bin/python scripts/figures.py [FOLDER]`` prints them for this checkout or another one.

For each room its modules, lines, private functions that are used once, and comments; then the lines that switch the
formatter off and the type names with more than one meaning. ``tests/architecture`` keeps the limits with the same code.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOMS = (
    "approvals",
    "database",
    "domain",
    "forges",
    "graphs",
    "memory",
    "models",
    "nodes",
    "retrieval",
    "risk",
    "sandbox",
    "service",
    "telemetry",
    "tools",
)
AROUND = ("benchmarks", "scripts", "tests")
PROGRAMS = ("held_out", "suites")
"""Folders of programs that are given to Signoff: not ours to format."""
_FOR_TOOLS = ("noqa", "pyright:", "fmt:", "type:", "ruff:")


@dataclass(frozen=True)
class Figures:
    """What a room comes to."""

    modules: int = 0
    lines: int = 0
    functions: int = 0
    once: int = 0
    """Private functions whose name is used once in their module."""
    comments: int = 0
    """Comments for readers, not for tools."""
    switched_off: int = 0
    """Lines that the formatter leaves alone."""

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(mine + theirs for mine, theirs in zip(self.row, other.row, strict=True)))

    @property
    def row(self) -> tuple[int, int, int, int, int, int]:
        return self.modules, self.lines, self.functions, self.once, self.comments, self.switched_off

    @property
    def once_share(self) -> float:
        return self.once / self.functions if self.functions else 0.0


def used_once(tree: ast.Module) -> list[str]:
    """Private functions whose name is read exactly once in their module, be it called or handed on."""
    used = Counter(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    used += Counter(node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    private = (each.name for each in functions(tree) if each.name.startswith("_") and not each.name.startswith("__"))
    return [name for name in private if used[name] == 1]


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def comments(text: str) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def switches_off(text: str) -> int:
    """Comments that switch the formatter off, for a statement or from there on."""
    return sum("fmt: skip" in each or "fmt: off" in each for each in comments(text))


def public_types(tree: ast.Module) -> Iterator[str]:
    yield from (node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))


def modules(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*.py")) if not set(PROGRAMS) & set(path.parts))


def figures_of(paths: Iterable[Path]) -> Figures:
    total = Figures()
    for path in paths:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        comments_for_readers = [each for each in comments(text) if not any(word in each for word in _FOR_TOOLS)]
        total += Figures(
            modules=1,
            lines=text.count("\n"),
            functions=sum(1 for _ in functions(tree)),
            once=len(used_once(tree)),
            comments=len(comments_for_readers),
            switched_off=switches_off(text),
        )
    return total


def double_names(root: Path) -> dict[str, list[str]]:
    """Public type names that the product defines more than once, and where."""
    where: dict[str, list[str]] = {}
    for room in ROOMS:
        for path in modules(root / room):
            for name in public_types(ast.parse(path.read_text(encoding="utf-8"))):
                where.setdefault(name, []).append(path.relative_to(root).as_posix())
    return {name: paths for name, paths in where.items() if len(paths) > 1}


def main(root: Path) -> None:
    print("| folder | modules | lines | used once | comments | formatter off |")
    print("|---|---:|---:|---:|---:|---:|")
    product = Figures()
    rows = [(room, figures_of(modules(root / room))) for room in ROOMS if (root / room).is_dir()]
    for _, room in rows:
        product += room
    around = [(folder, figures_of(modules(root / folder))) for folder in AROUND]
    for name, each in (*rows, ("**product**", product), *around):
        print(
            f"| {name} | {each.modules} | {each.lines:,} | {each.once_share:.1%} "
            f"| {each.comments / max(each.lines, 1):.2%} | {each.switched_off} |"
        )
    names = double_names(root)
    print(f"\n{len(names)} type names with more than one meaning: {', '.join(sorted(names)) or 'none'}.")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]))
