"""Requests: the words of a task or of a refinement, made of what a forge sent. Pure.

What members say stands first; what outsiders wrote is named as such, and the task is marked as theirs.
"""

from collections.abc import Sequence

from forges.inbound.events import Asked, EventPlace, Failed, Reviewed

MOST_CHARS = 19_000
"""A task has 20,000."""
LOG_CHARS = 12_000
"""Of a log: its end, where the failure is."""


def named(place: EventPlace) -> str:
    """``acme/shop#12``."""
    return f"{place.repo}#{place.number}" if place.number else place.repo


def first_request(event: Asked) -> str:
    """The task of an issue or a pull request that nothing was done for yet."""
    what = "issue" if event.place.kind == "issue" else "pull request"
    words = event.words or f"Do what this {what} asks for."
    about = f"The {what} {named(event.place)}: {event.title}\n\n{event.body}"
    return f"{words[:MOST_CHARS]}\n\n{about}"[:MOST_CHARS].strip()


def later_request(events: Sequence[Asked | Reviewed]) -> str:
    """What people say to a change that is there: each comment with the place that it is about."""
    lines: list[str] = []
    for event in events:
        where = f"On {event.file}, line {event.line}:\n" if isinstance(event, Reviewed) and event.file else ""
        lines.append(f"{where}{event.words}")
    return "\n\n".join(lines)[:MOST_CHARS].strip()


def log_request(event: Failed, log: str) -> str:
    """The task of a failed run of CI: its log."""
    jobs = f" (failed: {', '.join(event.jobs)})" if event.jobs else ""
    head = f"The run {event.name or event.run} of CI failed on {event.branch}{jobs}. Make it pass. The end of its log:"
    return f"{head[:4_000]}\n\n{log[-LOG_CHARS:]}"[:MOST_CHARS].strip()
