"""Langfuse scores: what people, tests and the reviewer made of a run. Spans go there by OTLP (``otlp``).

The SDK is an optional extra. Only its REST client is used: its tracing would open a second pipeline. No run waits for
a score, and none fails for one.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final, Literal, TypeVar

import httpx
import structlog
from pydantic import Field

from domain import Refused, Review, SignoffError, Spent, Transient, Verdict, value
from domain.decision import Choice
from domain.errors import extra_command
from domain.evidence import Proof
from telemetry.identity import trace_id
from telemetry.redact import Redactor

T = TypeVar("T")
ONCE: Final = {"max_retries": 1}


@value
class RunScore:
    """One score of one run. The same id and time again replaces it."""

    id: str
    run: str
    name: Literal["human_approval", "tests_passed", "review_verdict", "cost_usd"]
    value: float | str
    kind: Literal["BOOLEAN", "CATEGORICAL", "NUMERIC"]
    at: datetime
    comment: str = Field(default="", max_length=10_000)

    @classmethod
    def human_approval(cls, run: str, *, ballot: str, choice: Choice, at: datetime, comment: str = "") -> "RunScore":
        """What people decided; the score's id is the ballot's."""
        approved = float(choice == "approve")
        return cls(id=ballot, run=run, name="human_approval", value=approved, kind="BOOLEAN", at=at, comment=comment)

    @classmethod
    def tests_passed(cls, run: str, *, passed: bool, at: datetime, comment: str = "") -> "RunScore":
        """Whether the acceptance command passed on the clean checkout."""
        name = "tests_passed"
        return cls(id=f"{name}-{run}", run=run, name=name, value=float(passed), kind="BOOLEAN", at=at, comment=comment)

    @classmethod
    def review_verdict(
        cls, run: str, *, status: Literal["ok", "changes_requested"], at: datetime, comment: str = ""
    ) -> "RunScore":
        """What the reviewer said last."""
        name = "review_verdict"
        return cls(id=f"{name}-{run}", run=run, name=name, value=status, kind="CATEGORICAL", at=at, comment=comment)

    @classmethod
    def cost_usd(cls, run: str, *, cost: Decimal, at: datetime) -> "RunScore":
        """What the run cost in all."""
        return cls(id=f"cost_usd-{run}", run=run, name="cost_usd", value=float(cost), kind="NUMERIC", at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreClient:
    """Sends scores to one Langfuse project."""

    host: str
    public_key: str
    secret_key: str = field(repr=False)
    redactor: Redactor = field(default_factory=Redactor)
    timeout_s: float = 3.0
    load: Callable[[str], Any] = importlib.import_module
    """Imports the SDK; only when a score is sent."""

    async def send(self, scores: Sequence[RunScore]) -> None:
        """Send scores in one request; sending them again does no harm.

        Raises:
            Refused: ``langfuse_missing`` (the extra is not installed), ``langfuse_refused`` (keys, or a score).
            Transient: ``langfuse_unavailable``.
        """
        if not scores:
            return
        _, types, _ = await asyncio.to_thread(self._sdk)
        request = [
            types.CreateScoreRequest(
                id=score.id,
                trace_id=f"{trace_id(score.run):032x}",
                session_id=None,
                name=score.name,
                value=score.value,
                data_type=score.kind,
                timestamp=score.at,
                comment=self.redactor.text(score.comment) or None,
            )
            for score in scores
        ]
        answer = await self.request(lambda langfuse: langfuse.scores.create(request=request, request_options=ONCE))
        if getattr(answer, "rejected", 0):
            raise Refused(
                f"Langfuse rejected {answer.rejected} of {len(scores)} scores.",
                code="langfuse_refused",
                hint=self.redactor.text("; ".join(e.message for e in answer.errors)[:500]),
            )

    async def request(self, ask: Callable[[Any], Awaitable[T]]) -> T:
        """Ask the SDK's REST client for something, once.

        Raises:
            Refused: ``langfuse_missing`` or ``langfuse_refused``.
            Transient: ``langfuse_unavailable``.
        """
        api, _, errors = await asyncio.to_thread(self._sdk)
        async with httpx.AsyncClient(timeout=self.timeout_s) as client:
            langfuse = api.AsyncLangfuseAPI(
                base_url=self.host.rstrip("/"),
                username=self.public_key,
                password=self.secret_key,
                x_langfuse_public_key=self.public_key,
                httpx_client=client,
            )
            try:
                return await ask(langfuse)
            except httpx.TransportError as error:
                raise _away(type(error).__name__) from error
            except errors.ApiError as error:
                status: int | None = error.status_code
                if (
                    status is None
                    or status == HTTPStatus.TOO_MANY_REQUESTS
                    or status >= HTTPStatus.INTERNAL_SERVER_ERROR
                ):
                    raise _away(f"HTTP {status}") from None
                raise Refused(
                    f"Langfuse refused what it was sent (HTTP {status}).",
                    code="langfuse_refused",
                    hint="Check LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY: one project has all three.",
                ) from None
            except ValueError as error:
                raise _away("an answer that is not Langfuse's") from error

    def _sdk(self) -> tuple[Any, Any, Any]:
        try:
            return tuple(self.load(f"langfuse.api{part}") for part in ("", ".scores", ".core.api_error"))
        except ImportError:
            raise Refused(
                "Scores need the Langfuse SDK, which is not installed.",
                code="langfuse_missing",
                hint=f"Install it with: {extra_command('langfuse')}. Spans reach Langfuse without it.",
            ) from None


def _away(reason: str) -> Transient:
    return Transient(
        f"Langfuse does not answer ({reason}).", code="langfuse_unavailable", hint="The scores can be sent again later."
    )


def scores_of(
    run: str,
    *,
    at: datetime,
    verdict: Verdict | None = None,
    proof: Proof | None = None,
    review: Review | None = None,
    spent: Spent | None = None,
) -> tuple[RunScore, ...]:
    """Return a score for everything that is known of a run that ended ``at``.

    A question that nobody answered is not a decision of a person, and gives none.
    """
    scores: list[RunScore] = []
    # The last vote's time is the score's: sending it again replaces it, and makes no second one.
    if verdict is not None and verdict.votes:
        comments = "\n".join(vote.comment for vote in verdict.votes if vote.comment)[:10_000]
        choice = "reject" if any(vote.choice == "reject" for vote in verdict.votes) else "approve"
        last = max(vote.voted_at for vote in verdict.votes)
        scores.append(RunScore.human_approval(run, ballot=verdict.ballot, choice=choice, at=last, comment=comments))
    if proof is not None:
        report = proof.report
        counts = f"{report.passed} passed, {report.failed} failed, {report.errors} errors" if report else ""
        scores.append(RunScore.tests_passed(run, passed=proof.ok, at=at, comment=counts))
    if review is not None:
        scores.append(RunScore.review_verdict(run, status=review.status, at=at))
    if spent is not None:
        scores.append(RunScore.cost_usd(run, cost=spent.cost, at=at))
    return tuple(scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreReporter:
    """Sends the scores of runs that ended. A score that cannot be sent is logged; the run has ended all the same."""

    scores: ScoreClient

    async def keep(self, run: str, values: Mapping[str, Any], *, at: datetime) -> bool:
        """Send what the last state of a run says; False when that did not work."""
        scores = scores_of(
            run,
            at=at,
            verdict=_of(values, "verdict", Verdict),
            proof=_of(values, "proof", Proof),
            review=_of(values, "review", Review),
            spent=_of(values, "spent", Spent),
        )
        try:
            await self.scores.send(scores)
        except SignoffError as error:
            log = structlog.get_logger("signoff.telemetry")
            say = log.info if error.stable_code == "langfuse_missing" else log.warning
            say("scores not sent", run=run, code=error.stable_code, reason=error.message, hint=error.hint)
            return False
        return True


def _of(values: Mapping[str, Any], key: str, kind: type[T]) -> T | None:
    entry = values.get(key)
    return entry if isinstance(entry, kind) else None
