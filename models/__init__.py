"""Who is asked: models and providers of changes, and how the right one is chosen."""

from models.asked import Asked
from models.breaker import CircuitBreaker
from models.budgeted import Amount, Budgeted, BudgetLedger, Hold, Ledger
from models.build import Opened, open_models
from models.cache import Cached, MemoryShelf, Shelf, Wording
from models.cards import KIND_OF, ModelCard, Strategy
from models.catalogue import Catalogue, load_catalogue
from models.chat import Chat, Price
from models.context import Window
from models.contract import (
    Bench,
    Heard,
    Job,
    Message,
    Model,
    Proposal,
    Provider,
    Reply,
    Role,
    Settings,
    Usage,
)
from models.counters import Counters, FileCounters, MemoryCounters
from models.decisions import By, Decision, Decisions, MemoryDecisions, Report, Used, report
from models.embedding import Embedder, embedded
from models.errand import Errand
from models.experts import Expert, choose_expert
from models.fallback import Fallback
from models.fitted import Fitted
from models.instrumented import Instrumented
from models.langfuse_prompts import FromLangfuse
from models.metering import Tab, book, metered
from models.nbest import Compared, Ranked, best, compared, passes_everything, tied
from models.places import Places
from models.policy import FILE as POLICY_FILE
from models.policy import Limits, WorkspacePolicy, parse_policy
from models.probe import Probe, probe
from models.prompts import Prompt, Speech, Versions, load_all, pick
from models.quota import Quota
from models.recorded import Recorded, Why
from models.retry import Retry
from models.routed import Routed, Switchboard
from models.router import Ask, Route, route
from models.rules import Turn, providers_for, tier_for
from models.scripted import Scripted
from models.seats import Endpoints, Given, Seats
from models.standing import Standing, Stands
from models.stored_counters import StoredCounters
from models.stored_decisions import StoredDecisions
from models.stored_ledger import StoredLedger
from models.stored_shelf import StoredShelf
from models.tables import METADATA as MODEL_TABLES
from models.tables import Database
from models.wire import Endpoint
from models.wording import ByMeaning, ByWords

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
    "FileCounters",
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
    "open_models",
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
