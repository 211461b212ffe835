"""Changing functions that are alive already."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from models.repair.inside.analysis.overrides import Overrides, patched
from models.repair.inside.analysis.project import Files
from models.repair.inside.runner.patch import Cold, Live

TEXT = """\
import functools
STEP = 1


def twice(f):
    @functools.wraps(f)
    def inner(*args):
        return f(*args) * 2
    return inner


@twice
def add(a, b=STEP):
    return a + b


class Counter:
    base = 10

    def up(self, n):
        return self.base + sum(x for x in range(n))
"""


@pytest.fixture
def module(tmp_path: Path):
    path = tmp_path / "live_sample.py"
    path.write_text(TEXT)
    spec = importlib.util.spec_from_file_location("live_sample", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules["live_sample"] = made
    spec.loader.exec_module(made)
    yield made
    del sys.modules["live_sample"]


def patch(module: ModuleType, old: str, new: str) -> list[dict[str, object]]:
    assert module.__file__ is not None
    return Files().patch({module.__file__: TEXT.replace(old, new)})


def test_every_alias_sees_the_change_and_it_can_be_taken_back(module):
    add, up = module.add, module.Counter().up
    live = Live(str(Path(module.__file__).parent))
    undo = live.apply(patch(module, "a + b", "a - b"))
    assert add(5, 2) == 6
    undo()
    assert add(5, 2) == 14
    undo = live.apply(patch(module, "for x in range(n)", "for x in range(n + 1)"))
    assert up(3) == 16
    undo()
    assert up(3) == 13


def test_a_decorator_that_ran_already_changes_what_it_made(module):
    live = Live(str(Path(module.__file__).parent))
    live.apply(patch(module, "* 2", "* 3"))
    assert module.add(1, 1) == 6


@pytest.mark.parametrize(("old", "new"), [("STEP = 1", "STEP = 2"), ("base = 10", "base = 0")])
def test_what_ran_at_import_needs_a_new_import(module, old, new):
    live = Live(str(Path(module.__file__).parent))
    with pytest.raises(Cold):
        live.apply(patch(module, old, new))
    assert module.add(1) == 4


def test_another_default_needs_no_new_import_and_can_be_taken_back(module):
    live = Live(str(Path(module.__file__).parent))
    undo = live.apply(patch(module, "b=STEP", "b=0"))
    assert module.add(1) == 2
    undo()
    assert module.add(1) == 4


def test_a_default_that_cannot_be_made_here_needs_a_new_import(module):
    live = Live(str(Path(module.__file__).parent))
    with pytest.raises(Cold):
        live.apply(patch(module, "b=STEP", "b=nowhere"))


def test_a_method_is_compiled_without_the_rest_of_its_class(module):
    (part,) = patch(module, "range(n)", "range(n + 1)")
    assert part["heads"] == ["class Counter:"]
    assert "base = 10" not in str(part["old"])


def test_a_candidate_that_is_not_python_is_said_to_be_none(module):
    live = Live(str(Path(module.__file__).parent))
    with pytest.raises(SyntaxError):
        live.apply(patch(module, "return a + b", "return a +"))


def test_a_part_gives_back_the_whole_file(module):
    (part,) = patch(module, "a + b", "a - b")
    assert patched(part) == TEXT.replace("a + b", "a - b")
    Path(module.__file__).write_text(TEXT.replace("a + b", "a  -  b"))
    assert patched(part) == TEXT.replace("a + b", "a  -  b")
    Path(module.__file__).write_text(TEXT)
    overrides = Overrides()
    overrides.put([part])
    assert overrides.texts[module.__file__] == TEXT.replace("a + b", "a - b")
