"""Each node sees and writes channels that exist, with the types they have.

A typo in an input slice silently makes a channel, a typo in an update is silently dropped, and an
annotation that cannot be resolved at run time shows a node the whole state.
"""

import dataclasses
import importlib
from types import UnionType
from typing import Annotated, Any, NotRequired, Required, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from graphs.nodes import Nodes
from graphs.state import State
from tests.architecture.tree import ROOT

CHANNELS = get_type_hints(State, include_extras=True)
NODES = {
    field.name: hint
    for field in dataclasses.fields(Nodes)
    if (hint := get_type_hints(Nodes)[field.name]).__module__.startswith("nodes.")
}


def bare(hint: Any) -> Any:
    """A key's own type, whatever is said around it."""
    while get_origin(hint) in {Annotated, NotRequired, Required}:
        hint = get_args(hint)[0]
    return hint


def options(hint: Any) -> set[Any]:
    return set(get_args(hint)) if get_origin(hint) in {Union, UnionType} else {hint}


def slices(node: type) -> tuple[type, type]:
    """What a node reads, and what it writes."""
    hints = get_type_hints(node.__call__)
    written = hints.pop("return")
    (read,) = hints.values()
    return read, written


def test_the_staff_has_a_colleague_for_every_node_file():
    files = {path.stem for path in (ROOT / "nodes").glob("[a-z]*.py")}
    assert {node.__module__.removeprefix("nodes.") for node in NODES.values()} == files == set(NODES)


@pytest.mark.parametrize("name", NODES)
def test_a_node_reads_and_writes_channels_that_exist(name):
    for part in slices(NODES[name]):
        assert is_typeddict(part), f"{part} is no TypedDict"
        keys = get_type_hints(part, include_extras=True)
        assert set(keys) <= set(CHANNELS), f"{part.__name__}: {sorted(set(keys) - set(CHANNELS))}"


@pytest.mark.parametrize("name", NODES)
def test_a_node_names_the_type_a_channel_has(name):
    """Or fewer of its options, and a reader may allow for None. What a reducer takes is the reducer's affair."""
    read, written = slices(NODES[name])
    for part, spare in ((read, {type(None)}), (written, set())):
        for key, hint in get_type_hints(part, include_extras=True).items():
            channel, mine = bare(CHANNELS[key]), bare(hint)
            if get_origin(CHANNELS[key]) is not Annotated:
                told = f"{part.__name__}.{key} is {mine}, the channel {channel}"
                assert mine == channel or options(mine) - spare <= options(channel), told


@pytest.mark.parametrize("name", NODES)
def test_a_node_is_a_frozen_colleague(name):
    node = NODES[name]
    assert dataclasses.is_dataclass(node)
    assert node.__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]
    assert importlib.import_module(node.__module__).__doc__, f"{node.__module__} does not say what it does"


def test_no_channel_is_read_that_nobody_writes():
    given = {"run", "org", "task", "messages"}
    """What a run starts with."""
    engine = {"ask_round"}
    """What the engine writes between two stretches of work."""
    read = {key for node in NODES.values() for key in get_type_hints(slices(node)[0])}
    written = {key for node in NODES.values() for key in get_type_hints(slices(node)[1])}
    assert read - written - given - engine == set()


def test_every_channel_is_used():
    used = {key for node in NODES.values() for part in slices(node) for key in get_type_hints(part)}
    assert set(CHANNELS) - used == set()
