"""Who is asked: models and providers of changes, and how the right one is chosen."""

from models.asked import Asked
from models.breaker import CircuitBreaker
from models.budgeted import Amount, Budgeted, BudgetLedger, Ledger
from models.build import open_models
from models.cache import Cached, MemoryShelf, Shelf
from models.cards import ModelCard, Strategy
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
from models.decisions import Decision, Decisions, MemoryDecisions, ModelUsage, Report, report
from models.errand import Errand
from models.experts import Expert, choose_expert
from models.fallback import Fallback
from models.fitted import Fitted
from models.instrumented import Instrumented
from models.nbest import Ranked, best, passes_everything
from models.policy import Limits, WorkspacePolicy, parse_policy
from models.probe import Probe, probe
from models.prompts import Prompt
from models.quota import Quota
from models.recorded import Recorded, Why
from models.retry import Retry
from models.router import Ask, Route, Turn, providers_for, route, tier_for
from models.scripted import Scripted
from models.stored_decisions import StoredDecisions
from models.wire import Endpoint

__all__ = [
    "Amount",
    "Ask",
    "Asked",
    "Bench",
    "BudgetLedger",
    "Budgeted",
    "Cached",
    "Catalogue",
    "Chat",
    "CircuitBreaker",
    "Counters",
    "Decision",
    "Decisions",
    "Endpoint",
    "Errand",
    "Expert",
    "Fallback",
    "FileCounters",
    "Fitted",
    "Heard",
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
    "ModelUsage",
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
    "Scripted",
    "Settings",
    "Shelf",
    "StoredDecisions",
    "Strategy",
    "Turn",
    "Usage",
    "Why",
    "Window",
    "WorkspacePolicy",
    "best",
    "choose_expert",
    "load_catalogue",
    "open_models",
    "parse_policy",
    "passes_everything",
    "probe",
    "providers_for",
    "report",
    "route",
    "tier_for",
]
