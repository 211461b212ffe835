"""Langfuse's API: scores of runs, datasets and experiments. Spans go there by OpenTelemetry (``telemetry.otlp``)."""

from telemetry.langfuse.experiments import DatasetClient, ExperimentItem, item_id
from telemetry.langfuse.scores import RunScore, ScoreClient, ScoreReporter, scores_of

__all__ = ["DatasetClient", "ExperimentItem", "RunScore", "ScoreClient", "ScoreReporter", "item_id", "scores_of"]
