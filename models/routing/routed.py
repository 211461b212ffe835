"""A model that decides anew for each question whom to ask, and leaves a row about it (D2, D3, E1, F3, G7)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from opentelemetry import trace
from opentelemetry.trace import Tracer

from models.contract import Errand, Heard, Message, Model, Reply, Role, Settings
from models.policy import WorkspacePolicy
from models.routing.catalogue import KIND_OF, Catalogue
from models.routing.endpoints import Cards, Seats
from models.routing.entitlements import Stands
from models.routing.router import Chosen, Route
from models.routing.selection import Circumstances, Lately, choose, counted, nobody, question
from models.wrappers.budget import Budgeted, Ledger
from models.wrappers.cache import Alike, Cached, Shelf, Wording, shelf_name
from models.wrappers.quota import Counters, Quota
from models.wrappers.usage_log import Decision, Decisions, Recorded, Why

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switchboard:
    """What choosing needs, once for the process."""

    catalogue: Catalogue
    seats: Seats
    decisions: Decisions
    counters: Counters
    ledger: Callable[[Errand], Ledger]
    policy: Callable[[Errand], Awaitable[WorkspacePolicy]]
    """The installation's and the workspace's together."""
    now: Callable[[], datetime]
    shelf: Shelf | None = None
    """None: every question is asked."""
    lifetimes: Mapping[Role, float] = field(default_factory=dict[Role, float])
    """Seconds an answer may be used again; roles that are not named are always asked."""
    wording: Wording | None = None
    """Compares wishes for the plan cache; None: only the very same question has the same answer."""
    tracer: Tracer = field(default_factory=lambda: trace.get_tracer("signoff.models"))
    lately: Lately = field(default_factory=Lately, repr=False)

    def model(self, role: Role, errand: Errand, *, provider: str | None = None, reason: str = "") -> "Routed":
        """The model for a role and an errand. ``provider``: of nobody else. ``reason``: why this role was taken."""
        return Routed(board=self, role=role, errand=errand, provider=provider, because=reason)

    async def circumstances(self, errand: Errand, cards: Cards) -> Circumstances:
        """What a choice among these depends on now."""
        left = errand.task.budget.max_cost - errand.spent.cost
        return Circumstances(
            policy=await self.policy(errand), health=dict(self.seats.health(cards.all)),
            lately=await self.lately(self.decisions, errand.org, self.now()), money_left=left,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Ask whom the router chooses, then the next one, each within its quota and the run's budget."""

    board: Switchboard
    role: Role
    errand: Errand
    provider: str | None = None
    because: str = ""
    called: str = ""

    @property
    def name(self) -> str:
        """Who is asked first, where somebody looked; else the provider that is asked for, or the role."""
        return self.called or self.provider or self.role

    @property
    def _stands(self) -> Stands:
        task = self.errand.task
        return self.board.catalogue.stands(self.errand.org, task.requester, task.standing)

    async def chosen(
        self, messages: Sequence[Message], settings: Settings, *, look: bool = True
    ) -> tuple[Route, Circumstances]:
        """Whom it would ask, without asking anybody. ``look``: whether endpoints may be asked what they serve."""
        board = self.board
        strategy = board.catalogue.strategy(self.errand.task.strategy)
        ask = question(
            self.role, self.errand, strategy, messages, settings, provider=self.provider, stands=self._stands
        )
        cards = await board.seats.cards(self.role, look=look)
        now = await board.circumstances(self.errand, cards)
        return choose(ask, cards, board.catalogue, now), now

    async def ask(
        self, messages: Sequence[Message], answer: type[T], *, settings: Settings, heard: Heard | None = None
    ) -> Reply[T]:
        """See ``Model.ask``.

        Raises:
            Refused: ``policy_forbids_all``, ``llm_none``: nobody may be asked, or there is nobody.
        """
        found, now = await self.chosen(messages, settings)
        self._trace(found)
        if not found.choices:
            problem = nobody(self.role, found)
            await self._note(found, "nobody", problem.stable_code)
            raise problem
        board, first = self.board, found.choices[0]
        models = tuple([await self._dressed(choice, found, now) for choice in found.choices])
        model = board.seats.dependable(models)
        keep_s = board.lifetimes.get(self.role, 0.0)
        if board.shelf is None or keep_s <= 0:
            return await model.ask(messages, answer, settings=settings, heard=heard)
        alike = self._alike(answer, settings, first)
        cached = Cached(model=model, shelf=board.shelf, org=self._readers(), keep_s=keep_s, similar=alike)
        reply = await cached.ask(messages, answer, settings=settings, heard=heard)
        if reply.finish == "cached":
            await self._note(found, first.asked_as, "cached")
        return reply

    def _alike(self, answer: type, settings: Settings, first: Chosen) -> Alike | None:
        """A first plan may be somebody's plan for the same wish, on the same files, proved by the same command."""
        errand, wording = self.errand, self.board.wording
        if wording is None or self.role != "planner" or errand.attempt > 1 or not errand.tree:
            return None
        task = errand.task
        shelf = shelf_name(
            self._readers(), errand.tree, errand.expert, task.accept or "", first.asked_as, answer.__name__,
            str(settings.temperature), str(settings.max_tokens),
        )  # fmt: skip
        return Alike(shelf=shelf, words=task.text, wording=wording)

    def _readers(self) -> str:
        """Who may get the same answer. A coder's is for its own run: trying again there must be worth something."""
        run = self.errand.run if self.role == "coder" else ""
        return f"{self.errand.org}\0{run}"

    async def _dressed(self, choice: Chosen, found: Route, now: Circumstances) -> Model:
        """One model with all that stands around it for this run: its row, its part of the budget, its quotas."""
        model = await self.board.seats.open(self.role, choice.card, choice.asked_as)
        model = Budgeted(model=model, ledger=self.board.ledger(self.errand), price=choice.card.price)
        for each in counted(self.errand, now.policy, self._stands, choice.card):
            model = Quota(model=model, limits=each.limits, counters=self.board.counters, counted_as=each.name,
                          called=each.called, clock=lambda: self.board.now().timestamp())  # fmt: skip
        return Recorded(model=model, decisions=self.board.decisions, why=lambda: self._why(found, choice),
                        clock=self.board.now)  # fmt: skip

    def _why(self, found: Route, choice: Chosen) -> Why:
        place = found.choices.index(choice)
        reason = found.reason if place == 0 else f"{found.choices[0].asked_as} did not answer. {found.reason}"
        return Why(
            org=self.errand.org, run=self.errand.run, user=self.errand.task.requester, role=self.role,
            kind=KIND_OF[self.role], tier=choice.card.tier, strategy=self.errand.task.strategy,
            candidates=tuple(each.asked_as for each in found.choices[:50]), choice=choice.asked_as,
            reason=f"{self.because} {reason}".strip(),
        )  # fmt: skip

    async def _note(self, found: Route, choice: str, outcome: str) -> None:
        """Leave a row about a question that was not sent."""
        await self.board.decisions.record(
            Decision(
                at=self.board.now(), org=self.errand.org, run=self.errand.run, user=self.errand.task.requester,
                role=self.role, kind=KIND_OF[self.role], strategy=self.errand.task.strategy, choice=choice,
                tier=found.choices[0].card.tier if found.choices else "", outcome=outcome,
                candidates=tuple(each.asked_as for each in found.choices[:50]),
                reason=" ".join([found.reason, *found.passed_over])[:2_000],
            )
        )  # fmt: skip

    def _trace(self, found: Route) -> None:
        """A span that says whom, and why; it takes no time."""
        with self.board.tracer.start_as_current_span(f"route {self.role}") as span:
            span.set_attributes(
                {
                    "app.route.choice": found.choices[0].asked_as if found.choices else "",
                    "app.route.candidates": [choice.asked_as for choice in found.choices],
                    "app.route.passed_over": list(found.passed_over),
                    "app.route.reason": f"{self.because} {found.reason}".strip(),
                    "app.strategy": self.errand.task.strategy,
                }
            )
