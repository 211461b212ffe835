"""Forges as the settings say: their clients, the deploy hooks, and what publishes with them."""

from collections.abc import Awaitable, Callable

from approvals import Clock
from approvals.channels import Connections, Subscriptions
from forges import DeployHooks, Forges, ForgeSettings, load_forges
from nodes._publishing import Publisher
from sandbox import Delivery, Store
from service.forges.approvals import ENDPOINT
from service.settings import Settings


def forge_settings(settings: Settings) -> ForgeSettings:
    """The file of SIGNOFF_FORGES; without one no forge is known. Raises ``forges_invalid``."""
    return load_forges(settings.forges) if settings.forges else ForgeSettings()


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
    return Publisher(delivery=Delivery(store), forges=registry, hooks=hooks)


__all__ = ["forge_settings", "open_publisher"]
