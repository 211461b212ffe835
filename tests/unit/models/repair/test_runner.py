"""Pieces of the runner alone: what it reads from tracebacks, compares of code, and calls again with other inputs."""

import itertools
import signal
import sys
from pathlib import Path
from types import CodeType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.runner import limits
from models.repair.inside.runner.forks import preload
from models.repair.inside.runner.outcomes import frames, message
from models.repair.inside.runner.patch import alike
from models.repair.inside.runner.probes import neighbours, outcome, variants
from models.repair.inside.runner.start import tests_place as place_of


def test_what_does_not_import_alone_is_left_out():
    sys.modules.pop("this_is_no_module", None)
    preload(["this_is_no_module", "colorsys"])
    assert "colorsys" in sys.modules
    assert "this_is_no_module" not in sys.modules


def recursive(depth: int) -> None:
    if not depth:
        raise KeyError("deep")
    recursive(depth - 1)


@pytest.mark.parametrize(("depth", "count"), [(0, 2), (3, 5), (200, 60)])
def test_of_a_deep_traceback_both_ends_stay(depth, count):
    with pytest.raises(KeyError) as caught:
        recursive(depth)
    places = frames(caught.tb)
    assert len(places) == count
    assert places[0][1] != places[1][1]
    assert places[-1][1] == recursive.__code__.co_firstlineno + 2
    assert {path for path, _ in places} == {str(Path(__file__).resolve())}


def test_an_error_that_cannot_say_what_it_is_has_a_type():
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert message(Silent()) == "Silent"
    assert message(ValueError("x" * 5_000)).startswith("ValueError: xxx")
    assert len(message(ValueError("x" * 5_000))) == 2_000


def code(text: str) -> CodeType:
    return compile(text, "x.py", "exec")


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("def f():\n    return 1\n", "def f():\n    return 2\n", True),
        ("x = 1\n", "x = 2\n", False),
        ("x = a\n", "x = b\n", False),
        ("def f(): pass\n", "def g(): pass\n", False),
        ("x = 1\nx = 2\n", "x = 1\n", False),
    ],
)
def test_code_is_alike_when_only_what_it_holds_differs(old, new, same):
    assert alike(code(old), code(new)) is same


def test_a_type_says_more_than_equality_where_constants_are_compared():
    assert not alike(code("x = 1\n"), code("x = True\n"))


VALUES = st.one_of(
    st.booleans(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=4), st.sets(st.integers())
)


@given(VALUES)
def test_neighbours_are_of_the_same_type(value):
    assert all(type(other) is type(value) for other in neighbours(value))


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_variants_change_one_argument_each_the_first_none(arguments):
    first, *others = variants(arguments)
    assert first == arguments
    assert len(others) <= 9
    for other in others:
        assert sum(one is not two for one, two in zip(arguments, other, strict=True)) <= 1


def test_every_argument_has_its_turn_before_any_has_its_second():
    changed = [
        next(n for n in (0, 1) if other[n] != (5, "ab")[n]) for other in itertools.islice(variants([5, "ab"]), 1, 5)
    ]
    assert changed == [0, 1, 0, 1]


@pytest.fixture
def _interruptible():
    before = signal.getsignal(signal.SIGPROF)
    limits.interrupt()
    yield
    limits.arm(0)
    signal.signal(signal.SIGPROF, before)


def forever() -> None:
    while True:
        pass


@pytest.mark.usefixtures("_interruptible")
def test_a_call_comes_to_its_answer_its_error_or_hangs():
    assert outcome(sorted, [[3, 1]]) == "[1, 3]"
    assert outcome(int, ["x"]) == "ValueError"
    assert outcome(itertools.count, [3]).startswith("[3, 4, 5")
    assert outcome(forever, []) == "hung"


@pytest.mark.usefixtures("_interruptible")
def test_a_call_does_not_change_the_arguments_it_is_made_with():
    arguments = [[3, 1]]
    assert outcome(lambda xs: xs.sort(), arguments) == "None"
    assert arguments == [[3, 1]]


def test_where_a_word_of_a_command_leads(tmp_path):
    for name in ("tests/unit/test_a.py", "checks/deep/test_b.py", "empty/x.py", "one.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    words = ["tests", "tests.unit.test_a", "tests.unit.test_a.TestA", "checks", "empty", "one.py", "-x", "..", "make"]
    places = [place_of(word, tmp_path) for word in words]
    assert places == ["tests", "tests/unit/test_a.py", "tests/unit/test_a.py", "checks", "", "one.py", "", "", ""]
