"""Wrappers: models made of models, each with one promise; ``models.routing.composition`` puts them together."""

from models.wrappers.budget import Budgeted, BudgetLedger, StoredLedger
from models.wrappers.cache import AnswerStore, Cached, MemoryAnswers, Similarity, StoredAnswers
from models.wrappers.circuit_breaker import CircuitBreaker
from models.wrappers.context_window import ContextWindow
from models.wrappers.fallback import Fallback
from models.wrappers.instrumented import Instrumented
from models.wrappers.quota import MemoryCounters, Quota, StoredCounters
from models.wrappers.retry import Retry
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

__all__ = [
    "AnswerStore",
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
    "Similarity",
    "StoredAnswers",
    "StoredCounters",
    "StoredDecisions",
    "StoredLedger",
    "UsageLogged",
    "UsageReport",
    "UsageTotal",
    "WordSimilarity",
    "report",
]
