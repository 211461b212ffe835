"""Contract: the store that memories are kept in, which is LangGraph's, and what ranks them.

``ItemStore`` has the asynchronous verbs of ``langgraph.store.base.BaseStore`` that are needed here, so that each
store of LangGraph is one: ours over SQLite or PostgreSQL, and ``InMemoryStore``, its twin in tests.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

Rank = Callable[[str, Sequence[str]], Sequence[float]]
"""How much each text says about a query in words; 0.0: nothing. It is the search that files are found with, too."""

Files = Callable[[], Awaitable[Mapping[str, str]]]
"""Hashes of the contents of a tree, by path; asked for only where there is a memory."""

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""One vector for each text, all of one length. Raises ``Unavailable``: trying again may help."""


class StoredItem(Protocol):
    """One document, as a store gives it back."""

    @property
    def key(self) -> str: ...
    @property
    def namespace(self) -> tuple[str, ...]: ...
    @property
    def value(self) -> dict[str, Any]: ...


class ItemStore(Protocol):
    """The documents of one organisation; there is no name by which another one's could be reached."""

    async def aput(self, namespace: tuple[str, ...], key: str, value: Mapping[str, Any]) -> None:
        """Write a document, or write it again. Raises ``Transient`` where the store cannot be reached."""
        ...

    async def asearch(self, namespace_prefix: tuple[str, ...], /, *, limit: int = 10) -> Sequence[StoredItem]:
        """Documents below a namespace, in any order. Raises as ``aput``."""
        ...

    async def adelete(self, namespace: tuple[str, ...], key: str) -> None:
        """Remove a document; removing nothing is fine. Raises as ``aput``."""
        ...
