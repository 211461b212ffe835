"""A provider of changes that simply asks a model."""

from dataclasses import dataclass

from domain import CodeChange
from models.contract import Bench, Heard, Job, Model, Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Ask ``model`` for the change; the job's messages are the whole prompt."""

    model: Model

    @property
    def name(self) -> str:
        """The model's name: that is who proposes."""
        return self.model.name

    async def propose(self, job: Job, bench: Bench, *, heard: Heard | None = None) -> Proposal:  # noqa: ARG002
        """See ``Provider.propose``; the bench is not needed."""
        reply = await self.model.ask(job.messages, CodeChange, settings=job.settings, heard=heard)
        return Proposal(
            provider=self.name,
            model=reply.model,
            change=reply.value,
            usage=reply.usage,
            duration_ms=reply.latency_ms,
            note=reply.value.notes,
        )
