"""Questions of runs: who may get the same answer, what is booked, what decides between models."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Budget, Exhausted, Plan, RateLimited, Refused, Task, Unavailable, Unreadable
from domain.evidence import FailureKind
from domain.masking import Masker
from models import Message, ModelSettings, Question, SelectionContext
from models.contract import TIERS
from models.routing import CallLimits, FixedModels, ModelPolicy, ModelRouter, load_catalogue
from models.routing.catalogue import Catalogue, ModelCard, ModelCards
from models.routing.endpoints import provider_of
from models.routing.router import Circumstances, choose, route_request
from models.wrappers import BudgetLedger, MemoryAnswers, MemoryCounters, MemoryDecisions, UsageTotal, WordSimilarity
from tests.unit.models.flaky import ASK, Flaky

OURS = load_catalogue()
COLD = ModelSettings(temperature=0.2, max_tokens=100, timeout_s=60)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@dataclass
class Desk:
    """A switchboard with one model for every role, and a look at its books."""

    flaky: Flaky = field(default_factory=Flaky)
    decisions: MemoryDecisions = field(default_factory=MemoryDecisions)
    policy: ModelPolicy = field(default_factory=ModelPolicy)
    ledgers: dict[str, BudgetLedger] = field(default_factory=dict)
    similarity: WordSimilarity | None = None

    def board(self, catalogue: Catalogue = OURS) -> ModelRouter:
        def ledger(errand: SelectionContext) -> BudgetLedger:
            return self.ledgers.setdefault(errand.run, BudgetLedger(errand.task.budget))

        async def policy(_: SelectionContext) -> ModelPolicy:
            return self.policy

        return ModelRouter(
            catalogue=catalogue,
            registry=FixedModels(models=dict.fromkeys(("planner", "coder", "reviewer", "chat"), self.flaky)),
            decisions=self.decisions,
            counters=MemoryCounters(),
            ledger=ledger,
            policy=policy,
            now=lambda: NOW,
            answers=MemoryAnswers(),
            lifetimes={"planner": 60, "coder": 60},
            similarity=self.similarity,
        )


def errand(run="r1", org="a", text="Fix the total", **given) -> SelectionContext:
    return SelectionContext(run=run, org=org, task=Task(text=text, repo="/x", requester="ann"), **given)


async def ask(board, role, wanted, messages=ASK):
    return (await board.model(role, wanted).ask(Question(messages, Plan, settings=COLD))).finish


async def test_an_answer_is_for_its_organisation_and_a_coders_for_its_run():
    roster = Desk()
    board = roster.board()
    assert await ask(board, "planner", errand()) == "stop"
    assert await ask(board, "planner", errand(run="r2")) == "cached"
    assert await ask(board, "planner", errand(org="b")) == "stop", "never across organisations"
    assert await ask(board, "coder", errand()) == "stop"
    assert await ask(board, "coder", errand()) == "cached", "after a crash nothing is paid twice"
    assert await ask(board, "coder", errand(run="r2")) == "stop", "a new run gets a new answer"
    assert await ask(board, "chat", errand()) == await ask(board, "chat", errand()) == "stop"
    assert [row.outcome for row in roster.decisions.rows].count("cached") == 2
    assert all(row.cost == 0 and row.tokens_in == 0 for row in roster.decisions.rows if row.outcome == "cached")


async def test_a_plan_serves_the_same_wish_on_the_same_files_once():
    roster = Desk(similarity=WordSimilarity())
    board = roster.board()

    async def plan(text: str, **given) -> str:
        said = (Message(role="user", content=f"Plan this: {text}"),)
        return await ask(board, "planner", errand(text=text, **given), said)

    assert await plan("Fix the total", tree="t1") == "stop"
    assert await plan("Please fix the total.", tree="t1") == "cached"
    assert await plan("Please, fix the totals", tree="t2") == "stop", "other files"
    assert await plan("please fix our total", tree="t1", attempt=2) == "stop", "a revised plan is for its own failure"
    assert await plan("Kindly fix the total", tree="t1", org="b") == "stop"


async def test_what_is_booked_is_what_was_used_whoever_failed():
    roster = Desk(flaky=Flaky([Unreadable("garbage")], pays=True))
    board = roster.board()
    with pytest.raises(Unreadable):
        await ask(board, "chat", errand())
    ledger = roster.ledgers["r1"]
    assert ledger.spent.tokens == 15, "an answer that could not be read was paid for"
    assert ledger.reserved.tokens == 0
    assert [row.outcome for row in roster.decisions.rows] == ["llm_unreadable"]


async def test_quotas_of_installation_and_workspace_both_hold():
    ours = ModelPolicy(quotas={"given": CallLimits(daily_calls=3)})
    roster = Desk(policy=ours.tightened(ModelPolicy(quotas={"given": CallLimits(rpm=2)})))
    board = roster.board()
    for _ in range(2):
        await ask(board, "chat", errand())
    with pytest.raises(RateLimited, match="given may be asked 2 times a minute"):
        await ask(board, "chat", errand())
    other = SelectionContext(run="r9", org="a", task=Task(text="x", repo="/another"))
    await board.model("chat", other).ask(Question(ASK, Plan, settings=COLD))
    with pytest.raises(Refused, match="3 times a day"):
        await board.model("chat", other).ask(Question(ASK, Plan, settings=COLD))
    assert roster.flaky.calls == 3


async def test_nobody_allowed_is_a_row_and_a_code():
    roster = Desk(policy=ModelPolicy(allowed=("openai",)))
    with pytest.raises(Refused) as caught:
        await ask(roster.board(), "coder", errand())
    assert caught.value.stable_code == "policy_forbids_all"
    assert roster.flaky.calls == 0
    assert [(row.choice, row.outcome) for row in roster.decisions.rows] == [("nobody", "policy_forbids_all")]


def cards(*names: str, tier="advanced") -> ModelCards:
    return ModelCards(
        others=tuple(ModelCard(id=n, endpoint=f"http://{n}/v1", tier=tier, price_in=Decimal(0)) for n in names)
    )


def first(found: ModelCards, now: Circumstances, **given) -> str:
    wanted = errand(**given)
    ask = route_request("coder", wanted, OURS.strategy(wanted.task.strategy), ASK, COLD)
    return choose(ask, found, OURS, now).choices[0].card.id


def now(**given) -> Circumstances:
    return Circumstances(**{"policy": ModelPolicy(), "health": {}, **given})


def test_a_model_that_failed_lately_comes_after_its_equals():
    failing = UsageTotal(name="a", calls=6, failed=3)
    assert first(cards("a", "b"), now()) == "a"
    assert first(cards("a", "b"), now(recent=(failing,))) == "b"
    assert first(cards("a", "b"), now(recent=(UsageTotal(name="a", calls=4, failed=4),))) == "a", "too few to judge"


def test_the_speed_that_was_seen_counts():
    seen = (UsageTotal(name="b", calls=9, tokens_out=900, latency_ms=1_000),)
    task = Task(text="x", repo="/x", strategy="fast")
    ask = route_request("coder", SelectionContext(run="r", org="a", task=task), OURS.strategy("fast"), ASK, COLD)
    assert choose(ask, cards("a", "b"), OURS, now(recent=seen)).choices[0].card.id == "b"


@given(
    st.sampled_from(["types", "build", "tests", "style", "docs", "general"]), st.text(max_size=40), st.integers(1, 5)
)
def test_trouble_never_means_a_weaker_model(failure: FailureKind, text: str, attempt: int):
    every = ModelCards(others=tuple(ModelCard(id=tier, endpoint="http://x/v1", tier=tier) for tier in TIERS))
    task = Task(text=text, repo="/x", strategy="auto")

    def tier(n: int) -> int:
        wanted = SelectionContext(run="r", org="a", task=task, attempt=n, failure=failure)
        ask = route_request("coder", wanted, OURS.strategy("auto"), ASK, COLD)
        return TIERS.index(choose(ask, every, OURS, now()).choices[0].card.tier)

    assert tier(attempt) <= tier(attempt + 1)


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("http://127.0.0.1:8000/v1", "vllm"),
        ("http://gpu-1:8000/v1", "vllm"),
        ("http://10.1.2.3/v1", "vllm"),
        ("http://[::1]:8000/v1", "vllm"),
        ("http://gpu.corp.internal/v1", "vllm"),
        ("https://api.openai.com/v1", "openai"),
        ("https://API.Anthropic.com/v1", "anthropic"),
        ("https://models.example.com/v1", "models.example.com"),
        ("https://8.8.8.8/v1", "8.8.8.8"),
        ("local:", "huggingface"),
        ("http://vllm.evil.example/v1", "vllm.evil.example"),
    ],
)
def test_a_policy_for_ones_own_machines_lets_nobody_elses_in(url, provider):
    assert provider_of(url) == provider


async def test_a_budget_ends_it_before_a_fallback_is_tried():
    roster = Desk(flaky=Flaky([Unavailable("down")]))
    tight = errand()
    roster.ledgers["r1"] = BudgetLedger(Budget(max_tokens=10))
    with pytest.raises(Exhausted):
        await ask(roster.board(), "coder", tight)
    assert roster.flaky.calls == 0
    assert [row.outcome for row in roster.decisions.rows] == ["budget_spent"]


@pytest.mark.parametrize("role", ["planner", "coder", "reviewer", "chat"])
async def test_no_endpoint_is_asked_with_a_secret(role):
    """The one way to an endpoint masks, whoever asks and whether or not anybody wired it."""
    roster = Desk()
    board = roster.board()
    token = "ghp_" + "aB3" * 12
    said = (Message(role="system", content=f"token = {token}"), Message(role="user", content='password = "kX9-pQ2v"'))
    await ask(board, role, errand(), said)

    async def knowing(_: SelectionContext) -> Masker:
        return Masker(key="k", known={"zebra-7": "value"}, personal=True)

    await ask(
        replace(board, masker=knowing), role, errand(run="r9"), (Message(role="user", content="zebra-7 a@b.org"),)
    )
    told = " ".join(roster.flaky.heard)
    assert not [value for value in (token, "kX9-pQ2v", "zebra-7", "a@b.org") if value in told]
    assert "[secret: GitHub token]" in told
    assert "e-mail address]" in told


async def test_the_coders_dialect_is_what_the_card_says_else_as_probed_else_by_name():
    board = replace(Desk().board(), probes=MemoryAnswers())
    assert await board.model("coder", errand()).dialect() == "single", "nothing is known about it"
    card = ModelCard(id="qwen3-coder:30b", endpoint="http://127.0.0.1:1/v1")
    assert await board.dialect_of(card, card.id) == "tools", "by its name"
    await board.note_probed("http://127.0.0.1:1/v1", card.id, "text")
    assert await board.dialect_of(card, card.id) == "text", "what was tried counts before a name"
    assert await board.dialect_of(replace(card, endpoint="http://127.0.0.1:2/v1"), card.id) == "tools"
    assert await board.dialect_of(replace(card, dialect="single"), card.id) == "single", "its card counts before both"
