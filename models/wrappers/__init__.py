"""Wrappers: models made of models, each with one promise; ``models.routing.endpoints`` puts them together."""

from models.wrappers.cache import Cached, MemoryAnswers, Similarity, StoredAnswers
from models.wrappers.context_window import ContextWindow
from models.wrappers.instrumented import Instrumented
from models.wrappers.limits import Budgeted, BudgetLedger, MemoryCounters, Quota, StoredCounters, StoredLedger
from models.wrappers.outcomes import RunOutcome, StoredOutcomes
from models.wrappers.resilience import CircuitBreaker, Fallback, Retry
from models.wrappers.similarity import EmbeddingSimilarity, WordSimilarity
from models.wrappers.usage_log import (
    CallReason,
    Decisions,
    GroupBy,
    MemoryDecisions,
    RoutingDecision,
    StoredDecisions,
    UsageLogged,
    UsageReport,
    UsageTotal,
    report,
)
from models.wrappers.vectors import StoredVectors

__all__ = [
    "BudgetLedger",
    "Budgeted",
    "Cached",
    "CallReason",
    "CircuitBreaker",
    "ContextWindow",
    "Decisions",
    "EmbeddingSimilarity",
    "Fallback",
    "GroupBy",
    "Instrumented",
    "MemoryAnswers",
    "MemoryCounters",
    "MemoryDecisions",
    "Quota",
    "Retry",
    "RoutingDecision",
    "RunOutcome",
    "Similarity",
    "StoredAnswers",
    "StoredCounters",
    "StoredDecisions",
    "StoredLedger",
    "StoredOutcomes",
    "StoredVectors",
    "UsageLogged",
    "UsageReport",
    "UsageTotal",
    "WordSimilarity",
    "report",
]
