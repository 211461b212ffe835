"""Routed model: chooses anew for each question whom to ask, and leaves a row about it (D2, D3, E1, F3, G7)."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar, get_args

from opentelemetry import trace
from opentelemetry.trace import Tracer

from domain.evidence import FailureKind
from domain.masking import Masker
from models.contract import (
    DialectName,
    Message,
    ModelSettings,
    Question,
    Reply,
    Role,
    SelectionContext,
    Tool,
)
from models.policy import HeldEntitlement, ModelPolicy
from models.routing.catalogue import KIND_OF, Catalogue, ModelCard, ModelCards
from models.routing.endpoints import ModelRegistry, around_choice
from models.routing.router import (
    Circumstances,
    RankedModel,
    Route,
    choose,
    no_model_error,
    quotas_for,
    route_request,
)
from models.wrappers.cache import AnswerStore, Cached, SimilarAnswers, Similarity, key_of
from models.wrappers.limits import Counters, Ledger
from models.wrappers.outcomes import RunOutcomes, SuccessRate
from models.wrappers.usage_log import CallReason, Decisions, RoutingDecision, UsageTotal

T = TypeVar("T")
PROBE_KEPT_S = 365 * 86_400.0
"""What a model can do changes when another one is served under its name: then it is probed again."""
HOUR = timedelta(hours=1)
FRESH_S = 20.0
"""So long what decisions and runs came to is not read again."""
MaskerOf = Callable[[SelectionContext], Awaitable[Masker]]
"""The masker of the repository that a question is about."""


async def by_form(_: SelectionContext) -> Masker:
    """Whatever the repository: by the form of secrets and the names they are given to."""
    return Masker()


async def masked(masker_of: MaskerOf, context: SelectionContext, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages as an endpoint may read them."""
    masker = await masker_of(context)

    def shown(value: Any) -> Any:
        match value:
            case str():
                return masker.text(value)
            case list():
                return [shown(item) for item in value]
            case dict():
                return {masker.text(str(key)): shown(item) for key, item in value.items()}
            case _:
                return value

    def one(message: Message) -> Message:
        if not message.tool_calls:
            content = masker.text(message.content)
            return message if content == message.content else replace(message, content=content)
        return replace(
            message,
            content=masker.text(message.content),
            tool_calls=tuple(
                replace(call, arguments=shown(call.arguments), raw=masker.text(call.raw), wrong=masker.text(call.wrong))
                for call in message.tool_calls
            ),
        )

    return tuple(map(one, messages))


@dataclass(slots=True)
class RecentUsage:
    """What the models did in the last hour, by an organisation's decisions; it decides between equals (E3)."""

    read_at: dict[str, float] = field(default_factory=dict[str, float])
    totals: dict[str, tuple[UsageTotal, ...]] = field(default_factory=dict[str, tuple[UsageTotal, ...]])

    async def __call__(self, decisions: Decisions, org: str, now: datetime) -> tuple[UsageTotal, ...]:
        """Return what each model did; read again after ``FRESH_S``."""
        if time.monotonic() - self.read_at.get(org, float("-inf")) > FRESH_S:
            self.totals[org] = tuple(await decisions.usage(org, since=now - HOUR))
            self.read_at[org] = time.monotonic()
        return self.totals[org]


@dataclass(slots=True)
class RecentOutcomes:
    """What came of an organisation's newest runs, by the kind of failure; it orders those who may be asked (E3)."""

    read_at: dict[tuple[str, FailureKind], float] = field(default_factory=dict[tuple[str, FailureKind], float])
    rates: dict[tuple[str, FailureKind], tuple[SuccessRate, ...]] = field(
        default_factory=dict[tuple[str, FailureKind], tuple[SuccessRate, ...]]
    )

    async def __call__(self, outcomes: RunOutcomes | None, org: str, failure: FailureKind) -> tuple[SuccessRate, ...]:
        """Return how each model did; read again after ``FRESH_S``."""
        key = (org, failure)
        if outcomes is not None and time.monotonic() - self.read_at.get(key, float("-inf")) > FRESH_S:
            self.rates[key] = tuple(await outcomes.rates(org, failure))
            self.read_at[key] = time.monotonic()
        return self.rates.get(key, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRouter:
    """What choosing a model needs, once for the process."""

    catalogue: Catalogue
    registry: ModelRegistry
    decisions: Decisions
    counters: Counters
    ledger: Callable[[SelectionContext], Ledger]
    policy: Callable[[SelectionContext], Awaitable[ModelPolicy]]
    """The installation's and the workspace's together."""
    now: Callable[[], datetime]
    answers: AnswerStore | None = None
    """None: every question is asked."""
    probes: AnswerStore | None = None
    """Keeps in which dialects models passed their probe; None: it is forgotten."""
    lifetimes: Mapping[Role, float] = field(default_factory=dict[Role, float])
    """Seconds an answer may be used again; roles that are not named are always asked."""
    similarity: Similarity | None = None
    """Compares tasks for the plan cache; None: only the very same question has the same answer."""
    tracer: Tracer = field(default_factory=lambda: trace.get_tracer("signoff.models"))
    recent: RecentUsage = field(default_factory=RecentUsage, repr=False)
    outcomes: RunOutcomes | None = None
    """What the router learns from; None: nothing."""
    learned: RecentOutcomes = field(default_factory=RecentOutcomes, repr=False)
    masker: MaskerOf = by_form
    """Masks what is asked: nothing goes to an endpoint that it was not shown first."""

    async def dialect_of(self, card: ModelCard, asked_as: str) -> DialectName:
        """How the coder works with a model: as its card says, as it was probed, as its name is known; else at once."""
        if card.dialect is not None:
            return card.dialect
        probed = await self.probed(card.endpoint, asked_as)
        return probed or self.catalogue.dialect_of(card.id) or "single"

    async def probed(self, endpoint: str | None, model: str) -> DialectName | None:
        """What a probe found out about a model; None: it was not probed."""
        text = await self.probes.get(key_of("dialect", endpoint or "", model)) if self.probes is not None else None
        return next((name for name in get_args(DialectName) if name == text), None)

    async def note_probed(self, endpoint: str, model: str, dialect: DialectName) -> None:
        """Keep what a probe found out, for all processes."""
        if self.probes is not None:
            await self.probes.put(key_of("dialect", endpoint, model), dialect, for_s=PROBE_KEPT_S)

    def model(
        self, role: Role, context: SelectionContext, *, provider: str | None = None, reason: str = ""
    ) -> "Routed":
        """The model for a role and a run. ``provider``: of no other one. ``reason``: why this role was taken."""
        return Routed(router=self, role=role, context=context, provider=provider, reason=reason)

    async def circumstances(self, context: SelectionContext, cards: ModelCards) -> Circumstances:
        """What a choice among these depends on now."""
        return Circumstances(
            policy=await self.policy(context),
            health=dict(self.registry.health(cards.all)),
            recent=await self.recent(self.decisions, context.org, self.now()),
            money_left=context.task.budget.max_cost - context.spent.cost,
            rates=await self.learned(self.outcomes, context.org, context.red),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Ask the model that the router chooses, then the next one, each within its quota and the run's budget."""

    router: ModelRouter
    role: Role
    context: SelectionContext
    provider: str | None = None
    reason: str = ""
    called: str = ""

    @property
    def name(self) -> str:
        """The first choice, where it is known already; else the provider that is asked for, or the role."""
        return self.called or self.provider or self.role

    @property
    def _entitlement(self) -> HeldEntitlement:
        task = self.context.task
        return self.router.catalogue.entitlement_of(self.context.org, task.requester, task.standing)

    async def chosen(
        self, messages: Sequence[Message], settings: ModelSettings, *, look: bool = True, tools: Sequence[Tool] = ()
    ) -> tuple[Route, Circumstances]:
        """Whom it would ask, without asking. ``look``: whether endpoints may be asked what they serve."""
        router = self.router
        request = route_request(
            self.role,
            self.context,
            router.catalogue.strategy(self.context.task.strategy),
            messages,
            settings,
            provider=self.provider,
            entitlement=self._entitlement,
            tools=tools,
        )
        cards = await router.registry.cards(self.role, look=look)
        now = await router.circumstances(self.context, cards)
        return choose(request, cards, router.catalogue, now), now

    async def dialect(self) -> DialectName:
        """How the coder works with the model that would be asked."""
        router = self.router
        order, _ = await self.chosen((), router.catalogue.settings(self.role))
        if not order.choices:
            return "single"
        return await router.dialect_of(order.choices[0].card, order.choices[0].asked_as)

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``.

        Raises:
            Refused: ``policy_forbids_all``, ``llm_none``: no model may be asked, or there is none.
        """
        # Masked first: what is cached, counted, traced and sent is what an endpoint may read.
        messages = await masked(self.router.masker, self.context, question.messages)
        question = replace(question, messages=messages)
        order, now = await self.chosen(question.messages, question.settings, tools=question.tools)
        first = order.choices[0] if order.choices else None
        # A span that says whom, and why; it takes no time.
        with self.router.tracer.start_as_current_span(f"route {self.role}") as span:
            span.set_attributes(
                {
                    "app.route.choice": "" if first is None else first.asked_as,
                    "app.route.candidates": [choice.asked_as for choice in order.choices],
                    "app.route.passed_over": list(order.passed_over),
                    "app.route.reason": f"{self.reason} {order.reason}".strip(),
                    "app.strategy": self.context.task.strategy,
                }
            )
        if first is None:
            problem = no_model_error(self.role, order, self.router.registry.failures())
            await self._note(order, "nobody", problem.stable_code)
            raise problem
        router = self.router
        models = [
            around_choice(
                await router.registry.open(self.role, choice.card, choice.asked_as),
                ledger=router.ledger(self.context),
                price=choice.card.price,
                quotas=quotas_for(self.context, now.policy, self._entitlement, choice.card),
                counters=router.counters,
                decisions=router.decisions,
                why=partial(self._why, order, choice),
                now=router.now,
            )
            for choice in order.choices
        ]
        model = router.registry.as_one(tuple(models))
        keep_s = router.lifetimes.get(self.role, 0.0)
        if router.answers is None or keep_s <= 0:
            return await model.ask(question)
        similar = self._similar(question, first)
        cached = Cached(model=model, answers=router.answers, org=self._readers(), keep_s=keep_s, similar=similar)
        reply = await cached.ask(question)
        if reply.finish == "cached":
            await self._note(order, first.asked_as, "cached")
        return reply

    def _similar(self, question: Question[T], first: RankedModel) -> SimilarAnswers | None:
        """A first plan may be the plan of another task with the same aim, on the same files, with the same proof."""
        context, similarity = self.context, self.router.similarity
        if similarity is None or self.role != "planner" or context.attempt > 1 or not context.tree:
            return None
        # All that makes a plan another one, but for the words of the task.
        group = key_of(
            self._readers(),
            context.tree,
            context.expert,
            context.task.accept or "",
            first.asked_as,
            question.answer.__name__,
            str(question.settings.temperature),
            str(question.settings.max_tokens),
        )
        return SimilarAnswers(group=group, words=context.task.text, similarity=similarity)

    def _readers(self) -> str:
        """Who may get the same answer. A coder's is for its own run: trying again there must be worth something."""
        run = self.context.run if self.role == "coder" else ""
        return f"{self.context.org}\0{run}"

    def _why(self, order: Route, choice: RankedModel) -> CallReason:
        place = order.choices.index(choice)
        reason = order.reason if place == 0 else f"{order.choices[0].asked_as} did not answer. {order.reason}"
        return CallReason(
            org=self.context.org,
            run=self.context.run,
            user=self.context.task.requester,
            role=self.role,
            kind=KIND_OF[self.role],
            tier=choice.card.tier,
            strategy=self.context.task.strategy,
            candidates=tuple(each.asked_as for each in order.choices[:50]),
            choice=choice.asked_as,
            reason=f"{self.reason} {reason}".strip(),
        )

    async def _note(self, order: Route, choice: str, outcome: str) -> None:
        """Leave a row about a question that was not sent."""
        await self.router.decisions.record(
            RoutingDecision(
                at=self.router.now(),
                org=self.context.org,
                run=self.context.run,
                user=self.context.task.requester,
                role=self.role,
                kind=KIND_OF[self.role],
                tier=order.choices[0].card.tier if order.choices else "",
                strategy=self.context.task.strategy,
                candidates=tuple(each.asked_as for each in order.choices[:50]),
                choice=choice,
                reason=" ".join([order.reason, *order.passed_over])[:2_000],
                outcome=outcome,
            )
        )
