"""Ended runs, as the memory room knows them: read from a run's row, its state, its files and its ballots.

Every word comes from evidence: what commands came to, which files changed, what a proof said, what people refused.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from approvals import Ballots
from domain import SignoffError
from domain.coder import DoneAction, EditAction, RunAction, UseAction
from domain.evidence import Proof
from domain.masking import Masker
from memory import ChangedFile, EndedRun, MemoryBook, RanCommand, Rejection
from sandbox import Pinned, Snapshot, Store
from service.runs.runs import FINAL, RunState

MOST_COMMANDS = 400
_EXIT = ": exit code "
_LINE = 1_900
"""Below what a line of the domain holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRuns:
    """Reads ended runs, and has their memories written."""

    store: Store
    ballots: Ballots
    book: MemoryBook

    async def learn(self, standing: RunState) -> None:
        """Take what a run that ended showed into memory. The run has ended as it has: what fails here is logged."""
        try:
            if (ended := await self.read(standing)) is not None:
                await self.book.learn(ended)
        except (SignoffError, SQLAlchemyError, OSError) as error:
            structlog.get_logger("signoff.memory").warning(
                "a run is not remembered", run=standing.run.id, error=type(error).__name__
            )

    async def read(self, standing: RunState) -> EndedRun | None:
        """What is known of a run; None: it has not ended, or nothing of it came to files.

        Raises ``Refused`` where its files are gone.
        """
        run, values = standing.run, standing.values
        pinned: Pinned | None = values.get("pinned")
        if run.status not in FINAL or pinned is None:
            return None
        files = await self.store.versions(run.id, pinned.tree)
        snapshot: Snapshot | None = values.get("snapshot")
        after = files
        if snapshot is not None and snapshot.tree != pinned.tree:
            after = await self.store.versions(run.id, snapshot.tree)
        changed = sorted(path for path in files.keys() | after.keys() if files.get(path) != after.get(path))
        proof: Proof | None = values.get("proof")
        ending, rejections = run.ending, await self._rejections(run.id, run.org)
        # An ending repeats why a person refused: those words stand in the rejection, where they can be erased.
        message = visible(ending.message)[:2_000] if ending is not None and not rejections else ""
        task = values.get("task") or run.task
        return EndedRun(
            run=run.id,
            org=run.org,
            repo=pinned.repo,
            commit=pinned.commit,
            person=run.requester,
            task=visible(task.text)[:20_000],
            outside=task.outside or run.task.outside,
            status=run.status,
            code=ending.code if ending is not None else "",
            message=message,
            proof=_proved(proof),
            accept=visible(proof.command)[:_LINE] if proof is not None and proof.ok else "",
            commands=tuple(_commands(values))[-MOST_COMMANDS:],
            tried=tuple(_tried(values)),
            changed=tuple(
                ChangedFile(path=path, before=files.get(path, ""), after=after.get(path, ""))
                for path in changed[:500]
                if visible(path) == path
            ),
            rejections=rejections,
            files=files,
            ended_at=run.updated_at,
        )

    async def _rejections(self, run: str, org: str) -> tuple[Rejection, ...]:
        """What people refused to sign in a run, the oldest first."""
        page, mask = await self.ballots.list(org, run=run, state="rejected"), Masker()
        votes = [vote for ballot in page.items for vote in ballot.votes if vote.choice == "reject"]
        votes.sort(key=lambda vote: vote.voted_at)
        return tuple(Rejection(by=vote.voter[:200], reason=visible(mask.text(vote.comment))[:2_000]) for vote in votes)


def _commands(values: dict[str, Any]) -> Iterable[RanCommand]:
    for turn in (*values.get("past_turns", ()), *values.get("turns", ())):
        if isinstance(turn.action, RunAction) and _EXIT in turn.outcome:
            code = turn.outcome.rpartition(_EXIT)[2]
            yield RanCommand(command=visible(turn.action.command), code=int(code) if code.isdecimal() else None)
    for evidence in values.get("evidence", ()):
        for run in evidence.runs:
            yield RanCommand(command=visible(run.command), code=run.code if run.ended == "exit" else None)


def _tried(values: dict[str, Any]) -> Iterable[str]:
    turns = (*values.get("past_turns", ()), *values.get("turns", ()))
    for turn in turns:
        if turn.outcome and isinstance(turn.action, RunAction | EditAction | DoneAction | UseAction):
            yield visible(turn.outcome)[:_LINE]
    if turns:
        return
    for evidence in values.get("evidence", ()):
        findings = "; ".join(finding.message for finding in evidence.findings)
        yield visible(f"{evidence.step}: {findings or 'all commands passed'}".replace("\n", " "))[:_LINE]


def _proved(proof: Proof | None) -> str:
    if proof is None or not proof.ok:
        return ""
    counts = proof.report.summary if proof.report is not None else f"exit code {proof.run.code}"
    seconds = f" in {proof.run.duration_ms / 1_000:.0f} s" if proof.run.duration_ms >= 1_000 else ""  # noqa: PLR2004
    red = "; it failed without the change" if proof.red_first else ""
    still = f"; still failing as before: {len(proof.still_failing)}" if proof.still_failing else ""
    return f"{counts}{seconds}{red}{still}"[:_LINE]


def visible(text: str) -> str:
    """A text that every database and every endpoint takes: no half characters, nothing that controls a terminal."""
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs"} else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )
