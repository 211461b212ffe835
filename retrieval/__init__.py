"""Finds the passages of a repository that a task is about, and draws its map. Knows domain."""

from retrieval.contract import Passage, Reads, ReadsMany
from retrieval.finder import Finder
from retrieval.shelf import Shelf

__all__ = ["Finder", "Passage", "Reads", "ReadsMany", "Shelf"]
