"""Clients of model endpoints: chat over a transport, capability probe, embedding."""

from models.clients.chat import Chat
from models.clients.contract import Dialect, ModelEndpoint, Transport
from models.clients.dialogue import Dialogue
from models.clients.embedding import Embedder, embed
from models.clients.probe import Probe, probe, probe_with_dialogues

__all__ = [
    "Chat",
    "Dialect",
    "Dialogue",
    "Embedder",
    "ModelEndpoint",
    "Probe",
    "Transport",
    "embed",
    "probe",
    "probe_with_dialogues",
]
