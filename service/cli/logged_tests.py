"""Tests from logs: the assertions that failed in what a test runner printed, written down as tests again.

Pure: nothing of a log is run here, and what is no assertion about the files makes no test.
"""

import ast
import builtins
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from domain.text import python_tree

_TEST = re.compile(r"(^|/)(tests?/.*|test_[^/]*|[^/]*_test|tests)\.py$")
_SHOWN = re.compile(r"    def test\w*\(\):")
_FRAME = re.compile(r'File "[^"\n]+", line \d+, in test\w*\n\s+(\S.*)')
_EXAMPLE = re.compile(r"Failed example:\n\s+(\S.*)\nExpected:\n\s+(\S.*)\nGot")
_ASSERTED = {"assertEqual": "==", "assertIn": "in", "assertIs": "is", "assertNotEqual": "!=", "assertNotIn": "not in"}


def has_tests(files: Mapping[str, str]) -> bool:
    """Whether one of the files is one of tests."""
    return any(_TEST.search(path) for path in files)


def remade(logs: Mapping[str, str], files: Mapping[str, str]) -> str | None:
    """A file of tests made of the assertions in the logs that speak of names the files define; None without any."""
    defined = importable_names(files)
    known = {*defined, *dir(builtins)}
    bodies: list[str] = []
    used: set[str] = set()
    for text in dict.fromkeys(text for log in logs.values() for text in failed_statements(log)):
        free = free_names(text)
        # A name that neither the files nor Python define was a fixture or a helper of the test: it cannot run alone.
        if free is not None and free & defined.keys() and free <= known:
            bodies.append(text)
            used |= free & defined.keys()
    if not bodies:
        return None
    imports = [defined[name] for name in sorted(used)]
    # A project with its code in ``src/`` is not installed where this runs.
    sources = "import sys\n\nsys.path.insert(0, 'src')\n" if any(path.startswith("src/") for path in files) else ""
    tests = [f"def test_{place}():\n{plain_body(body)}" for place, body in enumerate(bodies, 1)]
    return "\n\n\n".join(["\n".join([f"{sources}", *dict.fromkeys(imports)]).strip(), *tests]) + "\n"


def failed_statements(log: str) -> Iterator[str]:
    """Statements that failed: whole tests where they are shown, single assertions elsewhere."""
    log = log.replace("\r\n", "\n")
    for lines in shown_tests(log):
        yield "\n".join(line[8:] if line[4:8].isspace() else line[4:] for line in lines)
    for match in _FRAME.finditer(log):
        yield match[1]
    for match in _EXAMPLE.finditer(log):
        yield f"assert repr({match[1]}) == {match[2]!r}"


def shown_tests(log: str) -> Iterator[list[str]]:
    """Failing tests as pytest shows them: their lines up to the one that failed, which has a ``>`` in front."""
    lines: list[str] | None = None
    for line in log.split("\n"):
        if lines is None or (line and not line.startswith(("    ", ">   "))):
            lines = [] if _SHOWN.fullmatch(line) else None
            continue
        lines.append(line)
        if line.startswith(">   "):
            yield lines
            lines = None


def free_names(text: str) -> set[str] | None:
    """The names that statements need from outside; None when they are no Python, or assert nothing."""
    tree = python_tree(text)
    if tree is None:
        return None
    methods = (node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)) and not any(m in _ASSERTED for m in methods):
        return None
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | (
        {"self"} if "self.assert" in text else set()
    )
    return {node.id for node in names} - stored


def plain_body(body: str) -> str:
    """The body of a test; assertions of unittest become plain ones."""
    tree = ast.parse(body)
    for place, node in enumerate(tree.body):
        match node:
            # There is no ``TestCase`` around it any more.
            case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name), args=[one, other, *_])) if name in _ASSERTED:
                text = f"assert {ast.unparse(one)} {_ASSERTED[name]} {ast.unparse(other)}"
                tree.body[place] = ast.parse(text).body[0]
            case _:
                continue
    return "\n".join(f"    {line}" for line in ast.unparse(tree).splitlines())


def importable_names(files: Mapping[str, str]) -> dict[str, str]:
    """Names of modules and of what they define at their top, each with the import that brings it."""
    imports: dict[str, str] = {}
    for path, text in files.items():
        parts = PurePosixPath(path.removeprefix("src/")).with_suffix("").parts
        parts = parts[:-1] if parts[-1:] == ("__init__",) else parts
        if not path.endswith(".py") or not parts or not all(part.isidentifier() for part in parts):
            continue
        module = ".".join(parts)
        imports.setdefault(
            parts[-1], f"import {module}" if len(parts) == 1 else f"from {'.'.join(parts[:-1])} import {parts[-1]}"
        )
        for name in top_names(text):
            imports.setdefault(name, f"from {module} import {name}")
    return imports


def top_names(text: str) -> Iterator[str]:
    """Yield the names that a module defines at its top."""
    tree = python_tree(text)
    for node in tree.body if tree is not None else ():
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case _:
                continue
