"""Word index of files: which of them say which words, so that a question is about a few without reading all."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from threading import Lock

from retrieval.terms import terms_of

_WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]{2,80}")
_SATURATION, _LENGTH = 4.0, 0.5
_PATH = 3
"""A word of the path counts as often as so many of the text."""

Version = tuple[str, int]
"""A path and the hash of its content, which Python keeps with the bytes."""


@dataclass(slots=True)
class WordIndex:
    """Terms of file versions, each counted once; trees that share files share the index."""

    _lengths: dict[Version, int] = field(default_factory=dict[Version, int])
    _postings: dict[str, dict[Version, int]] = field(default_factory=dict[str, dict[Version, int]])
    _terms: dict[bytes, tuple[str, ...]] = field(default_factory=dict[bytes, tuple[str, ...]])
    _lock: Lock = field(default_factory=Lock)

    def best(self, terms: Mapping[str, float], texts: Mapping[str, bytes], *, keep: int) -> list[str]:
        """Return the paths whose texts say most about weighted terms (BM25), best first."""
        versions = {(path, hash(data)): path for path, data in texts.items()}
        with self._lock:
            for version, path in versions.items():
                if version not in self._lengths:
                    self._add(version, texts[path])
            mean = sum(self._lengths[version] for version in versions) / len(versions) if versions else 1.0
            scores: dict[str, float] = {}
            for term, weight in terms.items():
                # Rarity is counted among the texts at hand: the index holds those of other trees, too.
                postings = self._postings.get(term, {})
                files = {version: times for version, times in postings.items() if version in versions}
                rarity = weight * math.log(1 + (len(versions) - len(files) + 0.5) / (len(files) + 0.5))
                for version, times in files.items():
                    norm = _SATURATION * (1 - _LENGTH + _LENGTH * self._lengths[version] / max(mean, 1.0))
                    path = versions[version]
                    scores[path] = scores.get(path, 0.0) + rarity * times / (times + norm)
        return nsmallest(keep, scores, key=lambda path: (-scores[path], path))

    def _add(self, version: Version, data: bytes) -> None:
        counts = Counter(_WORD.findall(data))
        for word in _WORD.findall(version[0].encode(errors="replace")):
            counts[word] += _PATH
        self._lengths[version] = counts.total()
        for word, times in counts.items():
            if (terms := self._terms.get(word)) is None:
                terms = self._terms[word] = terms_of(word.decode(errors="replace"))
            for term in terms:
                files = self._postings.setdefault(term, {})
                files[version] = files.get(version, 0) + times
