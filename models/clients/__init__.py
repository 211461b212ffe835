"""Clients of model endpoints: chat over a transport, capability probe, embedding."""

from models.clients.chat import Chat
from models.clients.contract import Dialect, ModelEndpoint, Transport
from models.clients.embedding import Embedder, embed
from models.clients.probe import Dialogue, Probe, probe

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
]
