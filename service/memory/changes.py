"""Changes that people make to what runs remember, each with a line in the audit: their words steer others' runs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import AuditFact
from database import writing
from memory import Memory, MemoryBook
from telemetry.audit import Audit

_MEMORY = TypeAdapter(Memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryChanges:
    """Writes, corrects, pins and forgets for a person. Raises as ``MemoryBook`` does."""

    book: MemoryBook
    audit: Audit
    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def write(self, org: str, repo: str, *, title: str, text: str, person: str) -> Memory:
        """Keep a fact that the person knows."""
        written = await self.book.write(org, repo, title=title, text=text, person=person)
        await self._recorded("memory.written", org, written.id, person)
        return written

    async def edit(self, org: str, named: str, text: str, *, person: str) -> Memory:
        """Put the person's words in the place of a memory's."""
        edited = await self.book.edit(org, named, text, person=person)
        await self._recorded("memory.edited", org, edited.id, person)
        return edited

    async def pin(self, org: str, named: str, *, pinned: bool, person: str) -> Memory:
        """Have a memory shown first and kept, or no longer."""
        changed = await self.book.pin(org, named, pinned=pinned, person=person)
        await self._recorded("memory.pinned" if pinned else "memory.unpinned", org, changed.id, person)
        return changed

    async def forget(self, org: str, named: str, *, person: str) -> Memory:
        """Remove a memory; a run may learn the same again."""
        gone = await self.book.forget(org, named)
        await self._recorded("memory.forgotten", org, gone.id, person)
        return gone

    async def _recorded(self, verb: str, org: str, id_: str, person: str) -> None:
        fact = AuditFact(at=self.clock(), org=org, actor=person, verb=verb, object=f"memory:{id_}")
        async with writing(self.engine) as conn:
            await self.audit.append(conn, fact)


def document(memory: Memory) -> dict[str, Any]:
    """A memory as JSON of the command and of the API."""
    return {**_MEMORY.dump_python(memory, mode="json"), "rejected": memory.rejected}
