"""What every endpoint is asked goes through here first: no secret of a repository reaches a model. See domain/masking.

There is one way from a node, a chat or a plan cache to an endpoint, ``Routed.ask``, and it begins with ``masked``.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from domain.masking import Masker
from models.contract import Message, SelectionContext

MaskerOf = Callable[[SelectionContext], Awaitable[Masker]]
"""The masker of the repository that a question is about."""


async def by_form(_: SelectionContext) -> Masker:
    """Whatever the repository: by the form of secrets and the names they are given to."""
    return Masker()


async def masked(masker_of: MaskerOf, context: SelectionContext, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages as an endpoint may read them."""
    masker = await masker_of(context)
    return tuple(replace(message, content=masker.text(message.content)) for message in messages)
