"""What a person signs at the terminal is shown whole: no byte of the action is hidden, folded or left out."""

import io
import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from approvals import canonical, visible
from approvals.rendering import hides
from approvals.testing.rehearsal import action, question
from domain import Action
from service.cli.signing import render
from tests.worlds.approvals import twin

text = st.text(max_size=120)
arguments = st.dictionaries(
    st.text(min_size=1, max_size=12),
    text | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.lists(text) | st.none(),
    max_size=4,
)
actions = st.builds(
    Action,
    tool=st.just("shell"),
    arguments=arguments,
    cwd=text,
    environment=st.lists(text, max_size=3).map(tuple),
    target=text,
    base_commit=text,
    content=text,
    image_digest=text,
    network=st.sampled_from(["none", "packages"]),
)


async def shown(what: Action, *, diff: str = "", width: int = 40) -> str:
    ballot = await twin().ballots.open(replace(question(), action=what, diff=diff))
    page = io.StringIO()
    render(ballot, Console(file=page, width=width))
    return page.getvalue()


def leaves(found: object) -> list[str]:
    """Every value in the canonical bytes, and every name in them that is not ours."""
    match found:
        case dict():
            return [
                leaf
                for key, part in found.items()
                for leaf in (str(key), *leaves(part))
                if key != "arguments" or leaf != key
            ]
        case list():
            return [leaf for part in found for leaf in leaves(part)]
        case str():
            return [found]
        case _:
            return [json.dumps(found)]


def well_formed(what: Action) -> bool:
    try:
        return bool(canonical(what))
    except ValueError:
        return False


@given(actions.filter(well_formed))
async def test_every_byte_of_the_canonical_action_is_visible(what: Action) -> None:
    page = await shown(what)
    for leaf in leaves(json.loads(canonical(what))):
        for line in leaf.split("\n"):
            assert visible(line) in page
    assert not [char for char in page if hides(char)]


@given(st.text())
async def test_no_character_of_a_diff_is_hidden(diff: str) -> None:
    page = await shown(action(), diff=diff)
    assert "\n".join(visible(line) for line in diff.split("\n")) in page
    assert not [char for char in page if hides(char)]


async def test_environment_names_and_empty_parts_are_shown() -> None:
    page = await shown(replace(action("env | sort"), environment=("TOKEN", "LD_PRELOAD")))
    assert "LD_PRELOAD TOKEN" in page
    assert "image_digest empty" in " ".join(page.split())


async def test_a_value_cannot_pass_for_a_row_of_the_form() -> None:
    page = await shown(action("ls\ntarget       somewhere harmless"))
    assert [line for line in page.splitlines() if line.startswith("target")] == ["target       sandbox"]
