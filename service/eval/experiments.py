"""Experiments: an evaluation in the Langfuse project that is configured, beside the traces of its runs."""

from collections.abc import Sequence

from domain import Refused
from service.eval.results import AttemptResult, Manifest
from service.settings import Settings
from service.wiring.application import Application
from service.wiring.telemetry import RunSpans, score_client
from telemetry.langfuse import DatasetClient, ExperimentItem, RunScore, item_id


async def publish(
    settings: Settings, application: Application, manifest: Manifest, results: Sequence[AttemptResult]
) -> int:
    """Make the dataset, and say of every run which item it answered and what came of it; return how many.

    Doing it again says the same again. An attempt without a run (a prediction of others) has no trace to point to.

    Raises:
        Refused: ``langfuse_unconfigured``, ``langfuse_missing`` or ``langfuse_refused``.
        Transient: ``langfuse_unavailable``.
    """
    scores, spans, engine = score_client(settings), application.engine.spans, application.engine
    if scores is None or not isinstance(spans, RunSpans):
        raise Refused(
            "No Langfuse is configured.",
            code="langfuse_unconfigured",
            hint="Set LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.",
        )
    facts = {"digest": manifest.digest}
    dataset = await DatasetClient(scores).put(manifest.dataset, dict.fromkeys(manifest.cases, facts))
    began = f"{manifest.begun_at:%Y-%m-%d %H:%M}" if manifest.begun_at else ""
    experiment = " ".join(filter(None, (manifest.strategy, manifest.model, manifest.version, began)))
    count = 0
    for result in results:
        run = await engine.runs.exactly(result.run, org=application.org)
        if run is None:
            continue
        item = ExperimentItem(experiment=experiment, dataset_id=dataset, item=item_id(manifest.dataset, result.case))
        spans.about(
            run,
            "eval.case",
            item,
            {
                "langfuse.observation.type": "chain",
                "app.eval.case": result.case,
                "app.eval.attempt": result.attempt,
                "app.eval.outcome": result.outcome,
            },
        )
        at = result.at or engine.clock()
        passed = RunScore.tests_passed(run.id, passed=result.outcome == "resolved", at=at)
        await scores.send([passed, RunScore.cost_usd(run.id, cost=result.cost, at=at)])
        count += 1
    return count
