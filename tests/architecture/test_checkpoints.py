"""A checkpoint that was written once can be read for ever, and comes back as what it was."""

import base64

import pytest
from pydantic import TypeAdapter

from tests.architecture.checkpoints import STRICT, TYPES, generations, newest, written
from tests.architecture.specimen import specimen

OLD = [
    pytest.param(name, entry, id=f"{number}-{name}")
    for number, generation in enumerate(generations(), start=1)
    for name, entry in generation.items()
]


@pytest.mark.parametrize(("name", "entry"), OLD)
def test_what_was_written_can_be_read(name, entry):
    """Also after a field was added: it takes its default, nothing else changes."""
    assert name in TYPES, f"{name} was moved or renamed: checkpoints that hold it cannot be read any more"
    back = STRICT.loads_typed(("msgpack", base64.b64decode(entry["bytes"])))
    assert type(back) is TYPES[name], f"{name} came back as {type(back).__name__}"
    assert back == TypeAdapter(TYPES[name]).validate_python(entry["value"], strict=False)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_a_value_comes_back_equal_and_of_its_type(name):
    value = specimen(TYPES[name])
    back = STRICT.loads_typed(STRICT.dumps_typed(value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("name", sorted(TYPES))
def test_the_bytes_are_those_that_were_written_down(name):
    known = newest()
    assert name in known, f"{name} is new: run scripts/golden.py and commit the generation it adds"
    told = f"{name} is written differently now: run scripts/golden.py and commit the generation it adds"
    assert base64.b64decode(known[name]["bytes"]) == written(TYPES[name]), told
