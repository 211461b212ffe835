"""17. Fifty calls at once at the budget's edge never pass the cap; the run parks and resumes after a top-up."""

import asyncio
from decimal import Decimal
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from domain import Budget, Exhausted, Plan
from models import Message, ModelSettings, Question, Usage
from models.contract import Price
from models.wrappers.limits import Amount, Budgeted, BudgetLedger
from service.runs.history import raise_budget
from tests.unit.models.flaky import Flaky
from tests.worlds.house import FIX, OK, advance, application, decide, repository, start, task

AT_ONCE = 50
PRICE = Price(per_1k_in=Decimal(1), per_1k_out=Decimal(2))
SAID = (Message(role="user", content="x" * 300),)
WORST = Usage(tokens_in=200, tokens_out=200, cost=Decimal("0.6"), calls=2)


@given(st.integers(0, 30_000), st.integers(0, 40))
async def test_17_fifty_calls_at_once_never_cost_more_than_the_cap(tokens: int, money: int) -> None:
    budget = Budget(max_tokens=tokens, max_cost=Decimal(money))
    ledger = BudgetLedger(budget)
    model = Budgeted(model=Flaky(usage=WORST), ledger=ledger, price=PRICE)
    calls = (model.ask(Question(SAID, Plan, settings=ModelSettings(max_tokens=100))) for _ in range(AT_ONCE))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(each, Exhausted) and each.hint for each in refused)
    assert ledger.spent.tokens == (AT_ONCE - len(refused)) * 400 <= tokens
    assert ledger.spent.cost <= budget.max_cost
    assert ledger.reserved == Amount()


async def test_17_the_run_parks_and_goes_on_after_a_top_up(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, budget=Budget(max_tokens=100)))
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("paused_budget", "budget_spent")
        assert "--max-tokens" in standing.run.ending.hint
        assert opened.board.registry.models["coder"].asked == ()  # type: ignore[attr-defined]
        again, _ = await advance(opened, standing.run.id)
        assert again.run.status == "paused_budget", "asking again is no top-up"

        run = await raise_budget(opened.engine, standing.run, max_tokens=400_000)
        standing, _ = await advance(opened, run.id)
        assert standing.run.status == "interrupted"
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, run.id)
        assert standing.run.status == "delivered"
        spent = standing.values["spent"]
        assert 0 < spent.tokens_in + spent.tokens_out <= run.task.budget.max_tokens
