"""Models: what is asked for changes, plans and reviews; the contract, prompts, providers and ranking.

Clients, wrappers and the routing between models have doors of their own: ``models.clients``, ``models.wrappers``,
``models.routing``, and ``models.repair``.
"""

from models.contract import (
    Message,
    Model,
    ModelSettings,
    Question,
    Reply,
    Role,
    SelectionContext,
    Tool,
    ToolCall,
    Usage,
    UsageMeter,
    metered,
    worst_case,
)
from models.partial_json import PartialChanges, line_of
from models.prompts import Prompt, PromptSource, load_all
from models.providers import Bench, ChangeRequest, ModelProvider, Proposal, Provider
from models.ranking import best, compared, passes_everything, tied
from models.scripted import Scripted
from models.tables import METADATA as MODEL_TABLES
from models.tables import Database

__all__ = [
    "MODEL_TABLES",
    "Bench",
    "ChangeRequest",
    "Database",
    "Message",
    "Model",
    "ModelProvider",
    "ModelSettings",
    "PartialChanges",
    "Prompt",
    "PromptSource",
    "Proposal",
    "Provider",
    "Question",
    "Reply",
    "Role",
    "Scripted",
    "SelectionContext",
    "Tool",
    "ToolCall",
    "Usage",
    "UsageMeter",
    "best",
    "compared",
    "line_of",
    "load_all",
    "metered",
    "passes_everything",
    "tied",
    "worst_case",
]
