"""How much is asked for at once, so that what is left of the token budget has room for it."""

from collections.abc import Sequence

from domain import Budget, Spent
from models import Message, ModelProvider, ModelSettings, Provider, worst_case
from nodes._announce import announce


def together(budget: Budget, spent: Spent, prompts: Sequence[tuple[Message, ...]], settings: ModelSettings) -> int:
    """How many of these questions may be asked side by side: at least one, the budget has the last word on it."""
    left, fit = _left(budget, spent), 0
    for prompt in prompts:
        left -= _at_worst(prompt, settings)
        if left < 0:
            break
        fit += 1
    return max(1, fit)


def affordable(
    providers: Sequence[Provider], budget: Budget, spent: Spent, prompts: Sequence[tuple[Message, ...]],
    settings: ModelSettings,
) -> tuple[Provider, ...]:  # fmt: skip
    """The first provider, and of the others as many as the budget has room for. One that asks no model is free."""
    left, each = _left(budget, spent), sum(_at_worst(prompt, settings) for prompt in prompts)
    kept: list[Provider] = []
    for provider in providers:
        needed = each if isinstance(provider, ModelProvider) else 0
        if kept and needed > max(0, left):
            continue
        left -= needed
        kept.append(provider)
    if len(kept) < len(providers):
        announce("note", f"What is left of the token budget has room for {len(kept)} of {len(providers)} candidates.")
    return tuple(kept)


def _left(budget: Budget, spent: Spent) -> int:
    return budget.max_tokens - spent.tokens_in - spent.tokens_out


def _at_worst(prompt: Sequence[Message], settings: ModelSettings) -> int:
    """With the round of repair, as the ledger sets it aside before each call."""
    return worst_case(prompt, settings).tokens
