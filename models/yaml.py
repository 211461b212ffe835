"""YAML reader: files as values; what is wrong in one is said with line and column."""

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
        # Before it is composed: anchors that name anchors unfold to more than memory holds.
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
        faults = [
            (mark_of(tree, e["loc"]), f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}")
            for e in error.errors()[:10]
        ]
        raise _refused(name, faults, code) from error


def _refused(name: str, faults: Sequence[tuple[yaml.Mark | None, str]], code: str) -> Refused:
    lines = [
        f"{name}:{mark.line + 1}:{mark.column + 1}: {fault}" if mark else f"{name}: {fault}" for mark, fault in faults
    ]
    return Refused("\n".join(lines), code=code, hint="Correct the file; docs/models.md has an example of each part.")


def mark_of(node: yaml.Node | None, place: Sequence[int | str]) -> yaml.Mark | None:
    """Where a fault is: the deepest node of the file on the way to it."""
    if node is None:
        return None
    for step in place:
        child: yaml.Node | None = None
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            child = node.value[step]
        elif isinstance(node, yaml.MappingNode):
            key, part = next(((key, part) for key, part in node.value if key.value == str(step)), (None, None))
            # An unknown key is itself the fault; a wrong value stands behind its key.
            child = key if isinstance(part, yaml.ScalarNode) and not part.value else part
        if child is None:
            break
        node = child
    return node.start_mark
