"""Of many files, the few that are worth cutting into chunks for one question. Pure.

Counting a stem in raw bytes runs at memory speed, cutting and counting everything does not: on 3,000 files the
hundred best by this rough measure hold the answer as often as all of them do.
"""

import math
from collections.abc import Mapping, Sequence

MOST_TERMS = 48
"""Terms that are looked for, the weightiest first."""
SHORTEST = 3
SATURATION = 4.0
LENGTH = 0.5


def sift(texts: Sequence[tuple[str, bytes]], terms: Mapping[str, float], *, keep: int) -> list[int]:
    """Return the indices of the ``keep`` files that say most about ``terms``, best first.

    ``texts`` are (path, content); terms are lower-case stems, and match inside longer words.
    """
    lower = [data.lower() + b"\n" + path.lower().encode(errors="replace") for path, data in texts]
    mean = sum(map(len, lower)) / len(lower) if lower else 1.0
    norms = [SATURATION * (1 - LENGTH + LENGTH * len(data) / mean) for data in lower]
    scores = [0.0] * len(lower)
    wanted = sorted((term for term in terms if len(term) >= SHORTEST), key=lambda term: (-terms[term], term))
    for term in wanted[:MOST_TERMS]:
        counted = term.encode(errors="replace")
        hits = [(index, times) for index, data in enumerate(lower) if (times := data.count(counted))]
        weight = terms[term] * math.log(1 + (len(lower) - len(hits) + 0.5) / (len(hits) + 0.5))
        for index, times in hits:
            scores[index] += weight * times / (times + norms[index])
    return sorted(range(len(lower)), key=lambda index: (-scores[index], index))[:keep]
