"""YAML that people write: read, and the wrong line named."""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any, cast

import yaml

from domain import Refused
from domain.text import YamlLoader, yaml_excess

LINE = "__line__"


class _Numbered(YamlLoader):
    """Every mapping remembers where it started, and no key may be written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        # PyYAML takes the last of two equal keys: a line far below would undo a rule.
        names = Counter(str(child.value) for child, _ in node.value if child.value != "<<")
        if twice := sorted(name for name, times in names.items() if times > 1):
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]!r} is written twice", node.start_mark)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        mapping[LINE] = node.start_mark.line + 1
        return mapping


def bad(message: str, line: int | None = None) -> Refused:
    """The error of every rule file; ``line`` counts from 1."""
    where = f"line {line}: " if line else ""
    return Refused(where + message, code="bad_rules", hint="Correct the line; docs/risk.md describes the format.")


def numbered(text: str) -> Mapping[str, Any]:
    """Parse a YAML mapping whose mappings each carry their line under ``LINE``.

    Raises:
        Refused: ``bad_rules`` with the line when it is no YAML, or not a mapping; ``policy_invalid`` when it is more
            than anybody writes by hand, or holds aliases that grow beyond that.
    """
    try:
        if excess := yaml_excess(text):
            what, line = excess
            raise Refused(
                f"line {line}: this is too much to read: {what}",
                code="policy_invalid",
                hint="Write it flat and without repetition; docs/risk.md describes the format.",
            )
        parsed: object = yaml.load(text, Loader=_Numbered)  # noqa: S506  a safe loader that also counts lines
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise bad(error.problem or "this is not YAML", mark.line + 1 if mark else None) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise bad(f"this is not YAML: {error}") from error
    if not isinstance(parsed, dict):
        raise bad("a mapping is needed at the top", 1)
    return cast("Mapping[str, Any]", parsed)


def line_of(found: object, where: tuple[int | str, ...]) -> int | None:
    """The line of the innermost mapping on the way ``where`` into a parsed file."""
    line: int | None = None
    for key in (*where, None):
        if isinstance(found, dict):
            mapping = cast("dict[object, object]", found)
            line = cast("int | None", mapping.get(LINE, line))
            found = mapping.get(key)
        elif isinstance(found, list) and isinstance(key, int) and key < len(cast("list[object]", found)):
            found = cast("list[object]", found)[key]
        else:
            break
    return line
