"""Says how dangerous something is: commands, changes, deliveries. Deterministic; a model has no say. All pure."""

from risk.delivery import DeliveryKind
from risk.engine import OUTSIDE, Engine
from risk.policy import Tightening, WorkspacePolicy, denials, read_policy
from risk.rules import Rules, Setting, default_rules, read_rules

__all__ = [
    "OUTSIDE",
    "DeliveryKind",
    "Engine",
    "Rules",
    "Setting",
    "Tightening",
    "WorkspacePolicy",
    "default_rules",
    "denials",
    "read_policy",
    "read_rules",
]
