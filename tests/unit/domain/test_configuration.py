"""Configuration: ``file:`` stands for what a file holds, wherever it is, and no fault repeats a value."""

from collections.abc import Callable
from pathlib import Path

import pytest

from domain import value
from domain.configuration import configured

SECRET = "s3cr3t-canary"  # noqa: S105  of the tests


@value
class Shape:
    name: str = ""
    secrets: tuple[str, ...] = ()
    number: int = 0


def holding(files: dict[str, str]) -> Callable[[str], str]:
    return lambda name: files[name]


def test_files_stand_for_their_text_at_any_depth() -> None:
    read = holding({"/run/a": f"{SECRET}\n", "b": "two"})
    assert configured(Shape, "secrets: ['file:/run/a', plain]\nname: file:b", read) == Shape(
        name="two", secrets=(SECRET, "plain")
    )
    assert configured(Shape, "", read) == Shape()


@pytest.mark.parametrize("text", [f"number: {SECRET}", f"unknown: {SECRET}", f"{{ {SECRET}", "number: file:a"])
def test_no_fault_repeats_a_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|unknown|YAML") as caught:
        configured(Shape, text, holding({"a": SECRET}))
    assert SECRET not in str(caught.value)


def test_a_secret_that_is_no_text_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="not UTF-8"):
        configured(Shape, "name: file:odd", lambda name: (tmp_path / name).read_text(encoding="utf-8"))
