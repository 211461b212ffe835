"""Retrieval: the passages of a repository that a task is about, its map, and looking around in it. Knows domain."""

from retrieval.bm25 import text_scores
from retrieval.contract import Passage, Reads, ReadsMany, Versioned
from retrieval.explore import Explorer
from retrieval.finder import Finder, RankedChunks, passages_of
from retrieval.index import CodeIndex, Coverage, IndexFolder, Progress

__all__ = [
    "CodeIndex",
    "Coverage",
    "Explorer",
    "Finder",
    "IndexFolder",
    "Passage",
    "Progress",
    "RankedChunks",
    "Reads",
    "ReadsMany",
    "Versioned",
    "passages_of",
    "text_scores",
]
