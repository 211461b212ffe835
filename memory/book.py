"""Memory book: the memories of one organisation's repositories, in its store. Learns, recalls, and obeys persons.

Whatever is asked for, it is asked of the store of one organisation, which knows no other.
"""

import asyncio
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import sqrt

from pydantic import TypeAdapter, ValidationError

from domain import Refused
from domain.errors import Missing, Unavailable
from memory.contract import Embed, Files, ItemStore, Rank
from memory.learning import learned
from memory.records import KINDS, MOST_TEXT, NAMESPACE, EndedRun, Memory, MemoryKind, memory_id, namespace_of
from memory.relevance import allowed, chosen, expired, fused

MOST_LISTED = 1_000
"""Memories of one repository that are read: more than a repository may have."""
MOST_READ = 20_000
"""Of an organisation."""
FOUND = 5
_MEMORY = TypeAdapter(Memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """What a repository's memories have for one question."""

    best: tuple[Memory, ...]
    """Those worth showing unasked."""
    found: tuple[Memory, ...]
    """Those that say something about it, best first."""
    known: int
    """So many there are."""
    expired: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryBook:
    """Keeps memories. ``kinds`` are those that runs are shown."""

    store_of: Callable[[str], ItemStore]
    """The store of an organisation."""
    rank: Rank
    clock: Callable[[], datetime]
    kinds: frozenset[MemoryKind] = frozenset(KINDS)
    embed_of: Callable[[str], Embed] | None = None
    """Vectors of an organisation's texts, where an endpoint embeds: then memories are compared by meaning, too."""

    async def learn(self, ended: EndedRun) -> None:
        """Take what an ended run showed into the memories of its repository."""
        known = {each.id: each for each in await self._of(ended.org, ended.repo)}
        await self._write(ended.org, known, learned(known, ended))

    async def rebuild(self, org: str, runs: AsyncIterable[EndedRun], *, repo: str = "") -> int:
        """Make all memories anew from runs, oldest first; what persons wrote or pinned stays. Returns how many are."""
        before = await self.all(org, repo=repo)
        books: dict[str, dict[str, Memory]] = {}
        for each in before:
            if each.by_person:
                books.setdefault(each.repo, {})[each.id] = each
        async for ended in runs:
            if not repo or ended.repo == repo:
                books[ended.repo] = learned(books.get(ended.repo, {}), ended)
        after = {each.id: each for book in books.values() for each in book.values()}
        await self._write(org, {each.id: each for each in before}, after)
        return len(after)

    async def recall(self, org: str, repo: str, query: str, files: Files, *, outside: bool) -> Recollection:
        """What a run may be shown of a repository's memories that says something about a question.

        Args:
            org: whose memories.
            repo: as runs name it.
            query: a task, or what a coder searches for.
            files: of the tree that is worked on; what is about others is left out.
            outside: see ``relevance.allowed``.
        """
        known = await self._of(org, repo)
        contents = await files() if known else {}
        current = [each for each in known if not expired(each, contents)]
        open_to = [each for each in current if allowed(each, kinds=self.kinds, outside=outside)]
        counts = {"known": len(known), "expired": len(known) - len(current)}
        if not open_to:
            return Recollection(best=(), found=(), **counts)
        scores = await self._scores(org, query, open_to)
        ranked = sorted(zip(scores, open_to, strict=True), key=lambda pair: (-pair[0], pair[1].id))
        return Recollection(
            best=chosen(open_to, scores), found=tuple(each for score, each in ranked if score > 0)[:FOUND], **counts
        )

    async def open(self, org: str, repo: str, named: str) -> Memory:
        """The memory of a repository that a run asks for by its id, or the beginning of it.

        Raises:
            Refused: ``memory_not_found``, also where its kind is shown to no run; ``memory_ambiguous``.
        """
        memory = await self.get(org, named, repo=repo)
        if not allowed(memory, kinds=self.kinds, outside=True):
            raise _missing(named)
        return memory

    async def all(self, org: str, *, repo: str = "") -> list[Memory]:
        """Every memory of an organisation, or of one repository of it, the newest first."""
        if repo:
            found = await self._of(org, repo)
        else:
            items = await self.store_of(org).asearch((NAMESPACE,), limit=MOST_READ)
            found = [memory for item in items if (memory := _read(item.value)) is not None]
        return sorted(found, key=lambda each: (each.learnt_at, each.id), reverse=True)

    async def get(self, org: str, named: str, *, repo: str = "") -> Memory:
        """The memory whose id begins like this, of one repository if it is named.

        Raises:
            Refused: ``memory_not_found``, ``memory_ambiguous``.
        """
        found = [each for each in await self.all(org, repo=repo) if named and each.id.startswith(named)]
        if not found:
            raise _missing(named)
        if len(found) > 1:
            raise Refused(
                f"Several memories begin with {named!r}.", code="memory_ambiguous", hint="Give more of the id."
            )
        return found[0]

    async def write(self, org: str, repo: str, *, title: str, text: str, person: str) -> Memory:
        """Keep a fact that a person knows. Raises ``memory_too_large``."""
        memory = Memory(
            id=memory_id(repo, "semantic", f"person {title}"),
            kind="semantic",
            repo=repo,
            title=title.strip()[:200],
            text=_fitting(text),
            subject=f"person {title}"[:2_000],
            pinned=True,
            pinned_by=person,
            edited_by=person,
            learnt_at=self.clock(),
        )
        await self._put(org, memory)
        return memory

    async def edit(self, org: str, named: str, text: str, *, person: str) -> Memory:
        """Correct a memory: its words are a person's from now on, and carry no words of outsiders.

        Raises:
            Refused: ``memory_not_found``, ``memory_ambiguous``, ``memory_too_large``.
        """
        memory = await self.get(org, named)
        # Its files are as they were when it was learnt; what a person says holds until they say otherwise.
        edited = replace(memory, text=_fitting(text), edited_by=person, outside=False, cites=())
        await self._put(org, edited)
        return edited

    async def pin(self, org: str, named: str, *, pinned: bool, person: str) -> Memory:
        """Pin a memory, or let it go. Raises ``memory_not_found``, ``memory_ambiguous``."""
        memory = await self.get(org, named)
        changed = replace(memory, pinned=pinned, pinned_by=person if pinned else "")
        await self._put(org, changed)
        return changed

    async def forget(self, org: str, named: str) -> Memory:
        """Remove a memory. Raises ``memory_not_found``, ``memory_ambiguous``."""
        memory = await self.get(org, named)
        await self.store_of(org).adelete(namespace_of(memory.repo, memory.kind), memory.id)
        return memory

    async def _of(self, org: str, repo: str) -> list[Memory]:
        items = await self.store_of(org).asearch(namespace_of(repo, "")[:2], limit=MOST_LISTED)
        found = (_read(item.value) for item in items)
        # Two repositories whose names have the same hash are not one.
        return [each for each in found if each is not None and each.repo == repo]

    async def _write(self, org: str, before: Mapping[str, Memory], after: Mapping[str, Memory]) -> None:
        for id_, memory in after.items():
            if before.get(id_) != memory:
                await self._put(org, memory)
        for id_, memory in before.items():
            if id_ not in after:
                await self.store_of(org).adelete(namespace_of(memory.repo, memory.kind), id_)

    async def _put(self, org: str, memory: Memory) -> None:
        document = _MEMORY.dump_python(memory, mode="json")
        await self.store_of(org).aput(namespace_of(memory.repo, memory.kind), memory.id, document)

    async def _scores(self, org: str, query: str, memories: Sequence[Memory]) -> list[float]:
        texts = [f"{each.title}\n{each.text}" for each in memories]
        scores = await asyncio.to_thread(self.rank, query, texts)
        if self.embed_of is None or not query.strip():
            return fused(scores, None)
        try:
            own, *others = await self.embed_of(org)([query[:8_000], *texts])
        except Unavailable:  # an endpoint that is away, or has changed its length: the words are there
            return fused(scores, None)
        return fused(scores, [cosine(own, other) for other in others])


def _read(document: Mapping[str, object]) -> Memory | None:
    """A memory as it was stored; None: it is none that this version can read."""
    try:
        return _MEMORY.validate_python(document)
    except ValidationError:
        return None


def _missing(named: str) -> Missing:
    return Missing(
        f"There is no memory {named[:80]!r}.", code="memory_not_found", hint="See them with: signoff memory list"
    )


def _fitting(text: str) -> str:
    if not text.strip() or len(text) > MOST_TEXT:
        raise Refused(
            f"A memory has between 1 and {MOST_TEXT:,} characters; this one has {len(text.strip()):,}.",
            code="memory_too_large",
            hint="Say it shorter, or put it into AGENTS.md or a skill (docs/memory.md).",
        )
    return text.strip()


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    lengths = sqrt(sum(x * x for x in a)) * sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0
