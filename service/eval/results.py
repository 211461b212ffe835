"""Results of an evaluation: a line of evidence for every attempt, kept in a folder that an evaluation resumes from.

``results.jsonl`` has one line an attempt, written when that has ended and before the next begins; a line that a kill
cut off is no result, and its attempt goes on. ``predictions.jsonl`` has the changes in SWE-bench's form.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, TypeAdapter

from domain import Refused, value
from domain.text import json_value
from service.statistics import Interval, pass_at_k, wilson

Outcome = Literal[
    "resolved",
    "wrong",
    "undelivered",
    "budget",
    "waits",
    "refused",
    "change_failed",
    "timeout",
    "patch_failed",
    "environment",
    "image_missing",
    "model_error",
    "error",
]
MEANING: Final[Mapping[Outcome, str]] = {
    "resolved": "delivered with a proof, and the hidden tests pass",
    "wrong": "delivered with a proof, and the hidden tests fail",
    "undelivered": "nothing was delivered",
    "budget": "its own budget was spent",
    "waits": "a person is asked before there is a proof",
    "refused": "the model refuses the task",
    "change_failed": "the change that was predicted does not apply",
    "timeout": "the hidden tests did not come to an end",
    "patch_failed": "the patch with the tests does not apply",
    "environment": "the hidden tests do not run, not even on the base",
    "image_missing": "its image is not there",
    "model_error": "the model's endpoint failed",
    "error": "ours, or the machine's",
}
APART: Final[frozenset[Outcome]] = frozenset(
    {"timeout", "patch_failed", "environment", "image_missing", "model_error", "error"}
)
"""What says nothing about the agent: no part of a rate, and named beside it."""


@value
class AttemptResult:
    """What one attempt at a case came to, with all that it took."""

    case: str
    attempt: int = 1
    run: str = ""
    outcome: Outcome
    status: str = ""
    """Of the run."""
    code: str = ""
    message: str = ""
    hidden_passed: bool = False
    """The hidden tests pass, whether or not anything was delivered."""
    base: str = ""
    tree: str = ""
    """That was judged."""
    proof_command: str = ""
    proof_code: int | None = None
    proof_counts: str = ""
    tests_command: str = ""
    tests_code: int | None = None
    mended: int = 0
    """Of the tests that had to begin to pass, so many did."""
    to_mend: int = 0
    kept: int = 0
    """Of the tests that had to go on passing, so many did."""
    to_keep: int = 0
    failing: tuple[str, ...] = ()
    """Of both, the first that did not pass."""
    models: tuple[str, ...] = ()
    model_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: Decimal = Decimal(0)
    turns: int = 0
    prompts: int = 0
    """How often a person was asked."""
    patch_lines: int = 0
    seconds: float = 0.0
    run_seconds: float = 0.0
    """Of them in the run."""
    tests_seconds: float = 0.0
    """Of them in the hidden tests, and in the sandbox for them."""
    harness_seconds: float = 0.0
    """Of them in neither."""
    peak_mb: float = 0.0
    """Of this process until then."""
    at: datetime | None = None


@value
class Prediction:
    """A line of SWE-bench's predictions."""

    instance_id: str
    model_name_or_path: str
    model_patch: str


@value
class Manifest:
    """What an evaluation is about; a resumed one has to be about the same."""

    dataset: str
    digest: str
    cases: tuple[str, ...]
    k: int = 1
    strategy: str = ""
    model: str = ""
    predictions: str = ""
    """SHA-256 of the predictions that are judged instead of running anything; ``gold`` for the dataset's own."""
    version: str = ""
    commit: str = ""
    """Of Signoff."""
    begun_at: datetime | None = None


@value
class Summary:
    """An evaluation in numbers."""

    dataset: str
    digest: str = ""
    strategy: str = ""
    model: str = ""
    version: str = ""
    commit: str = ""
    k: int = 1
    cases: int
    """Of which there is at least one attempt."""
    attempts: int
    judged: int
    """Attempts without those that say nothing about the agent."""
    resolved: int
    """Attempts."""
    rate: float
    low: float
    high: float
    """Wilson's interval at 95 %, over attempts."""
    at_k: Mapping[str, float] = Field(default_factory=dict[str, float])
    """pass@1 … pass@k, without bias, over cases."""
    outcomes: Mapping[str, int]
    unreadable: int = 0
    cost: Decimal = Decimal(0)
    tokens: int = 0
    prompts_per_run: float = 0.0
    turns_per_run: float = 0.0
    seconds_per_run: float = 0.0
    harness_share: float = 0.0
    peak_mb: float = 0.0
    at: datetime | None = None


_RESULT = TypeAdapter(AttemptResult)
_MANIFEST = TypeAdapter(Manifest)
_PREDICTION = TypeAdapter(Prediction)


@dataclass(frozen=True, slots=True)
class ResultsFolder:
    """Where an evaluation is kept."""

    path: Path

    @property
    def home(self) -> Path:
        """Data directory of its runs: of no other evaluation, so that no cache helps it."""
        return self.path / "home"

    def begin(self, manifest: Manifest) -> Manifest:
        """Write what the evaluation is about; of one that began before, return what was written then.

        Raises:
            Refused: ``evaluation_differs``: the folder holds an evaluation of something else.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        place = self.path / "evaluation.json"
        if place.exists():
            before = self.manifest()
            for name in ("digest", "strategy", "model", "predictions"):
                if getattr(before, name) != getattr(manifest, name):
                    raise Refused(
                        f"{self.path} holds an evaluation with another {name}: {getattr(before, name) or 'none'}.",
                        code="evaluation_differs",
                        hint="Name another folder with --out, or the same dataset, strategy and model.",
                    )
            # The ids of its runs come from when it began.
            manifest = replace(manifest, begun_at=before.begun_at)
        _replace(place, _MANIFEST.dump_json(manifest, indent=1))
        self._mend()
        return manifest

    def manifest(self) -> Manifest:
        """Raises Refused ``evaluation_missing``."""
        try:
            return _MANIFEST.validate_json((self.path / "evaluation.json").read_bytes())
        except (OSError, ValueError) as error:
            raise Refused(
                f"{self.path} holds no evaluation: {str(error)[:200]}",
                code="evaluation_missing",
                hint="Name the folder that signoff eval DATASET --out wrote.",
            ) from error

    def results(self) -> tuple[AttemptResult, ...]:
        """Every attempt that ended, the last line of each."""
        return tuple({(each.case, each.attempt): each for each in self._every()}.values())

    def costs(self) -> dict[str, Decimal]:
        """What each run has cost, also those whose attempts were tried again."""
        return {each.run: each.cost for each in self._every()}

    def _every(self) -> list[AttemptResult]:
        return [_RESULT.validate_json(line) for line in _lines(self.path / "results.jsonl")]

    def predictions(self) -> dict[tuple[str, int], Prediction]:
        """Every change, by case and attempt."""
        found: dict[tuple[str, int], Prediction] = {}
        for place in self.path.glob("predictions*.jsonl"):
            attempt = int(place.stem.partition("-")[2] or 1)
            found |= {(case, attempt): each for case, each in read_predictions(place).items()}
        return found

    def keep_judged(self, document: object) -> None:
        """Keep what a judge said of the changes, in ``judged.json``."""
        _replace(self.path / "judged.json", json.dumps(document, indent=1).encode())

    def add(self, result: AttemptResult, patch: str, model: str) -> None:
        """Keep the result of an attempt for good, and its change beside it."""
        name = "predictions.jsonl" if result.attempt == 1 else f"predictions-{result.attempt}.jsonl"
        prediction = Prediction(instance_id=result.case, model_name_or_path=model, model_patch=patch)
        # The result comes last: an attempt counts as done only when its change is there, too.
        for place, line in ((name, _PREDICTION.dump_json(prediction)), ("results.jsonl", _RESULT.dump_json(result))):
            with (self.path / place).open("ab") as file:
                file.write(line + b"\n")
                file.flush()
                os.fsync(file.fileno())

    def _mend(self) -> None:
        """Cut off a line that a kill left without its end, and predictions of attempts that have no result."""
        for place in (self.path / "results.jsonl", *self.path.glob("predictions*.jsonl")):
            if place.exists() and (data := place.read_bytes()) and not data.endswith(b"\n"):
                _replace(place, data[: data.rfind(b"\n") + 1])
        done = {(each.case, each.attempt) for each in self.results()}
        for place in self.path.glob("predictions*.jsonl"):
            attempt = int(place.stem.partition("-")[2] or 1)
            kept: dict[str, bytes] = {}
            for line in _lines(place):
                case = str(json.loads(line)["instance_id"])
                if (case, attempt) in done:
                    kept[case] = line
            _replace(place, b"".join(line + b"\n" for line in kept.values()))


def read_predictions(path: Path) -> dict[str, Prediction]:
    """Read predictions, by case; SWE-bench knows them as JSON lines and as one list.

    Raises:
        Refused: ``predictions_invalid``, with the line.
    """
    at = 0
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        lines = [json.dumps(each) for each in json_value(text)] if text.lstrip().startswith("[") else text.split("\n")
        predictions: dict[str, Prediction] = {}
        for number, line in enumerate(lines, 1):
            at = number
            if line.strip():
                document = json_value(line)
                # An agent that made nothing says null; a line of something else has no such key.
                patch, model = document["model_patch"] or "", document.get("model_name_or_path") or ""
                prediction = Prediction(
                    instance_id=document["instance_id"], model_name_or_path=model, model_patch=patch
                )
                predictions[prediction.instance_id] = prediction
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            f"{path}, line {at}: this is no prediction ({str(error)[:200]}).",
            code="predictions_invalid",
            hint='A line is {"instance_id": …, "model_name_or_path": …, "model_patch": …}.',
        ) from error
    return predictions


def summary(manifest: Manifest, results: Sequence[AttemptResult], *, unreadable: int = 0) -> Summary:
    """Count an evaluation."""
    judged = [each for each in results if each.outcome not in APART]
    good = sum(each.outcome == "resolved" for each in judged)
    interval: Interval = wilson(good, len(judged))
    by_case: dict[str, list[bool]] = {}
    for each in judged:
        by_case.setdefault(each.case, []).append(each.outcome == "resolved")
    whole = [each for each in by_case.values() if len(each) >= manifest.k]
    at_k = {
        str(k): sum(pass_at_k(len(each), sum(each), k) for each in whole) / len(whole)
        for k in range(1, manifest.k + 1)
        if whole
    }
    runs, seconds = max(1, len(results)), sum(each.seconds for each in results)
    return Summary(
        dataset=manifest.dataset,
        digest=manifest.digest,
        strategy=manifest.strategy,
        model=manifest.model,
        version=manifest.version,
        commit=manifest.commit,
        k=manifest.k,
        cases=len({each.case for each in results}),
        attempts=len(results),
        judged=len(judged),
        resolved=good,
        rate=interval.value,
        low=interval.low,
        high=interval.high,
        at_k=at_k,
        outcomes=dict(Counter(each.outcome for each in results)),
        unreadable=unreadable,
        cost=sum((each.cost for each in results), Decimal(0)),
        tokens=sum(each.tokens_in + each.tokens_out for each in results),
        prompts_per_run=sum(each.prompts for each in results) / runs,
        turns_per_run=sum(each.turns for each in results) / runs,
        seconds_per_run=seconds / runs,
        harness_share=sum(each.harness_seconds for each in results) / seconds if seconds else 0.0,
        peak_mb=max((each.peak_mb for each in results), default=0.0),
        at=max((each.at for each in results if each.at is not None), default=None),
    )


def _lines(place: Path) -> list[bytes]:
    try:
        return [line for line in place.read_bytes().split(b"\n") if line.strip()]
    except FileNotFoundError:
        return []


def _replace(place: Path, data: bytes) -> None:
    fresh = place.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.replace(place)
