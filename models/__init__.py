"""Who is asked: models and providers of changes, and how the right one is chosen."""

from models.asked import Asked
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
from models.nbest import Ranked, best, passes_everything
from models.scripted import Scripted
from models.wire import Endpoint

__all__ = [
    "Asked",
    "Bench",
    "Chat",
    "Endpoint",
    "Heard",
    "Job",
    "Message",
    "Model",
    "Price",
    "Proposal",
    "Provider",
    "Ranked",
    "Reply",
    "Role",
    "Scripted",
    "Settings",
    "Usage",
    "best",
    "passes_everything",
]
