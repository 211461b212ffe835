"""Forges as the settings say: their clients, the deploy hooks, and what publishes with them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from approvals import Clock
from approvals.channels import Connections, Subscriptions
from forges import DeployHooks, ForgeEntry, Forges, ForgeSettings, load_forges
from graphs import CodingGraph
from nodes.publishing import Publisher
from sandbox import Delivery, Store
from sandbox.source import AuthorisedRemote
from service.forges.approvals import ENDPOINT
from service.forges.status import ForgeStatus
from service.runs.engine import Ended
from service.runs.runs import RunState
from service.settings import Settings


def forge_settings(settings: Settings) -> ForgeSettings:
    """The file of SIGNOFF_FORGES; without one no forge is known. Raises ``forges_invalid``."""
    if settings.forges is None:
        return ForgeSettings()
    loaded = load_forges(settings.forges)
    return replace(loaded, forges=with_network(loaded.forges, settings))


def with_network(entries: Sequence[ForgeEntry], settings: Settings) -> tuple[ForgeEntry, ...]:
    """The forges with the proxy and the certificates that all clients have, where the file names none of its own.

    They stand in the entry because git is told them by its own configuration alone.
    """
    ca = str(settings.ssl_cert_file or "")
    return tuple(
        replace(each, ca=each.ca or ca, proxy=each.proxy or settings.proxy_for(each.endpoint)) for each in entries
    )


def mailing(forges: ForgeSettings, connections: Connections) -> Subscriptions:
    """Who hears of approvals: the web hooks, and the forges where there are any."""
    return Subscriptions(all=connections.notify.endpoints, elsewhere=(ENDPOINT,) if forges.forges else ())


def open_publisher(
    forges: ForgeSettings, store: Store, clock: Clock, closing: Callable[[Callable[[], Awaitable[None]]], object]
) -> Publisher:
    """Return what publishes deliveries.

    Args:
        forges: which there are.
        store: where the commits of runs are.
        clock: what time it is for tokens and requests that are signed.
        closing: takes what has to be closed in the end.
    """
    registry = Forges(entries=forges.forges, clock=clock)
    closing(registry.close)
    hooks = DeployHooks(entries=forges.deploys, clock=clock)

    async def authorise(repo: str) -> AuthorisedRemote | None:
        access = await registry.access_to(repo)
        if access is None:
            return None
        # The address is the one that was named and permitted, whatever the forge calls it.
        return AuthorisedRemote(url=repo, header=access.header.get_secret_value(), ca=access.ca, proxy=access.proxy)

    if forges.forges:
        store.authorise(authorise)
    return Publisher(delivery=Delivery(store), forges=registry, hooks=hooks)


def open_status(forges: Forges, graph: CodingGraph) -> ForgeStatus:
    """Return what keeps commit statuses of published changes, for the runs of a graph."""

    async def values(run: str) -> Mapping[str, Any]:
        return (await graph.aget_state({"configurable": {"thread_id": run}})).values

    return ForgeStatus(forges=forges, values=values)


def both(first: Ended, second: Ended) -> Ended:
    """Both hear of a run that ended."""

    async def ended(standing: RunState) -> None:
        await first(standing)
        await second(standing)

    return ended
