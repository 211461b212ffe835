"""Recall of memories: what planner and coder are shown of earlier runs, through the search and the open they have.

A repository without memories costs one question to the store, and its prompts are what they would be without any. Words
of outsiders are shown to nobody unasked; whoever asks for them has read text from outsiders from then on.
"""

from dataclasses import dataclass, field

from domain.coder import OpenAction, SearchAction
from memory import (
    KINDS,
    MOST_SKILL_BYTES,
    PREFIX,
    Memory,
    MemoryBook,
    MemoryKind,
    listed_skills,
    opened,
    shown,
    skill_of,
    skill_paths,
)
from nodes._events import announce
from nodes.coder.context import TreeFiles
from nodes.coder.slices import ExecuteInput

MOST_ADDED = 3
"""Memories that a search in words adds to what it found in files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What was read, and whether outsiders' words are in it."""

    text: str = ""
    cited: tuple[str, ...] = ()
    outside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Reads the memories of a run's repository; without a book there are none."""

    book: MemoryBook | None = None
    kinds: frozenset[MemoryKind] = field(default_factory=lambda: frozenset(KINDS))

    async def beginning(self, org: str, repo: str, query: str, files: TreeFiles, *, outside: bool) -> Recalled:
        """What the context of a run has of memories and skills; empty: there are none."""
        parts, cited = list[str](), list[str]()
        if self.book is not None:
            known = await self.book.recall(org, repo, query, files.versions, outside=outside)
            text, quoted = shown(known.best, await files.versions() if known.best else {})
            if text:
                parts.append(text)
                cited += [f"{PREFIX}/{each.id}" for each in quoted]
                announce(
                    "note",
                    f"{len(quoted)} of {known.known} memories of this repository are shown.",
                    subject="memory",
                    memories=[each.id for each in quoted],
                    expired=known.expired,
                )
        if "procedural" in self.kinds and (paths := skill_paths(await files.files())):
            contents = await files.read_many(paths, limit=MOST_SKILL_BYTES)
            skills = [skill for path in paths if path in contents and (skill := skill_of(path, contents[path]))]
            if text := listed_skills(skills):
                parts.append(text)
        return Recalled(text=files.masker.text("\n\n".join(parts)), cited=tuple(cited))

    async def looked_at(
        self, state: ExecuteInput, action: OpenAction | SearchAction, files: TreeFiles
    ) -> Recalled | None:
        """What the coder opens or searches under ``@memory``; None: it looks at files.

        Raises:
            Refused: ``memory_not_found``, ``memory_ambiguous``.
        """
        place = action.path if isinstance(action, OpenAction) else action.where
        if self.book is None or place.strip("`'\" /").partition("/")[0] != PREFIX:
            return None
        repo, named = state["pinned"].repo, place.strip("`'\" /").partition("/")[2]
        if isinstance(action, OpenAction) and named:
            return await self._read((await self.book.open(state["org"], repo, named),), files)
        query = state["task"].text if isinstance(action, OpenAction) else action.query
        known = await self.book.recall(state["org"], repo, query, files.versions, outside=True)
        if not known.found:
            return Recalled(text=f"Nothing that is remembered of this repository is about {query[:200]!r}.")
        return await self._read(known.found, files)

    async def beside(self, state: ExecuteInput, action: OpenAction | SearchAction, files: TreeFiles) -> str:
        """What a search in words has of memories beside files: of outsiders only where the run has read such text."""
        if self.book is None or not isinstance(action, SearchAction) or action.where or action.how != "words":
            return ""
        known = await self.book.recall(
            state["org"], state["pinned"].repo, action.query, files.versions, outside=state["task"].outside
        )
        return (await self._read(known.found[:MOST_ADDED], files)).text if known.found else ""

    async def _read(self, memories: tuple[Memory, ...], files: TreeFiles) -> Recalled:
        versions = await files.versions()
        text = files.masker.text("\n\n".join(opened(each, versions) for each in memories))
        return Recalled(text=text, outside=any(each.outside for each in memories))
