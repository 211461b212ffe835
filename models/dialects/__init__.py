"""Dialects of the coder: how its actions are asked for and read: ``tools``, ``text`` and ``single``."""

from models.dialects import single, text, tools
from models.dialects.reading import Reading
from models.dialects.single import ChangeReading

__all__ = ["ChangeReading", "Reading", "single", "text", "tools"]
