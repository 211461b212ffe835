"""Limits of plans and messages of payment providers, on SQLite and PostgreSQL: nothing passes, nothing counts twice."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import AuditFact
from approvals.channels import Subscriptions, WebhookEndpoint
from approvals.storage import StoredOutbox
from database import open_engine, reading, sqlite_url, writing
from domain import Budget, Exhausted, Refused
from models import Database
from models.wrappers import RoutingDecision, StoredDecisions, StoredLedger
from models.wrappers.limits import Amount
from service.errors import PlanExhausted
from service.plans.metering import PlanAllowance, PlanMetering
from service.plans.notices import PlanNotices
from service.plans.plans import BillingPlan, PlanFile, PlanLimit
from service.plans.receiver import PaymentWebhooks
from service.plans.subscriptions import PlanStore
from service.plans.tables import PAYMENT_EVENTS
from service.storage.schema import make_tables
from tests.worlds import payments, postgres
from tests.worlds.payments import NOW, OWN_SECRET, SENDERS, Sender

ON = [pytest.param("sqlite"), pytest.param("postgres", marks=[pytest.mark.postgres])]
TOLD = WebhookEndpoint(name="ops", url="https://ops.example/hook", secrets=(OWN_SECRET,))


@dataclass
class Clock:
    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@dataclass
class Journal:
    """Keeps what the audit would."""

    facts: list[AuditFact] = field(default_factory=list[AuditFact])

    async def append(self, conn: object, fact: AuditFact) -> None:
        self.facts.append(fact)


@dataclass
class World:
    engine: AsyncEngine
    file: PlanFile
    clock: Clock = field(default_factory=Clock)
    journal: Journal = field(default_factory=Journal)

    @property
    def notices(self) -> PlanNotices:
        return PlanNotices(clock=self.clock, subscriptions=Subscriptions(all=(TOLD,)))

    @property
    def store(self) -> PlanStore:
        return PlanStore(
            engine=self.engine, file=self.file, clock=self.clock, journal=self.journal, notices=self.notices
        )

    @property
    def metering(self) -> PlanMetering:
        return PlanMetering(engine=self.engine, file=self.file, clock=self.clock, notices=self.notices)

    async def run(self, org: str = "acme") -> bool:
        try:
            async with writing(self.engine) as conn:
                await self.metering.admit_run(conn, org)
        except PlanExhausted:
            return False
        return True

    async def used(self, org: str = "acme") -> dict[str, int]:
        return {each.meter: each.used for each in (await self.metering.use(org)).meters}

    async def post(self, sender: Sender, body: bytes, *, at: datetime | None = None) -> tuple[int, str]:
        message = sender.signed(body, at or self.clock.at)
        hooks = PaymentWebhooks(store=self.store, clock=self.clock)
        answer = await hooks.receive(sender.name, message.headers, message.body)
        return answer.status, answer.body.get("code") or answer.body["outcome"]

    async def plan(self, org: str = "acme") -> tuple[str, str]:
        current = (await self.store.of(org)).current
        return current.name, current.because

    async def letters(self) -> Sequence[str]:
        outbox = StoredOutbox(engine=self.engine, clock=self.clock)
        return [item.letter.topic for item in reversed(await outbox.list("acme"))]


@pytest.fixture(scope="module")
def socket() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture(params=ON)
async def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[AsyncEngine]:
    if request.param == "sqlite":
        engine = open_engine(sqlite_url(tmp_path / "rows.db"))
        await make_tables(engine)
    else:
        socket = request.getfixturevalue("socket")
        await postgres.emptied(socket, "plans")
        engine = open_engine(postgres.url(socket, "plans"))
    yield engine
    await engine.dispose()


def file(**limits: PlanLimit) -> PlanFile:
    return PlanFile(
        default="free",
        plans={
            "free": BillingPlan(**limits),  # pyright: ignore[reportArgumentType]
            "small": BillingPlan(runs=PlanLimit(hard=50)),
            "team": BillingPlan(),
        },
        payments={sender.name: payments.settings(sender, unpaid_plan="small") for sender in SENDERS},  # pyright: ignore[reportArgumentType]
        upgrade="See https://signoff.example/plans.",
    )


async def test_many_at_once_begin_as_many_runs_as_the_plan_has(engine: AsyncEngine) -> None:
    world = World(engine, file(runs=PlanLimit(hard=7)))
    begun = await asyncio.gather(*(world.run() for _ in range(20)))
    assert begun.count(True) == 7
    assert (await world.used())["runs"] == 7
    assert await world.run("other")
    assert await world.letters() == ["plan.soft_limit", "plan.hard_limit"]


async def test_a_refusal_says_what_to_do_and_when_it_is_counted_anew(engine: AsyncEngine) -> None:
    world = World(engine, file(runs=PlanLimit(hard=1)))
    assert await world.run()
    with pytest.raises(PlanExhausted) as caught:
        async with writing(engine) as conn:
            await world.metering.admit_run(conn, "acme")
    assert caught.value.stable_code == "plan_limit_reached"
    assert caught.value.renews_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert "2026-12-01" in caught.value.hint
    assert "https://signoff.example/plans" in caught.value.hint
    world.clock.at = datetime(2026, 12, 1, tzinfo=UTC)
    assert await world.run()
    assert (await world.used())["runs"] == 1


async def test_a_transaction_that_fails_counts_no_run(engine: AsyncEngine) -> None:
    world = World(engine, file(runs=PlanLimit(hard=1)))

    async def fail() -> None:
        async with writing(engine) as conn:
            await world.metering.admit_run(conn, "acme")
            raise ValueError("the row")

    with pytest.raises(ValueError, match="the row"):
        await fail()
    assert (await world.used())["runs"] == 0
    assert await world.run()


async def test_questions_side_by_side_do_not_pass_the_tokens(engine: AsyncEngine) -> None:
    world = World(engine, file(tokens=PlanLimit(hard=1_000)))
    holds = await asyncio.gather(
        *(world.metering.reserve("acme", 300, hold_s=60) for _ in range(10)), return_exceptions=True
    )
    kept = [hold for hold in holds if isinstance(hold, str)]
    assert len(kept) == 3
    assert all(isinstance(hold, str | PlanExhausted) for hold in holds)
    for hold in kept:
        await world.metering.settle("acme", hold, 250)
    assert await world.used() == {"requests": 3, "tokens": 750, "runs": 0, "seats": 0}
    # The worst case of one more is too much; a smaller one is not.
    with pytest.raises(PlanExhausted, match="could use 300"):
        await world.metering.reserve("acme", 300, hold_s=60)
    await world.metering.settle("acme", await world.metering.reserve("acme", 250, hold_s=60), 250)
    assert (await world.used())["tokens"] == 1_000
    assert await world.letters() == ["plan.hard_limit"]


async def test_a_question_that_used_nothing_is_none(engine: AsyncEngine) -> None:
    world = World(engine, file(requests=PlanLimit(hard=2)))
    for _ in range(5):
        await world.metering.settle("acme", await world.metering.reserve("acme", 10, hold_s=60), 0)
    for _ in range(2):
        await world.metering.settle("acme", await world.metering.reserve("acme", 10, hold_s=60), 10)
    with pytest.raises(PlanExhausted):
        await world.metering.reserve("acme", 10, hold_s=60)
    assert await world.letters() == ["plan.hard_limit"]  # 80 % of two are two


async def test_what_a_killed_process_set_aside_is_free_after_a_while(engine: AsyncEngine) -> None:
    world = World(engine, file(tokens=PlanLimit(hard=100)))
    await world.metering.reserve("acme", 100, hold_s=60)
    with pytest.raises(PlanExhausted):
        await world.metering.reserve("acme", 1, hold_s=60)
    world.clock.at += timedelta(seconds=61)
    await world.metering.reserve("acme", 100, hold_s=60)


async def test_a_question_is_booked_in_the_month_in_which_it_was_asked(engine: AsyncEngine) -> None:
    world = World(engine, file(tokens=PlanLimit(hard=100)))
    world.clock.at = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    hold = await world.metering.reserve("acme", 90, hold_s=60)
    world.clock.at = datetime(2026, 12, 1, tzinfo=UTC)
    await world.metering.settle("acme", hold, 80)
    assert (await world.used())["tokens"] == 0
    world.clock.at = datetime(2026, 11, 30, tzinfo=UTC)
    assert (await world.used())["tokens"] == 80


async def test_the_budget_of_a_run_and_the_plan_both_hold_or_neither(engine: AsyncEngine) -> None:
    world = World(engine, file(tokens=PlanLimit(hard=1_000)))
    ledger = StoredLedger(
        database=Database(engine=engine, writing=writing),
        account="acme/run",
        budget=Budget(max_tokens=400),
        allowance=PlanAllowance(metering=world.metering, org="acme", hold_s=60),
    )
    with pytest.raises(Exhausted) as caught:
        await ledger.reserve(Amount(tokens=500))
    assert caught.value.stable_code == "budget_spent"
    hold = await ledger.reserve(Amount(tokens=400))
    await ledger.settle(hold, Amount(tokens=123, cost=Decimal(1)))
    assert await world.used() == {"requests": 1, "tokens": 123, "runs": 0, "seats": 0}
    await world.metering.reserve("acme", 877, hold_s=60)


async def test_plans_that_begin_in_mid_month_know_what_was_used_before(engine: AsyncEngine) -> None:
    world = World(engine, file(requests=PlanLimit(hard=3)))
    decisions = StoredDecisions(database=Database(engine=engine, writing=writing))
    for at, org in ((NOW, "acme"), (NOW, "acme"), (NOW - timedelta(days=40), "acme"), (NOW, "other")):
        await decisions.record(RoutingDecision(at=at, org=org, choice="m", tokens_in=10, tokens_out=5))
    assert (await world.used())["tokens"] == 30
    await world.metering.settle("acme", await world.metering.reserve("acme", 10, hold_s=60), 7)
    assert await world.used() == {"requests": 3, "tokens": 37, "runs": 0, "seats": 0}
    with pytest.raises(PlanExhausted):
        await world.metering.reserve("acme", 10, hold_s=60)


async def test_a_larger_plan_holds_at_once_and_stands_in_the_audit(engine: AsyncEngine) -> None:
    world = World(engine, file(runs=PlanLimit(hard=1)))
    assert [await world.run(), await world.run()] == [True, False]
    await world.store.choose("acme", "team", by="ann")
    assert await world.run()
    assert await world.plan() == ("team", "administrator")
    with pytest.raises(Refused) as caught:
        await world.store.choose("acme", "gone", by="ann")
    assert caught.value.stable_code == "plan_unknown"
    await world.store.choose("acme", "", by="ann")
    assert await world.plan() == ("free", "default")
    assert [(fact.verb, fact.actor, fact.object) for fact in world.journal.facts] == [
        ("plan.set", "ann", "plan:acme"),
        ("plan.changed", "ann", "plan:acme"),
    ] * 2


@pytest.mark.parametrize("sender", SENDERS, ids=lambda each: each.name)
async def test_a_subscription_is_made_changed_unpaid_paid_and_ended(engine: AsyncEngine, sender: Sender) -> None:
    world, at = World(engine, file()), NOW
    assert await world.post(sender, sender.subscription("evt_1", at, state="incomplete")) == (200, "applied")
    assert await world.plan() == ("free", "default")
    await world.post(sender, sender.subscription("evt_2", at + timedelta(seconds=1)))
    assert await world.plan() == ("team", "subscription")
    await world.post(sender, sender.subscription("evt_3", at + timedelta(seconds=2), price="price_small"))
    assert await world.plan() == ("small", "subscription")
    await world.post(sender, sender.subscription("evt_4", at + timedelta(seconds=3)))
    await world.post(sender, sender.invoice("evt_5", at + timedelta(seconds=4), paid=False))
    assert await world.plan() == ("team", "grace")
    world.clock.at += timedelta(days=11)
    assert await world.plan() == ("small", "unpaid")
    await world.post(sender, sender.invoice("evt_6", at + timedelta(days=11), paid=True))
    assert await world.plan() == ("team", "subscription")
    await world.post(sender, sender.subscription("evt_7", at + timedelta(days=12), state="deleted"))
    assert await world.plan() == ("free", "default")
    assert (await world.letters()).count("plan.changed") == 6


@pytest.mark.parametrize("sender", SENDERS, ids=lambda each: each.name)
async def test_a_message_that_comes_twice_or_late_changes_nothing(engine: AsyncEngine, sender: Sender) -> None:
    world = World(engine, file())
    made = sender.subscription("evt_1", NOW)
    answers = await asyncio.gather(*(world.post(sender, made) for _ in range(5)))
    assert sorted(answers) == [(200, "again")] * 4 + [(200, "applied")]
    facts = list(world.journal.facts)
    assert await world.post(sender, made) == (200, "again")
    ended = sender.subscription("evt_3", NOW + timedelta(seconds=60), state="deleted")
    assert await world.post(sender, ended) == (200, "applied")
    # Older than the end, and heard of after it.
    late = sender.subscription("evt_2", NOW + timedelta(seconds=30), price="price_small")
    assert await world.post(sender, late) == (200, "applied")
    assert await world.post(sender, sender.invoice("evt_4", NOW + timedelta(seconds=40), paid=True)) == (200, "applied")
    assert await world.plan() == ("free", "default")
    assert [fact.verb for fact in facts if fact.verb == "plan.changed"] == ["plan.changed"]


@pytest.mark.parametrize("sender", SENDERS, ids=lambda each: each.name)
async def test_what_cannot_be_taken_in_is_refused_and_may_come_again(engine: AsyncEngine, sender: Sender) -> None:
    world = World(engine, file())
    assert await world.post(sender, sender.other("evt_0", NOW)) == (200, "ignored")
    stranger = sender.subscription("evt_1", NOW, customer="cus_stranger")
    assert await world.post(sender, stranger) == (404, "payment_customer_unknown")
    unknown = sender.subscription("evt_2", NOW, price="price_of_next_year")
    assert await world.post(sender, unknown) == (422, "payment_price_unknown")
    assert await world.post(sender, sender.invoice("evt_3", NOW, paid=True, customer="cus_x")) == (
        404,
        "payment_customer_unknown",
    )
    async with reading(engine) as conn:
        assert (await conn.execute(select(PAYMENT_EVENTS))).all() == []
    named = sender.subscription("evt_1", NOW, customer="cus_stranger", org="beta")
    assert await world.post(sender, named) == (200, "applied")
    assert await world.plan("beta") == ("team", "subscription")
    # Known from its subscription now.
    bill = sender.invoice("evt_5", NOW + timedelta(seconds=5), paid=False, customer="cus_stranger")
    assert await world.post(sender, bill) == (200, "applied")
    assert await world.plan("beta") == ("team", "grace")
    assert await world.store.customers(sender.name) == {"acme": "cus_acme", "beta": "cus_stranger"}


@pytest.mark.parametrize("sender", SENDERS, ids=lambda each: each.name)
async def test_nobody_else_is_believed(engine: AsyncEngine, sender: Sender) -> None:
    world = World(engine, file())
    body = sender.subscription("evt_1", NOW)
    hooks = PaymentWebhooks(store=world.store, clock=world.clock)
    message = sender.signed(body, NOW)
    for headers, sent in (({}, body), (message.headers, body + b" "), (message.headers, b"\xff")):
        assert (await hooks.receive(sender.name, headers, sent)).body["code"] == "signature_invalid"
    assert await world.post(sender, body, at=NOW - timedelta(minutes=6)) == (401, "signature_invalid")
    assert (await hooks.receive("paypal", message.headers, body)).body["code"] == "hook_unknown"
    assert await world.plan() == ("free", "default")
    assert await world.post(sender, b'{"id": "evt_1", "id": "evt_2"}') == (422, "request_invalid")


async def test_of_two_subscriptions_the_one_that_is_paid_counts(engine: AsyncEngine) -> None:
    world, sender = World(engine, file()), SENDERS[0]
    await world.post(sender, sender.subscription("evt_1", NOW))
    await world.post(sender, sender.subscription("evt_2", NOW, subscription="sub_2", price="price_small"))
    await world.post(sender, sender.subscription("evt_3", NOW + timedelta(days=1), state="deleted"))
    assert await world.plan() == ("small", "subscription")
