"""Built-in program repair: no model, no network. See docs/repair.md for what it can and cannot do."""

from models.repair.provider import Repair

__all__ = ["Repair"]
