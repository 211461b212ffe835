"""Wiring of models, as the settings and the catalogue have them: chosen, counted, paid for, cached, recorded.

A role gets the models of its strategy; where there is none, the repair engine does the work.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

from opentelemetry.trace import Tracer
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Clock
from database import writing
from domain import Refused
from domain.masking import Masker
from domain.progress import CandidateLoop
from models import Database, Model, ModelProvider, ModelSettings, Provider, Role, SelectionContext
from models.clients import Embedder, ModelEndpoint, Probe, probe
from models.contract import DialectName
from models.dialects import probe_with_dialogues
from models.routing import (
    POLICY_FILE,
    Catalogue,
    ClientOptions,
    EndpointRegistry,
    EndpointSettings,
    FixedModels,
    HeldEntitlement,
    ModelPolicy,
    ModelRegistry,
    ModelRouter,
    ProviderOrder,
    Strategy,
    parse_policy,
    providers_for,
)
from models.wrappers import (
    EmbeddingSimilarity,
    Similarity,
    StoredAnswers,
    StoredCounters,
    StoredDecisions,
    StoredOutcomes,
    StoredVectors,
    WordSimilarity,
)
from sandbox import Check, Store
from service.settings import CoderDialect, Settings
from service.wiring.plans import Plans, ledgers
from service.wiring.recorded_provider import RecordedProvider

ALL = "SIGNOFF_MODEL"
ROLES: tuple[Role, ...] = ("planner", "coder", "reviewer", "chat")
MOST_POLICIES = 500
"""Trees whose policy is known without reading it again."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The installation's policy, tightened by the workspace's, as its base commit has it."""

    store: Store
    ours: ModelPolicy
    known: OrderedDict[str, ModelPolicy] = field(default_factory=OrderedDict[str, ModelPolicy])
    """By the id of the base tree: what lies there never changes. The ones that were used last."""

    async def __call__(self, context: SelectionContext) -> ModelPolicy:
        """Return what holds for this context. Raises Refused ``workspace_policy_invalid``."""
        if not context.tree:
            return self.ours
        if context.tree not in self.known:
            try:
                text = (await self.store.read(context.run, context.tree, POLICY_FILE, 1 << 20)).decode(errors="replace")
            except Refused as problem:
                if problem.stable_code != "file_not_found":
                    raise
                text = ""
            # Tightened and never loosened: the file comes from the repository.
            self.known[context.tree] = self.ours.tightened(parse_policy(text)) if text else self.ours
            if len(self.known) > MOST_POLICIES:
                self.known.popitem(last=False)
        self.known.move_to_end(context.tree)
        return self.known[context.tree]


def open_router(
    settings: Settings,
    catalogue: Catalogue,
    stack: AsyncExitStack,
    *,
    engine: AsyncEngine,
    policy: Callable[[SelectionContext], Awaitable[ModelPolicy]],
    clock: Clock,
    tracer: Tracer,
    masker: Callable[[SelectionContext], Awaitable[Masker]],
    plans: Plans | None = None,
    models: Mapping[Role, Model] | None = None,
) -> ModelRouter:
    """Bring together everything that choosing a model needs. Nothing is sent before somebody asks.

    Raises:
        Refused: ``settings_invalid`` for a model that nobody serves.
    """
    database = Database(engine=engine, writing=writing)
    registry: ModelRegistry = (
        FixedModels(models=models)
        if models is not None
        else EndpointRegistry(
            settings=places(settings, catalogue),
            catalogue=catalogue,
            options=ClientOptions(price=catalogue.price, tracer=tracer, content=settings.trace_content),
            stack=stack,
        )
    )

    # Models that are handed in, as tests do it, are asked each time.
    cached = models is None and settings.model_cache != "off"
    return ModelRouter(
        catalogue=catalogue,
        registry=registry,
        decisions=StoredDecisions(database=database),
        outcomes=StoredOutcomes(database=database),
        counters=StoredCounters(database=database),
        ledger=ledgers(settings, database, clock, plans),
        policy=policy,
        now=clock,
        tracer=tracer,
        answers=StoredAnswers(database=database) if cached else None,
        probes=StoredAnswers(database=database) if models is None else None,
        lifetimes=lifetimes_of(settings),
        similarity=_similarity(settings, database),
        masker=masker,
    )


def lifetimes_of(settings: Settings) -> Mapping[Role, float]:
    """Seconds an answer may be used again.

    A coder's only within its own run (after a crash); people who talk get a new answer each time.
    """
    answers = settings.cache_answers_minutes * 60
    plans = settings.cache_plans_minutes * 60 if settings.model_cache == "similar" else answers
    return {"planner": plans, "coder": answers, "reviewer": answers}


def _similarity(settings: Settings, database: Database) -> Similarity | None:
    """How wishes are compared for the plan cache; None: they are not."""
    if settings.model_cache != "similar":
        return None
    if not settings.model_embedding or not settings.model_base_url:
        return WordSimilarity()
    place = ModelEndpoint(
        base_url=settings.model_base_url, model=settings.model_embedding, api_key=settings.model_api_key
    )
    return EmbeddingSimilarity(Embedder(endpoint=place, store=StoredVectors(database=database)))


def places(settings: Settings, catalogue: Catalogue) -> EndpointSettings:
    """Where models are served, as the settings say. Raises Refused ``settings_invalid``."""
    common = (
        None
        if not settings.model_base_url and not settings.model
        else _endpoint(settings, catalogue, None, settings.model or None, ALL)
    )
    own: dict[Role, ModelEndpoint] = {}
    for role in ROLES:
        url, model = getattr(settings, f"model_{role}_base_url", None), getattr(settings, f"model_{role}", None)
        if url or model:
            own[role] = _endpoint(
                settings, catalogue, url, model or settings.model or None, f"SIGNOFF_MODEL_{role.upper()}"
            )
    return EndpointSettings(default=common, roles=own, keys=settings.model_keys)


def _endpoint(
    settings: Settings, catalogue: Catalogue, url: str | None, model: str | None, named: str
) -> ModelEndpoint:
    """Where a model is asked: where its setting says, else where the catalogue says, else where all are."""
    card = next((card for card in catalogue.models if card.id == model and card.endpoint), None)
    if (
        url is None
        and not (named == ALL and settings.model_base_url)
        and card is not None
        and card.endpoint is not None
    ):
        return ModelEndpoint(base_url=card.endpoint, model=model, api_key=settings.model_keys.get(card.key or ""))
    if not (where := url or settings.model_base_url):
        raise Refused(
            f"The model {model!r} is named, but not where it is served ({named}).",
            code="settings_invalid",
            hint="Set SIGNOFF_MODEL_BASE_URL, e.g. http://127.0.0.1:8000/v1, or give it an endpoint in the catalogue.",
        )
    key = settings.model_keys.get(named.rpartition("_")[2].lower()) if url else None
    return ModelEndpoint(base_url=where, model=model, api_key=key or settings.model_api_key)


async def probe_endpoints(board: ModelRouter) -> tuple[Check, ...]:
    """Ask every endpoint what it serves; each check has one line about it, and what to do when it cannot work."""
    registry = board.registry
    checks: list[Check] = []
    for endpoint in registry.every if isinstance(registry, EndpointRegistry) else ():
        seen = await probe(endpoint)
        checks.append(Check(name="model", ok=seen.ok, detail=seen.line(), hint=seen.hint))
    return tuple(checks)


async def probe_dialects(board: ModelRouter) -> tuple[Probe, ...]:
    """Ask every endpoint what it serves, talk with its model, and keep in which dialect it passed."""
    registry = board.registry
    probes: list[Probe] = []
    for endpoint in registry.every if isinstance(registry, EndpointRegistry) else ():
        seen = await probe_with_dialogues(endpoint)
        if seen.dialect is not None and seen.model is not None:
            await board.note_probed(endpoint.base_url, seen.model, seen.dialect)
        probes.append(seen)
    return tuple(probes)


async def masker_of(of_run: Callable[[str], Awaitable[Masker]], personal: bool, context: SelectionContext) -> Masker:
    """What may not be shown to a model, by the repository of a run; a chat has none."""
    return await of_run(context.run) if context.tree else Masker(personal=personal)


CODER, REPAIR = "coder", "repair"
WARMER, HOTTEST = 0.3, 1.0
"""By how much the temperature rises from one loop of the same model to the next, and up to which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSelection:
    """Which models and providers a run gets in this process; without any model, the repair engine."""

    board: ModelRouter
    repair: Provider
    timeout_s: float = 300.0
    coder_dialect: CoderDialect = "auto"

    @property
    def catalogue(self) -> Catalogue:
        return self.board.catalogue

    def _strategy(self, context: SelectionContext) -> Strategy:
        return self.catalogue.strategy(context.task.strategy)

    async def admit(self, context: SelectionContext) -> None:
        """See ``Roster.admit``: an unknown strategy or standing, a broken policy, a policy that leaves nobody."""
        strategy, _ = self._strategy(context), self._entitlement(context)
        policy = await self.board.policy(context)
        turn = self._turn(context, strategy)
        if not await self._who(turn, context) and await self.last_resort(context) is None:
            allowed = "" if policy.allows(REPAIR) else " The built-in repair engine is not allowed either."
            raise Refused(
                f"The policy leaves nobody who could propose a change.{allowed}",
                code="policy_forbids_all",
                hint="Allow a provider or `repair` in .signoff/policy.yaml of the base commit.",
            )

    async def model(
        self, role: Role, context: SelectionContext, *, provider: str = "", look: bool = True
    ) -> Model | None:
        """See ``Roster.model``: where the policy leaves no model, a run goes on as if there were none."""
        if role in self._strategy(context).spares or not self.board.registry.any(role):
            return None
        if await self._forbidden(role, context, look=look):
            return None
        return self.board.model(role, context, provider=provider or None)

    async def _any_coder(self, context: SelectionContext, *, look: bool = True) -> bool:
        return self.board.registry.any(CODER) and not await self._forbidden(CODER, context, look=look)

    async def _forbidden(self, role: Role, context: SelectionContext, *, look: bool) -> bool:
        """Whether policy and standing allow none of the models for a role. What settings name is for everybody."""
        policy, cards = await self.board.policy(context), await self.board.registry.cards(role, look=look)
        entitlement = self._entitlement(context).entitlement
        mine = [card for card in cards.all if card in cards.named or entitlement.allows(card.tier)]
        return not any(policy.allows(card.provider, card.id) for card in mine)

    def _entitlement(self, context: SelectionContext) -> HeldEntitlement:
        return self.catalogue.entitlement_of(context.org, context.task.requester, context.task.standing)

    def settings(self, role: Role) -> ModelSettings:
        return self.catalogue.settings(role, timeout_s=self.timeout_s)

    async def would_ask(self, context: SelectionContext, *, look: bool) -> tuple[ProviderOrder, tuple[str, ...]]:
        """Who would propose a change, by the rule that says so; for people who want to know."""
        turn = self._turn(context, self._strategy(context))
        return turn, tuple(provider.name for provider in await self._who(turn, context, look=look))

    async def providers(self, context: SelectionContext) -> Sequence[Provider]:
        """See ``Roster.providers``: by the strategy, else by the rule for the kind of failure (F2)."""
        strategy = self._strategy(context)
        return await self._who(self._turn(context, strategy), context)

    def _turn(self, context: SelectionContext, strategy: Strategy) -> ProviderOrder:
        if strategy.providers:
            return ProviderOrder(
                providers=strategy.providers, reason=f"Strategy {context.task.strategy} names the providers."
            )
        # Failing tests before anything was tried are what the coder is asked for; what does not even build, or whose
        # types are wrong, has its rule from the start.
        known = context.failure if context.attempt > 1 or context.failure != "tests" else None
        return providers_for(known, self.catalogue)

    async def _who(self, turn: ProviderOrder, context: SelectionContext, *, look: bool = True) -> tuple[Provider, ...]:
        policy = await self.board.policy(context)
        names = turn.providers if await self._any_coder(context, look=look) else (REPAIR,)
        providers: list[Provider] = []
        for name in names:
            if name == REPAIR:
                providers += [self._repairing(context, turn.reason)] if policy.allows(REPAIR) else []
            elif (provider := await self._asking(name, context, turn.reason, look=look)) is not None:
                providers.append(provider)
        return tuple(providers[: self._strategy(context).candidates])

    async def _asking(self, name: str, context: SelectionContext, reason: str, *, look: bool) -> Provider | None:
        """A model as a provider; None when the policy leaves nobody."""
        provider = None if name == CODER else name
        model = self.board.model(CODER, context, provider=provider, reason=reason)
        route, _ = await model.chosen((), self.settings(CODER), look=look)
        if not route.choices and all("policy" in why or "not of" in why for why in route.passed_over):
            return None
        if not route.choices:
            return ModelProvider(model=model)
        first = route.choices[0]
        return ModelProvider(model=replace(model, called=first.asked_as), form=first.card.code_form)

    def _repairing(self, context: SelectionContext, reason: str) -> Provider:
        return RecordedProvider(provider=self.repair, board=self.board, context=context, reason=reason)

    async def last_resort(self, context: SelectionContext) -> Provider | None:
        """See ``Roster.last_resort``: the repair engine answers when no endpoint does."""
        strategy = self._strategy(context)
        if not strategy.last_resort or not await self._any_coder(context):
            return None
        policy = await self.board.policy(context)
        return self._repairing(context, "No model answered.") if policy.allows(REPAIR) else None

    async def loops(self, context: SelectionContext) -> tuple[CandidateLoop, ...]:
        """See ``Roster.loops``: the models that the strategy names in turn, each time a little less predictable."""
        strategy = self._strategy(context)
        if strategy.loops == 1:
            return ()
        order = self._turn(context, strategy)
        names: list[str] = []
        for name in order.providers:
            if name != REPAIR and await self._asking(name, context, order.reason, look=True) is not None:
                provider = "" if name == CODER else name
                if await self.dialect(CODER, context, provider=provider) != "single":
                    names.append(provider)
        if not names:
            return ()
        usual = self.settings(CODER).temperature
        return tuple(
            CandidateLoop(
                id=f"candidate-{number + 1}",
                provider=names[number % len(names)],
                temperature=min(HOTTEST, usual + WARMER * (number // len(names))),
            )
            for number in range(strategy.loops)
        )

    async def team(self, context: SelectionContext) -> int:
        """See ``Roster.team``: what the task says, else the strategy. The repair engine knows no steps to share."""
        if not context.task.pipeline or await self.model(CODER, context) is None:
            return 0
        return context.task.team or self._strategy(context).team

    async def dialect(self, role: Role, context: SelectionContext, *, provider: str = "") -> DialectName:
        """See ``Roster.dialect``: what the settings say, else what the model is known to hold.

        Where the repair engine comes first, there is nobody to have a conversation with.
        """
        order = self._turn(context, self._strategy(context))
        # It takes a whole task and gives a whole change.
        if order.providers[:1] == (REPAIR,) or await self.model(role, context) is None:
            return "single"
        if self.coder_dialect != "auto":
            return self.coder_dialect
        return await self.board.model(role, context, provider=provider or None).dialect()

    def choose_expert(self, text: str, paths: Sequence[str]) -> str:
        return self.catalogue.choose_expert(text, paths).id

    def expert_prompt(self, expert: str) -> str:
        return self.catalogue.expert(expert).prompt
