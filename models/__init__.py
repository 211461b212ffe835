"""Who is asked: models and providers of changes, and how the right one is chosen."""

from models.asked import Asked
from models.breaker import CircuitBreaker
from models.build import open_models
from models.cards import ModelCard, Strategy
from models.catalogue import Catalogue, load_catalogue
from models.chat import Chat, Price
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
from models.experts import Expert, choose_expert
from models.fallback import Fallback
from models.instrumented import Instrumented
from models.nbest import Ranked, best, passes_everything
from models.probe import Probe, probe
from models.retry import Retry
from models.scripted import Scripted
from models.wire import Endpoint

__all__ = [
    "Asked",
    "Bench",
    "Catalogue",
    "Chat",
    "CircuitBreaker",
    "Endpoint",
    "Expert",
    "Fallback",
    "Heard",
    "Instrumented",
    "Job",
    "Message",
    "Model",
    "ModelCard",
    "Price",
    "Probe",
    "Proposal",
    "Provider",
    "Ranked",
    "Reply",
    "Retry",
    "Role",
    "Scripted",
    "Settings",
    "Strategy",
    "Usage",
    "best",
    "choose_expert",
    "load_catalogue",
    "open_models",
    "passes_everything",
    "probe",
]
