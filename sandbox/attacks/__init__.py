"""Every attack we know on a sandbox, with what must happen. ``signoff sandbox check`` runs them all."""

from typing import Final

from sandbox.attacks.arena import Arena, Hand, Result, Try, judge
from sandbox.attacks.breakouts import BREAKOUTS
from sandbox.attacks.floods import FLOODS
from sandbox.attacks.tricks import TRICKS

ATTACKS: Final[tuple[Try, ...]] = (*BREAKOUTS, *FLOODS, *TRICKS)

__all__ = ["ATTACKS", "Arena", "Hand", "Result", "Try", "judge"]
