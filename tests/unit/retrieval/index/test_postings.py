"""Which files say most: the same files and scores as when every term of every file is looked at."""

from array import array
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.bm25 import rareness
from retrieval.index.postings import LENGTH, SATURATION, Entry, best_files

FILES = st.dictionaries(
    st.integers(1, 60),
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.5, 9.0, width=32), max_size=6),
    max_size=40,
)
TERMS = st.dictionaries(st.sampled_from("abcdefghz"), st.floats(0.1, 3.0), max_size=7)


def entries(files: Mapping[int, Mapping[str, float]], term: str) -> list[Entry]:
    """The postings of a term in two segments, the second one of files that came later."""
    segments: list[Entry] = []
    for part in (range(31), range(31, 61)):
        ids = sorted(file for file, counts in files.items() if term in counts and file in part)
        segments.append((array("I", ids), array("f", [files[file][term] for file in ids])))
    return segments


@settings(max_examples=300)
@given(FILES, TERMS, st.integers(1, 6), st.sets(st.integers(1, 60)))
def test_what_is_passed_over_could_not_have_been_among_the_best(
    files: dict[int, dict[str, float]], terms: dict[str, float], keep: int, elsewhere: set[int]
) -> None:
    lengths = {file: sum(counts.values()) for file, counts in files.items() if file not in elsewhere}
    hits = best_files(
        terms, lambda term: entries(files, term), lengths, lambda file: 0.3 if file % 5 == 0 else 1.0, keep=keep
    )
    mean = sum(lengths.values()) / len(lengths) if lengths else 1.0
    scores: dict[int, float] = {}
    for term, weight in terms.items():
        holding = [file for file in lengths if term in files[file]]
        rare = weight * rareness(len(holding), len(lengths))
        assert hits.rarity[term] == pytest.approx(rareness(len(holding), len(lengths)))
        for file in holding:
            norm = SATURATION * (1 - LENGTH + LENGTH * lengths[file] / max(mean, 1.0))
            scores[file] = scores.get(file, 0.0) + rare * files[file][term] / (files[file][term] + norm)
    weighed = sorted((score * (0.3 if file % 5 == 0 else 1.0) for file, score in scores.items()), reverse=True)
    assert [score for _, score in hits.files] == pytest.approx(weighed[:keep], rel=1e-5)
    assert len({file for file, _ in hits.files}) == len(hits.files)
