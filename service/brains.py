"""The models of a process, as the settings and the catalogue have them: chosen, counted, paid for, kept."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from opentelemetry.trace import Tracer
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Clock, writing
from domain import Refused
from domain.masking import Masker
from models import Database, Model, Role, SelectionContext
from models.clients import Embedder, ModelEndpoint, probe
from models.routing import (
    POLICY_FILE,
    Catalogue,
    ClientOptions,
    EndpointRegistry,
    EndpointSettings,
    FixedModels,
    ModelPolicy,
    ModelRegistry,
    ModelRouter,
    parse_policy,
)
from models.wrappers import (
    EmbeddingSimilarity,
    Similarity,
    StoredAnswers,
    StoredCounters,
    StoredDecisions,
    StoredLedger,
    WordSimilarity,
)
from sandbox import Check, Store
from service.settings import Settings

ALL = "SIGNOFF_MODEL"
ROLES: tuple[Role, ...] = ("planner", "coder", "reviewer", "chat")
LIFETIMES: Mapping[Role, float] = {"planner": 3_600.0, "coder": 3_600.0, "reviewer": 3_600.0}
"""Seconds an answer may be used again. A coder's only within its own run (after a crash); people who talk get a
new answer each time."""


@dataclass(frozen=True, slots=True)
class Policies:
    """The installation's policy, tightened by the workspace's, as its base commit has it."""

    store: Store
    ours: ModelPolicy
    known: dict[str, ModelPolicy] = field(default_factory=dict[str, ModelPolicy])
    """By the id of the base tree: what lies there never changes."""

    async def __call__(self, errand: SelectionContext) -> ModelPolicy:
        """Return what holds for this errand. Raises Refused ``workspace_policy_invalid``."""
        if not errand.tree:
            return self.ours
        if errand.tree not in self.known:
            try:
                text = (await self.store.read(errand.run, errand.tree, POLICY_FILE, 1 << 20)).decode(errors="replace")
            except Refused as problem:
                if problem.stable_code != "file_not_found":
                    raise
                text = ""
            self.known[errand.tree] = self.ours.tightened(parse_policy(text)) if text else self.ours
        return self.known[errand.tree]


def open_board(
    settings: Settings,
    catalogue: Catalogue,
    stack: AsyncExitStack,
    *,
    engine: AsyncEngine,
    policy: Callable[[SelectionContext], Awaitable[ModelPolicy]],
    clock: Clock,
    tracer: Tracer,
    masker: Callable[[SelectionContext], Awaitable[Masker]],
    given: Mapping[Role, Model] | None = None,
) -> ModelRouter:
    """Bring together everything that choosing a model needs. Nothing is sent before somebody asks.

    Raises:
        Refused: ``settings_invalid`` for a model that nobody serves.
    """
    database = Database(engine=engine, writing=writing)
    registry: ModelRegistry = (
        FixedModels(models=given) if given is not None else _endpoints(settings, catalogue, stack, tracer)
    )

    def ledger(errand: SelectionContext) -> StoredLedger:
        return StoredLedger(
            database=database,
            account=f"{errand.org}/{errand.run}",
            budget=errand.task.budget,
            known=errand.spent,
            hold_s=settings.model_timeout_s + 60,
            clock=lambda: clock().timestamp(),
        )

    cached = given is None and settings.model_cache != "off"
    return ModelRouter(
        catalogue=catalogue,
        registry=registry,
        decisions=StoredDecisions(database=database),
        counters=StoredCounters(database=database),
        ledger=ledger,
        policy=policy,
        now=clock,
        tracer=tracer,
        answers=StoredAnswers(database=database) if cached else None,
        lifetimes=LIFETIMES,
        similarity=_similarity(settings),
        masker=masker,
    )


def _similarity(settings: Settings) -> Similarity | None:
    """How wishes are compared for the plan cache; None: they are not."""
    if settings.model_cache != "similar":
        return None
    if not settings.model_embedding or not settings.model_base_url:
        return WordSimilarity()
    place = ModelEndpoint(
        base_url=settings.model_base_url, model=settings.model_embedding, api_key=settings.model_api_key
    )
    return EmbeddingSimilarity(Embedder(endpoint=place))


def _endpoints(settings: Settings, catalogue: Catalogue, stack: AsyncExitStack, tracer: Tracer) -> EndpointRegistry:
    options = ClientOptions(price=catalogue.price, tracer=tracer, content=settings.trace_content)
    return EndpointRegistry(settings=places(settings, catalogue), catalogue=catalogue, options=options, stack=stack)


def places(settings: Settings, catalogue: Catalogue) -> EndpointSettings:
    """Where models are served, as the settings say. Raises Refused ``settings_invalid``."""
    common = _common(settings, catalogue)
    own: dict[Role, ModelEndpoint] = {}
    for role in ROLES:
        url, model = getattr(settings, f"model_{role}_base_url", None), getattr(settings, f"model_{role}", None)
        if url or model:
            own[role] = _endpoint(
                settings, catalogue, url, model or settings.model or None, f"SIGNOFF_MODEL_{role.upper()}"
            )
    return EndpointSettings(default=common, roles=own, keys=settings.model_keys)


def _common(settings: Settings, catalogue: Catalogue) -> ModelEndpoint | None:
    if not settings.model_base_url and not settings.model:
        return None
    return _endpoint(settings, catalogue, None, settings.model or None, ALL)


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


async def masker_of(of_run: Callable[[str], Awaitable[Masker]], personal: bool, context: SelectionContext) -> Masker:
    """What may not be shown to a model, by the repository of a run; a chat has none."""
    return await of_run(context.run) if context.tree else Masker(personal=personal)
