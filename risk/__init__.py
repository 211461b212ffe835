"""Says how dangerous something is: commands, changes, deliveries. Deterministic; a model has no say. All pure."""

from risk.diff import DeliveryKind
from risk.engine import OUTSIDE, RiskEngine
from risk.policy import RiskPolicy, Tightening, denials, read_policy
from risk.rules import Rules, Setting, default_rules, read_rules

__all__ = [
    "OUTSIDE",
    "DeliveryKind",
    "RiskEngine",
    "RiskPolicy",
    "Rules",
    "Setting",
    "Tightening",
    "default_rules",
    "denials",
    "read_policy",
    "read_rules",
]
