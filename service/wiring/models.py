"""Who does which job: models by role and strategy, the repair engine where there is none."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain import Refused, SignoffError
from models import Bench, ChangeRequest, Model, ModelProvider, ModelSettings, Proposal, Provider, Role, SelectionContext
from models.contract import Listener
from models.routing import Catalogue, HeldEntitlement, ModelRouter, ProviderOrder, Strategy, providers_for
from models.wrappers import RoutingDecision

CODER, REPAIR = "coder", "repair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The roster of one process. Without models everybody's work falls to the repair engine."""

    board: ModelRouter
    repair: Provider
    timeout_s: float = 300.0

    @property
    def catalogue(self) -> Catalogue:
        return self.board.catalogue

    def _strategy(self, errand: SelectionContext) -> Strategy:
        return self.catalogue.strategy(errand.task.strategy)

    async def admit(self, errand: SelectionContext) -> None:
        """See ``Roster.admit``: an unknown strategy or standing, a broken policy, a policy that leaves nobody."""
        strategy, _ = self._strategy(errand), self._entitlement(errand)
        policy = await self.board.policy(errand)
        turn = self._turn(errand, strategy)
        if not await self._who(turn, errand) and await self.last_resort(errand) is None:
            allowed = "" if policy.allows(REPAIR) else " The built-in repair engine is not allowed either."
            raise Refused(
                f"The policy leaves nobody who could propose a change.{allowed}",
                code="policy_forbids_all",
                hint="Allow a provider or `repair` in .signoff/policy.yaml of the base commit.",
            )

    async def model(self, role: Role, errand: SelectionContext, *, look: bool = True) -> Model | None:
        """See ``Roster.model``: where the policy leaves no model, a run goes on as if there were none."""
        if role in self._strategy(errand).spares or not self.board.registry.any(role):
            return None
        return None if await self._forbidden(role, errand, look=look) else self.board.model(role, errand)

    async def _any_coder(self, errand: SelectionContext, *, look: bool = True) -> bool:
        return self.board.registry.any(CODER) and not await self._forbidden(CODER, errand, look=look)

    async def _forbidden(self, role: Role, errand: SelectionContext, *, look: bool) -> bool:
        """Whether policy and standing allow none of the models for a role. What settings name is for everybody."""
        policy, cards = await self.board.policy(errand), await self.board.registry.cards(role, look=look)
        entitlement = self._entitlement(errand).entitlement
        mine = [card for card in cards.all if card in cards.named or entitlement.allows(card.tier)]
        return not any(policy.allows(card.provider, card.id) for card in mine)

    def _entitlement(self, errand: SelectionContext) -> HeldEntitlement:
        return self.catalogue.entitlement_of(errand.org, errand.task.requester, errand.task.standing)

    def settings(self, role: Role) -> ModelSettings:
        return self.catalogue.settings(role, timeout_s=self.timeout_s)

    async def would_ask(self, errand: SelectionContext, *, look: bool) -> tuple[ProviderOrder, tuple[str, ...]]:
        """Who would propose a change, by the rule that says so; for people who want to know."""
        turn = self._turn(errand, self._strategy(errand))
        return turn, tuple(provider.name for provider in await self._who(turn, errand, look=look))

    async def providers(self, errand: SelectionContext) -> Sequence[Provider]:
        """See ``Roster.providers``: by the strategy, else by the rule for the kind of failure (F2)."""
        strategy = self._strategy(errand)
        return await self._who(self._turn(errand, strategy), errand)

    def _turn(self, errand: SelectionContext, strategy: Strategy) -> ProviderOrder:
        if strategy.providers:
            return ProviderOrder(
                providers=strategy.providers, reason=f"Strategy {errand.task.strategy} names the providers."
            )
        return providers_for(errand.failure if errand.attempt > 1 else None, self.catalogue)

    async def _who(self, turn: ProviderOrder, errand: SelectionContext, *, look: bool = True) -> tuple[Provider, ...]:
        policy = await self.board.policy(errand)
        wanted = turn.providers if await self._any_coder(errand, look=look) else (REPAIR,)
        found: list[Provider] = []
        for name in wanted:
            if name == REPAIR:
                found += [self._repairing(errand, turn.reason)] if policy.allows(REPAIR) else []
            elif (provider := await self._asking(name, errand, turn.reason, look=look)) is not None:
                found.append(provider)
        return tuple(found[: self._strategy(errand).candidates])

    async def _asking(self, name: str, errand: SelectionContext, reason: str, *, look: bool) -> Provider | None:
        """A model as a provider; None when the policy leaves nobody."""
        provider = None if name == CODER else name
        model = self.board.model(CODER, errand, provider=provider, reason=reason)
        found, _ = await model.chosen((), self.settings(CODER), look=look)
        if not found.choices and all("policy" in why or "not of" in why for why in found.passed_over):
            return None
        return ModelProvider(model=replace(model, called=found.choices[0].asked_as) if found.choices else model)

    def _repairing(self, errand: SelectionContext, reason: str) -> Provider:
        return Noted(provider=self.repair, board=self.board, errand=errand, reason=reason)

    async def last_resort(self, errand: SelectionContext) -> Provider | None:
        """See ``Roster.last_resort``: the repair engine answers when no endpoint does."""
        strategy = self._strategy(errand)
        if not strategy.last_resort or not await self._any_coder(errand):
            return None
        policy = await self.board.policy(errand)
        return self._repairing(errand, "No model answered.") if policy.allows(REPAIR) else None

    def choose_expert(self, text: str, paths: Sequence[str]) -> str:
        return self.catalogue.choose_expert(text, paths).id

    def expert_prompt(self, expert: str) -> str:
        return self.catalogue.expert(expert).prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A provider that is no model, with a row for each time it is asked."""

    provider: Provider
    board: ModelRouter
    errand: SelectionContext
    reason: str

    @property
    def name(self) -> str:
        return self.provider.name

    async def propose(self, job: ChangeRequest, bench: Bench, *, listener: Listener | None = None) -> Proposal:
        """See ``Provider.propose``."""
        started, outcome = time.monotonic(), "answered"
        try:
            return await self.provider.propose(job, bench, listener=listener)
        except SignoffError as error:
            outcome = error.stable_code
            raise
        finally:
            task = self.errand.task
            await self.board.decisions.record(
                RoutingDecision(
                    at=self.board.now(),
                    org=self.errand.org,
                    run=self.errand.run,
                    user=task.requester,
                    role=CODER,
                    kind="fix",
                    strategy=task.strategy,
                    choice=self.name,
                    candidates=(self.name,),
                    reason=self.reason,
                    latency_ms=(time.monotonic() - started) * 1_000,
                    outcome=outcome,
                )
            )
