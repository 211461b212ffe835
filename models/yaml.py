"""YAML files read into values; what is wrong in one is said with line and column."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from domain import Refused
from domain.text import YamlLoader, yaml_excess

T = TypeVar("T")


def read_yaml(path: Path, shape: type[T], *, code: str) -> T:
    """Read a file; see ``parse_yaml``.

    Raises:
        Refused: with the given ``code``; also when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{path} cannot be read: {error}", code=code, hint="Check the path and its rights.") from error
    return parse_yaml(text, shape, name=str(path), code=code)


def parse_yaml(text: str, shape: type[T], *, name: str, code: str) -> T:
    """Parse YAML as a value of ``shape``.

    Raises:
        Refused: naming the file, the line and the column of each fault, and what was expected there.
    """
    try:
        if excess := yaml_excess(text):
            what, line = excess
            raise _refused(f"{name}:{line}", [(None, f"this is too much to read: {what}")], code)
        tree = yaml.compose(text, Loader=YamlLoader)
        data = yaml.load(text, Loader=YamlLoader)  # noqa: S506  a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refused(name, [(mark, str(error.problem or error.context))], code) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _refused(name, [(None, str(error))], code) from error
    try:
        return TypeAdapter[T](shape).validate_python({} if data is None else data)
    except ValidationError as error:
        faults = [(_mark(tree, e["loc"]), f"{_dotted(e['loc'])}: {e['msg']}") for e in error.errors()[:10]]
        raise _refused(name, faults, code) from error


def _refused(name: str, faults: Sequence[tuple[yaml.Mark | None, str]], code: str) -> Refused:
    lines = [
        f"{name}:{mark.line + 1}:{mark.column + 1}: {fault}" if mark else f"{name}: {fault}" for mark, fault in faults
    ]
    return Refused("\n".join(lines), code=code, hint="Correct the file; docs/models.md has an example of each part.")


def _dotted(place: Sequence[int | str]) -> str:
    return ".".join(map(str, place)) or "the file"


def _mark(node: yaml.Node | None, place: Sequence[int | str]) -> yaml.Mark | None:
    """Where a fault is: the deepest node of the file on the way to it."""
    if node is None:
        return None
    for step in place:
        child = _inside(node, step)
        if child is None:
            break
        node = child
    return node.start_mark


def _inside(node: yaml.Node, step: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            if key.value == str(step):
                # An unknown key is itself the fault; a wrong value stands behind its key.
                return child if not isinstance(child, yaml.ScalarNode) or child.value else key
    return None
