"""The audit trail: tamper-evident, and able to forget a person."""

from telemetry.audit.audit import Audit, AuditedFact
from telemetry.audit.chain import Checkpoint, Flaw, Line, Verification
from telemetry.audit.subjects import SYSTEM, Subjects
from telemetry.audit.tables import create_audit, metadata
from telemetry.audit.witness import Folder, Witness, genuine

__all__ = [
    "SYSTEM",
    "Audit",
    "AuditedFact",
    "Checkpoint",
    "Flaw",
    "Folder",
    "Line",
    "Subjects",
    "Verification",
    "Witness",
    "create_audit",
    "genuine",
    "metadata",
]
