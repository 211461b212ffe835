"""Answers on a forge: what an event came to so far, as one comment that is edited while the run goes on. Pure.

Words of models stand as prose that mentions nobody; everything of ours comes first.
"""

from typing import Final

from forges import quiet
from service.runs.runs import FINAL, RunState

MOST_CHARS: Final = 20_000
HEADS: Final = {
    "pending": "Waiting to begin.",
    "running": "Working on it.",
    "delivered": "Done.",
    "nothing_to_do": "Nothing had to be done.",
    "rejected": "Rejected: nothing was delivered.",
    "failed": "It could not be done.",
    "cancelled": "It was stopped.",
    "paused": "Paused.",
    "paused_budget": "Paused: its budget is spent.",
}


def refused_text(code: str, message: str, *, vote: bool = False) -> str:
    """Why nothing was started, or a vote was not counted."""
    return f"{'Not counted' if vote else 'Nothing was started'} (`{code}`). {quiet(message)}"[:MOST_CHARS]


def standing_text(standing: RunState, *, busy: bool, home: str, mention: str) -> str:
    """How the run stands. ``busy``: a turn of it waits or works."""
    run, values = standing.run, standing.values
    foot = f"\n\nRun `{run.id}` · {home}"
    if busy:
        return f"{HEADS['running']}{foot}"
    if standing.question is not None:
        asks = f"The coder asks:\n\n{quiet(standing.question)}\n\nAnswer with a comment that begins with `{mention}`."
        return f"{asks[:MOST_CHARS]}{foot}"
    if standing.ballot is not None:
        return f"It waits for a signature: `signoff approvals show {standing.ballot}`{foot}"
    ending = run.ending or values.get("ending")
    parts = [HEADS.get(run.status, run.status)]
    delivered = values.get("delivered")
    if run.status == "delivered" and delivered is not None and delivered.url:
        parts.append(delivered.url)
    if ending is not None:
        parts.append(quiet(ending.answer_markdown or ending.message)[:MOST_CHARS])
        if run.status not in FINAL or run.status == "failed":
            parts += [f"`{ending.code}`"] if ending.code else []
            parts += [quiet(ending.hint)] if ending.hint else []
    return "\n\n".join(part for part in parts if part)[:MOST_CHARS] + foot
