"""Finds the passages of a repository that a task is about, and draws its map. Knows domain."""

from retrieval.contract import Passage, Reads, ReadsMany
from retrieval.explore import Explorer
from retrieval.finder import Finder
from retrieval.shelf import Shelf

__all__ = ["Explorer", "Finder", "Passage", "Reads", "ReadsMany", "Shelf"]
