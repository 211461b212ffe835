"""Dialects of the coder: how its actions are asked for and read: ``tools``, ``text`` and ``single``."""

from models.dialects import single, text, tools
from models.dialects.dialogue import probe_with_dialogues
from models.dialects.reading import Reading
from models.dialects.single import ChangeReading

__all__ = ["ChangeReading", "Reading", "probe_with_dialogues", "single", "text", "tools"]
