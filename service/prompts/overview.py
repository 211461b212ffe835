"""Overview of prompts: every version that is known, and the share of new runs that speaks it."""

from collections.abc import Mapping, Sequence
from typing import Any

from models import Prompt
from service.prompts import canaries
from service.prompts.canaries import Canary
from service.prompts.selection import RunPrompts


def shares(
    versions: Sequence[Prompt], *, promoted: str = "", canary: Canary | None = None, staging: float = 0.0
) -> Mapping[str, float]:
    """The share of new runs of each version that gets any.

    Args:
        versions: those of the files or Langfuse, of several with one label the first counts; then others.
        promoted: the version that was promoted; empty: what is labelled production.
        canary: the one that is running. It divides the runs between its two versions, and none gets the staged one.
        staging: the share that gets the staged version, where there is one.
    """
    if canary is not None:
        return {canary.against: 1.0 - canary.share, canary.version: canary.share}
    staged, production = (
        next((each for each in versions if each.label == label), None) for label in ("staging", "production")
    )
    current = promoted or (production.version if production is not None else "")
    if staged is None or staged.version == current:
        return {current: 1.0}
    return {version: share for version, share in ((current, 1.0 - staging), (staged.version, staging)) if share > 0}


async def overview(prompts: RunPrompts, org: str, *, staging: float) -> list[dict[str, Any]]:
    """Every prompt with its versions, what was promoted, and the canary that is running, as JSON."""
    running = {each.name: each for each in await prompts.canaries.list(org) if each.state == "running"}
    documents: list[dict[str, Any]] = []
    for name in prompts.versions.sources:
        here = await prompts.versions.source(name).versions()
        promoted, canary = await prompts.changes.current(org, name), running.get(name)
        spoken = shares(here, promoted=promoted, canary=canary, staging=staging)
        documents.append(
            {
                "name": name,
                "promoted": promoted,
                "canary": canaries.document(canary) if canary is not None else None,
                "versions": [
                    {"version": each.version, "label": each.label, "share": round(spoken.get(each.version, 0.0), 4)}
                    for each in await prompts.versions.all(name)
                ],
            }
        )
    return documents
