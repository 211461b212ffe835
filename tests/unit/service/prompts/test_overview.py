"""The share of new runs that speaks each version, and the list that people see."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import Prompt
from models.prompts import PromptFiles
from service.prompts.overview import overview, shares
from tests.worlds.prompts import NEW, OLD, PromptWorld


def version(name: str, label: Any) -> Prompt:
    return Prompt(name="plan", version=name, label=label, parts=())


PRODUCTION, STAGED, EXTRA = version("1", "production"), version("2", "staging"), version("3", "production")


def test_versions_of_a_prompt_share_the_runs() -> None:
    assert shares([PRODUCTION, STAGED, EXTRA], staging=0.25) == {"1": 0.75, "2": 0.25}
    assert shares([PRODUCTION], staging=0.25) == {"1": 1.0}
    assert shares([PRODUCTION, STAGED], promoted="0", staging=0.25) == {"0": 0.75, "2": 0.25}
    assert shares([PRODUCTION, STAGED], promoted="2", staging=0.25) == {"2": 1.0}


@given(
    st.lists(st.sampled_from([PRODUCTION, STAGED, EXTRA]), min_size=1), st.sampled_from(["", "0", "2"]), st.floats(0, 1)
)
def test_every_run_speaks_one(versions: list[Prompt], promoted: str, staging: float) -> None:
    assert sum(shares(versions, promoted=promoted, staging=staging).values()) == pytest.approx(1.0)


async def test_the_list_says_what_new_runs_speak(world: PromptWorld) -> None:
    prompts = world.process()
    world.files["plan"] = PromptFiles(prompts=(OLD, NEW), staging_share=0.25)

    async def listed() -> tuple[str, dict[str, float]]:
        (plan,) = await overview(prompts, "acme", staging=0.25)
        return plan["promoted"], {each["version"]: each["share"] for each in plan["versions"]}

    assert await listed() == ("", {"old-1": 0.75, "new-1": 0.25})
    await prompts.canaries.start("acme", "plan", "new-1", share=0.1, by="ann")
    assert await listed() == ("", {"old-1": 0.9, "new-1": 0.1})
    await prompts.changes.promote("acme", "plan", "new-1", by="ann")
    world.files["plan"] = PromptFiles(prompts=(OLD,))
    assert await listed() == ("new-1", {"old-1": 0.0, "new-1": 1.0}), "also when no file has it any more"
