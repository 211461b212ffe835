"""Only what nobody can use any more is swept away."""

import os

import pytest

from sandbox.docker.reaper import OWNER, abandoned, owner

ME = owner()
PLACE, START = ME.rsplit("/", 2)[0], ME.rsplit("/", 1)[1]


def container(label: str, state: str = "running", created: float = 0.0):
    return {"State": state, "Created": created, "Labels": {OWNER: label}}


@pytest.mark.parametrize(
    ("label", "gone"),
    [
        (ME, False),
        (f"{PLACE}/{os.getpid()}/1", True),  # the number is used again by somebody younger
        (f"{PLACE}/999999999/{START}", True),
        (f"another-machine/pid:[1]/{os.getpid()}/1", False),
        ("", False),
        ("nonsense", False),
    ],
    ids=["me", "number-used-again", "process-gone", "another-machine", "no-label", "nonsense"],
)
def test_a_running_one_goes_with_its_orchestrator(label, gone):
    assert abandoned(container(label), ME, now=1e9) is gone


def test_one_that_never_started_goes_after_a_while_whoever_made_it():
    assert not abandoned(container(ME, "created", 100.0), ME, now=130.0)
    assert abandoned(container("another", "created", 100.0), ME, now=200.0)
    assert abandoned(container(ME, "exited", 100.0), ME, now=200.0)
