"""Memory: what earlier runs on a repository left for later ones, with where each of it comes from. Knows domain."""

from memory.book import MOST_LISTED, MemoryBook, Recollection
from memory.contract import Embed, Files, ItemStore, Rank, StoredItem
from memory.learning import forgotten, learned
from memory.records import (
    KINDS,
    MOST_TEXT,
    NAMESPACE,
    ChangedFile,
    Citation,
    EndedRun,
    Memory,
    MemoryKind,
    RanCommand,
    Rejection,
)
from memory.rendering import PREFIX, listed_skills, opened, shown
from memory.skills import MOST_SKILL_BYTES, Skill, skill_of, skill_paths

__all__ = [
    "KINDS",
    "MOST_LISTED",
    "MOST_SKILL_BYTES",
    "MOST_TEXT",
    "NAMESPACE",
    "PREFIX",
    "ChangedFile",
    "Citation",
    "Embed",
    "EndedRun",
    "Files",
    "ItemStore",
    "Memory",
    "MemoryBook",
    "MemoryKind",
    "RanCommand",
    "Rank",
    "Recollection",
    "Rejection",
    "Skill",
    "StoredItem",
    "forgotten",
    "learned",
    "listed_skills",
    "opened",
    "shown",
    "skill_of",
    "skill_paths",
]
