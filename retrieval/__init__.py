"""Retrieval: the passages of a repository that a task is about, its map, and looking around in it. Knows domain."""

from retrieval.bm25 import text_scores
from retrieval.contract import Passage, Reads, ReadsMany
from retrieval.explore import Explorer
from retrieval.finder import Finder
from retrieval.index import IndexCache

__all__ = ["Explorer", "Finder", "IndexCache", "Passage", "Reads", "ReadsMany", "text_scores"]
