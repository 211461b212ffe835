"""Who is asked: models and providers of changes, and how the right one is chosen."""

from models.clients.chat import Chat
from models.clients.contract import Endpoint
from models.clients.embedding import Embedder, embedded
from models.clients.probe import Probe, probe
from models.contract import Errand, Heard, Message, Model, Price, Reply, Role, Settings, Usage
from models.experts import Expert, choose_expert
from models.metering import Tab, book, metered
from models.policy import FILE as POLICY_FILE
from models.policy import Limits, WorkspacePolicy, parse_policy
from models.prompts import Prompt, Speech, Versions, load_all, pick
from models.prompts_langfuse import FromLangfuse
from models.providers import Asked, Bench, Job, Proposal, Provider
from models.ranking import Compared, Ranked, best, compared, passes_everything, tied
from models.routing.catalogue import KIND_OF, Catalogue, ModelCard, Strategy, load_catalogue
from models.routing.endpoints import Endpoints, Given, Opened, Places, Seats
from models.routing.entitlements import Standing, Stands
from models.routing.routed import Routed, Switchboard
from models.routing.router import Ask, Route, route
from models.routing.selection import Turn, providers_for, tier_for
from models.scripted import Scripted
from models.tables import METADATA as MODEL_TABLES
from models.tables import Database
from models.wrappers.budget import Amount, Budgeted, BudgetLedger, Hold, Ledger, StoredLedger
from models.wrappers.cache import Cached, MemoryShelf, Shelf, StoredShelf, Wording
from models.wrappers.circuit_breaker import CircuitBreaker
from models.wrappers.context_window import Fitted, Window
from models.wrappers.fallback import Fallback
from models.wrappers.instrumented import Instrumented
from models.wrappers.quota import Counters, MemoryCounters, Quota, StoredCounters
from models.wrappers.retry import Retry
from models.wrappers.similarity import ByMeaning, ByWords
from models.wrappers.usage_log import (
    By,
    Decision,
    Decisions,
    MemoryDecisions,
    Recorded,
    Report,
    StoredDecisions,
    Used,
    Why,
    report,
)

__all__ = [
    "KIND_OF",
    "MODEL_TABLES",
    "POLICY_FILE",
    "Amount",
    "Ask",
    "Asked",
    "Bench",
    "BudgetLedger",
    "Budgeted",
    "By",
    "ByMeaning",
    "ByWords",
    "Cached",
    "Catalogue",
    "Chat",
    "CircuitBreaker",
    "Compared",
    "Counters",
    "Database",
    "Decision",
    "Decisions",
    "Embedder",
    "Endpoint",
    "Endpoints",
    "Errand",
    "Expert",
    "Fallback",
    "Fitted",
    "FromLangfuse",
    "Given",
    "Heard",
    "Hold",
    "Instrumented",
    "Job",
    "Ledger",
    "Limits",
    "MemoryCounters",
    "MemoryDecisions",
    "MemoryShelf",
    "Message",
    "Model",
    "ModelCard",
    "Opened",
    "Places",
    "Price",
    "Probe",
    "Prompt",
    "Proposal",
    "Provider",
    "Quota",
    "Ranked",
    "Recorded",
    "Reply",
    "Report",
    "Retry",
    "Role",
    "Route",
    "Routed",
    "Scripted",
    "Seats",
    "Settings",
    "Shelf",
    "Speech",
    "Standing",
    "Stands",
    "StoredCounters",
    "StoredDecisions",
    "StoredLedger",
    "StoredShelf",
    "Strategy",
    "Switchboard",
    "Tab",
    "Turn",
    "Usage",
    "Used",
    "Versions",
    "Why",
    "Window",
    "Wording",
    "WorkspacePolicy",
    "best",
    "book",
    "choose_expert",
    "compared",
    "embedded",
    "load_all",
    "load_catalogue",
    "metered",
    "parse_policy",
    "passes_everything",
    "pick",
    "probe",
    "providers_for",
    "report",
    "route",
    "tied",
    "tier_for",
]
