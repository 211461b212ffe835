"""Index of a repository: every file version counted once, by the hash of its content, in a file that outlives us."""

from retrieval.index.analysis import Indexed, index_file
from retrieval.index.code_index import CodeIndex
from retrieval.index.contract import Coverage, Hits, IndexLost, Progress
from retrieval.index.folder import IndexFolder

__all__ = ["CodeIndex", "Coverage", "Hits", "IndexFolder", "IndexLost", "Indexed", "Progress", "index_file"]
