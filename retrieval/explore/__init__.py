"""Looking around in a tree: files opened with line numbers or as an outline, and searches whose answers are bounded."""

from retrieval.explore.explorer import Explorer

__all__ = ["Explorer"]
