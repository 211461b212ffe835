"""Limits of a run: when it has to stop, for spent budgets and for loops, and how long it waits to try again. Pure."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from domain.coder import CoderTurn, EditAction
from domain.errors import Exhausted, RateLimited, Transient, Unreadable
from domain.work import Budget, Spent

__all__ = [
    "ATTEMPTS",
    "FIRST_S",
    "LAST_TURNS",
    "LONGEST_S",
    "LOOP",
    "NO_ACTION",
    "QUESTION",
    "SILENT",
    "TURNS",
    "TURNS_SPENT",
    "ensure_within",
    "looping",
    "seconds_before",
    "share_of",
    "turns_left",
    "verdict_on",
]

WINDOW = 5
REPEATS = 3
ATTEMPTS = 4
"""At what may get better by itself."""
FIRST_S, LONGEST_S = 0.5, 30.0
"""Pauses between them."""


Limit = Literal["steps", "tokens", "cost", "minutes", "sandbox_seconds"]
ATTEMPT: Sequence[Limit] = ("steps", "tokens", "cost", "minutes", "sandbox_seconds")
"""What has to be left before a new attempt begins. Proving and delivering what an attempt came to needs none of it."""
QUESTION: Sequence[Limit] = ("tokens", "cost", "minutes")
"""What has to be left before a model is asked."""


def ensure_within(
    budget: Budget,
    spent: Spent,
    *,
    started_at: datetime | None,
    now: datetime,
    tokens: int = 0,
    limits: Sequence[Limit] = ATTEMPT,
) -> None:
    """Check *before* an attempt, or before a call that may use ``tokens`` more (its worst case).

    Raises:
        Exhausted: ``budget_spent``, naming the limit that is reached.
    """
    # A person who thinks about a signature takes none of the run's time.
    minutes = ((now - started_at).total_seconds() - spent.waited_seconds) / 60 if started_at else 0.0
    used = spent.tokens_in + spent.tokens_out
    reached: dict[Limit, bool] = {
        "steps": spent.steps >= budget.max_steps,
        "tokens": used + tokens > budget.max_tokens,
        # Before the first call nothing was paid: a budget of 0 does not stop a run that asks no model.
        "cost": spent.cost >= budget.max_cost and spent.model_calls > 0,
        "minutes": minutes >= budget.max_minutes,
        "sandbox_seconds": spent.sandbox_seconds >= budget.max_sandbox_seconds,
    }
    for name, over in reached.items():
        if over and name in limits:
            limit = getattr(budget, f"max_{name}")
            option = f"--max-{name.replace('_', '-')} N"
            raise Exhausted(
                f"The run's budget is spent: {name} (limit {limit}).",
                hint=f"Raise it and go on: signoff resume RUN {option}",
            )


def share_of(budget: Budget, spent: Spent, parts: int, *, minutes: float = 0.0) -> Budget:
    """The budget at which the next of ``parts`` equal pieces of work ends: what was spent, and its part of the rest.

    Args:
        budget: of the run.
        spent: by the run so far.
        parts: pieces that are still to be done, the next one among them.
        minutes: that went by so far.
    """

    def counted(limit: int, used: int) -> int:
        return limit if used >= limit else used + (limit - used) // parts

    def measured(limit: float, used: float) -> float:
        return limit if used >= limit else min(limit, used + (limit - used) / parts)

    cost = budget.max_cost if spent.cost >= budget.max_cost else spent.cost + (budget.max_cost - spent.cost) / parts
    return replace(
        budget,
        max_steps=max(1, counted(budget.max_steps, spent.steps)),
        max_tokens=counted(budget.max_tokens, spent.tokens_in + spent.tokens_out),
        max_cost=min(budget.max_cost, cost),
        max_minutes=measured(budget.max_minutes, minutes),
        max_sandbox_seconds=measured(budget.max_sandbox_seconds, spent.sandbox_seconds),
    )


TURNS = 30
"""Of the coder at one step of the plan without an edit that applies."""
LAST_TURNS = 5
"""So many turns before the end it is told how many are left."""
SILENT = 3
"""Answers without an action, one after the other, that end the step's work."""
NO_ACTION, LOOP, TURNS_SPENT = "no_action", "turns_repeat", "turns_spent"


def turns_left(turns: Sequence[CoderTurn]) -> int:
    """How many turns a step has left: ``TURNS`` since the last edit that applied, or since the step began.

    A large change is many edits, and is never cut off while it grows; the run's own ``max_steps`` bounds it.
    """
    idle = 0
    for turn in reversed(turns):
        if turn.step != turns[-1].step or (turn.ok and isinstance(turn.action, EditAction)):
            break
        idle += 1
    return TURNS - idle


def verdict_on(turns: Sequence[CoderTurn]) -> Literal["", "nudge", "turns_repeat", "turns_spent", "no_action"]:
    """What the turns of one step call for: a word to the coder, another plan, or the end.

    The same action with the same result three times among the last five is told once, and replanned when it goes on.
    """
    if not turns:
        return ""
    # Each step begins anew: what was repeated in another one is no loop here.
    step = [turn for turn in turns if turn.step == turns[-1].step]
    if len(step) >= SILENT and all(turn.action is None for turn in step[-SILENT:]):
        return NO_ACTION
    if turns_left(turns) <= 0:
        return TURNS_SPENT
    # The last turn has to be among those that repeat: a coder that left its circle is not told of it.
    last = step[-1].digest
    if (
        not last
        or not looping([turn.digest for turn in step])
        or [turn.digest for turn in step[-WINDOW:]].count(last) < REPEATS
    ):
        return ""
    return LOOP if any(turn.nudged for turn in step[:-1]) else "nudge"


def looping(actions: Sequence[str]) -> bool:
    """Tell whether the same action stands three times among the last five (B15)."""
    counts = Counter(actions[-WINDOW:])
    return any(n >= REPEATS for n in counts.values())


def seconds_before(error: Transient, attempt: int, *, jitter: Callable[[], float] = random.random) -> float | None:
    """How long to wait before the next attempt; None: longer than we do, or it would be of no use.

    An answer that nobody could read was corrected once already: asked the same again, a model answers the same.
    """
    if isinstance(error, Unreadable):
        return None
    # Half of it is chance: those that failed together do not come back together.
    backoff = min(LONGEST_S, FIRST_S * 2 ** (attempt - 1)) * (0.5 + jitter() / 2)
    asked = error.retry_after if isinstance(error, RateLimited) else None
    if asked is None:
        return backoff
    return None if asked > LONGEST_S else max(backoff, asked)
