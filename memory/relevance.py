"""Relevance: which memories hold for the files of a tree, and which of them are worth showing for a question. Pure."""

from collections.abc import Mapping, Sequence

from memory.records import Memory, MemoryKind

MOST_SHOWN = 8
"""Facts that a prompt begins with."""
EPISODES_SHOWN = 3
NEAR = 0.35
"""Share of the best score from which on another episode is worth its room."""
_K = 60
"""Of reciprocal rank fusion."""


def stale(memory: Memory, files: Mapping[str, str]) -> tuple[str, ...]:
    """The files that a memory cites and that are not what they were."""
    return tuple(each.path for each in memory.cites if files.get(each.path, "") not in each.contents)


def expired(memory: Memory, files: Mapping[str, str]) -> bool:
    """Whether a memory is about other files than these: a fact with any of them, an episode once all have changed.

    What a person stands for expires by their hand alone.
    """
    changed = stale(memory, files)
    if not changed or memory.by_person:
        return False
    return memory.kind == "semantic" or len(changed) == len(memory.cites)


def fused(scores: Sequence[float], vectors: Sequence[float] | None) -> list[float]:
    """One score of two lists by the ranks in both (RRF, k = 60); the words alone where there are no vectors."""
    if vectors is None:
        return list(scores)
    totals = [0.0] * len(scores)
    for own in (scores, vectors):
        order = sorted(range(len(own)), key=lambda at: -own[at])
        for rank, at in enumerate(order):
            if own[at] > 0:
                totals[at] += 1 / (_K + rank + 1)
    return totals


def allowed(memory: Memory, *, kinds: frozenset[MemoryKind], outside: bool) -> bool:
    """Whether a run may be shown a memory.

    Args:
        memory: of its repository.
        kinds: that runs are shown; what a person pinned may always be.
        outside: the run has read text from outsiders already, or asks for it. If not, what carries such text is shown
            to nobody.
    """
    return (outside or not memory.outside) and (memory.pinned or memory.kind in kinds)


def chosen(memories: Sequence[Memory], scores: Sequence[float]) -> tuple[Memory, ...]:
    """The memories that a prompt shows: those that persons pinned, facts that hold everywhere, what is like the task.

    Args:
        memories: those of one repository that a run may be shown.
        scores: how much each says about the task.
    """
    ranked = sorted(zip(memories, scores, strict=True), key=lambda pair: (-pair[1], pair[0].id))
    pinned = [each for each, _ in ranked if each.pinned]
    facts = [
        each
        for each, score in ranked
        if each.kind == "semantic"
        and not each.pinned
        and (score > 0 or not each.subject.startswith("tests of "))
        # Every prompt has the acceptance command.
        and each.subject != "acceptance"
    ]
    # By how many runs showed it: of commands that were tried once there may be many.
    facts.sort(key=lambda each: -each.runs)
    best = max((score for each, score in ranked if each.kind == "episodic"), default=0.0)
    episodes = [
        each
        for each, score in ranked
        if each.kind == "episodic" and not each.pinned and score > 0 and score >= NEAR * best
    ]
    return (*pinned[:MOST_SHOWN], *facts[:MOST_SHOWN], *episodes[:EPISODES_SHOWN])
