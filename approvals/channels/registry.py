"""Registry of channels: a new one is a module with a ``Channel`` in it, and its name here.

``tests/contract/test_channels.py`` puts every channel of this table to the same promises.
"""

from collections.abc import Callable
from typing import Any, Final

from approvals.channels.base import Channel
from approvals.channels.github import GITHUB
from approvals.channels.slack import SLACK
from approvals.channels.standard import STANDARD
from approvals.channels.teams import TEAMS
from approvals.events import Notification, PlanNotice
from domain import Refused

CHANNELS: Final = {channel.name: channel for channel in (STANDARD, SLACK, GITHUB, TEAMS)}
"""By the name that ``hooks`` give them: who may answer."""

RENDERED: Final = {each.tells_as or each.name: each.render for each in CHANNELS.values() if each.render is not None}
"""By the name that ``notify.endpoints`` give them: who is told."""

ANNOUNCED: Final = {
    each.tells_as or each.name: each.announce for each in CHANNELS.values() if each.announce is not None
}
"""The same for what is told of an organisation's plan."""


def channel_of(kind: str) -> Channel:
    """The channel of a hook.

    Raises:
        Refused: ``connections_invalid`` for a kind that there is not.
    """
    if kind not in CHANNELS:
        raise Refused(
            f"{kind!r} is no channel that may answer.",
            code="connections_invalid",
            hint=f"The kind of a hook is one of: {', '.join(CHANNELS)}.",
        )
    return CHANNELS[kind]


def renderer_of(kind: str) -> Callable[[Notification, str], dict[str, Any]]:
    """How an endpoint's messages are made.

    Raises:
        Refused: ``connections_invalid`` for a kind that there is not, or that is told nothing.
    """
    if kind not in RENDERED:
        raise Refused(
            f"{kind!r} is no channel that can be told.",
            code="connections_invalid",
            hint=f"The kind of an endpoint is one of: {', '.join(RENDERED)}.",
        )
    return RENDERED[kind]


def announcer_of(kind: str) -> Callable[[PlanNotice], dict[str, Any]]:
    """How the messages about plans are made for an endpoint that ``renderer_of`` knows."""
    return ANNOUNCED[kind]
