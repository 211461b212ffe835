"""Small algorithms, each broken by one line in several ways."""

import copy
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from benchmarks.repair.case import Case

SUITE = Path(__file__).parent / "suites" / "classics"
_MARK = "# cases"
_VISIBLE = 0.6
_TEST = """\
import copy

import pytest

from {module} import {name}

CASES = {cases!r}


@pytest.mark.parametrize("arguments, expected", CASES)
def test_{name}(arguments, expected):
    arguments = copy.deepcopy(arguments)
    if isinstance(expected, type) and issubclass(expected, Exception):
        with pytest.raises(expected):
            {name}(*arguments)
    else:
        assert {name}(*arguments) == expected
"""


def cases() -> Iterator[Case]:
    """Every bug of every program; programs alternate between the two halves."""
    for place, path in enumerate(sorted(SUITE.glob("*.py"))):
        source = path.read_text()
        program = source.partition(_MARK)[0].rstrip() + "\n"
        namespace: dict[str, Any] = {}
        exec(compile(source, path.name, "exec"), namespace)  # noqa: S102 - our own file
        entry = [name for name, thing in namespace.items() if isinstance(thing, FunctionType)][-1]
        answered: list[tuple[Any, Any]] = []
        for arguments in namespace["CASES"]:
            try:
                expected = namespace[entry](*copy.deepcopy(arguments))
            except Exception as error:  # noqa: BLE001 - the error is the expected answer
                expected = type(error)
            answered.append((arguments, expected))
        count = max(2, round(len(answered) * _VISIBLE))
        for number, (right, wrong) in enumerate(namespace["BUGS"]):
            yield Case(
                suite="classics",
                name=f"{path.stem}-{number}",
                half="held" if place % 2 else "tuned",
                files={
                    path.name: program.replace(right, wrong, 1),
                    f"test_{path.stem}.py": _tests(path.stem, entry, answered[:count]),
                },
                hidden={f"test_{path.stem}_hidden.py": _tests(path.stem, entry, answered[count:])},
                bug=f"{right.strip()}  →  {wrong.strip()}",
            )


def _tests(module: str, name: str, answered: list[tuple[Any, Any]]) -> str:
    pairs = [(a, _Name(e.__name__) if isinstance(e, type) else e) for a, e in answered]
    return (
        _TEST.format(module=module, name=name, cases=pairs)
        .replace("inf,", "float('inf'),")
        .replace("inf]", "float('inf')]")
    )


class _Name(str):
    """Written without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
