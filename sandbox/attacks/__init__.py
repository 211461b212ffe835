"""Every attack we know on a sandbox, with what must happen. ``signoff sandbox check`` runs them all."""

from typing import Final

from sandbox.attacks.arena import Arena, Hand, Result, Try, assail, judge
from sandbox.attacks.breakouts import BREAKOUTS
from sandbox.attacks.floods import FLOODS
from sandbox.attacks.lives import LIVES
from sandbox.attacks.own_kernel import OWN_KERNEL
from sandbox.attacks.tricks import TRICKS
from sandbox.attacks.ways_out import WAYS_OUT

ATTACKS: Final[tuple[Try, ...]] = (*BREAKOUTS, *FLOODS, *LIVES, *TRICKS, *WAYS_OUT)

__all__ = ["ATTACKS", "OWN_KERNEL", "Arena", "Hand", "Result", "Try", "assail", "judge"]
