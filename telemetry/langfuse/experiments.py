"""Langfuse datasets: cases of an evaluation as items, and which run answered which, as an experiment.

A dataset and its items are made over the REST client of the SDK; saying it again changes nothing. What answered an item
is said by attributes of a span in the run's trace, as version 5 of the SDK does for experiments of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from domain import value
from telemetry.langfuse.scores import ScoreClient


@value
class ExperimentItem:
    """Which item of a dataset a run was about."""

    experiment: str
    """Name, equal for all runs of one evaluation."""
    dataset_id: str
    item: str

    def attributes(self, root_span: str) -> dict[str, str]:
        """Return what the span ``root_span`` says of itself."""
        return {
            "langfuse.experiment.id": sha256(self.experiment.encode()).hexdigest()[:16],
            "langfuse.experiment.name": self.experiment,
            "langfuse.experiment.dataset.id": self.dataset_id,
            "langfuse.experiment.item.id": self.item,
            "langfuse.experiment.item.root_observation_id": root_span,
        }


def item_id(dataset: str, case: str) -> str:
    """Return the id of a case in a dataset: items of one project share their ids."""
    return sha256(f"{dataset}\0{case}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class DatasetClient:
    """Makes datasets in one Langfuse project."""

    scores: ScoreClient

    async def put(self, name: str, cases: Mapping[str, Mapping[str, Any]]) -> str:
        """Make a dataset with an item for each case, or bring it up to date; return its id.

        Raises:
            Refused: ``langfuse_missing`` or ``langfuse_refused``.
            Transient: ``langfuse_unavailable``.
        """

        async def asked(langfuse: Any) -> str:
            dataset = await langfuse.datasets.create(name=name)
            for case, facts in cases.items():
                await langfuse.dataset_items.create(
                    dataset_name=name, id=item_id(name, case), input={"case": case}, metadata=dict(facts)
                )
            return str(dataset.id)

        return await self.scores.request(asked)
