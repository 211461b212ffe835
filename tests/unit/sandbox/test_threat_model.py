"""The page that people read says what the tests try."""

import re
from pathlib import Path

from sandbox.attacks import ATTACKS, OWN_KERNEL

PAGE = (Path(__file__).parents[3] / "docs" / "threat-model.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (.+) \| (\w+) \| (\w+) \|$", PAGE, re.MULTILINE)


def test_every_attack_is_on_the_page_as_it_went():
    """After adding one: scripts/threat_model.py."""
    assert [name for name, _, _, _ in ROWS] == [attack.__name__ for attack in ATTACKS]
    assert {name: text for name, text, _, _ in ROWS} == {
        a.__name__: " ".join((a.__doc__ or "").split()) for a in ATTACKS
    }
    assert {outcome for _, _, outcome, _ in ROWS} == {"held"}


def test_on_gvisor_only_what_is_explained_ends_otherwise():
    assert {outcome for _, _, _, outcome in ROWS} <= {"held", "inside"}
    assert {name for name, _, _, outcome in ROWS if outcome == "inside"} <= set(OWN_KERNEL)


def test_names_are_not_used_twice():
    assert len({attack.__name__ for attack in ATTACKS}) == len(ATTACKS)
