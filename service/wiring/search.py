"""Search of repositories for people: the passages of a run's tree, or of a commit, that a question is about."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nodes._masking import Masks
from nodes.coder.context import TreeFiles
from retrieval import Finder, IndexFolder, Passage, Progress, passages_of
from sandbox import Pinned, Store

MOST_TOKENS = 20_000
FIRST_INDEX_S = 1_800.0
"""The longest that a question waits for the first index of a repository; the next one goes on from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """Passages, best first, and what was searched for them."""

    repo: str
    commit: str
    tree: str
    passages: tuple[Passage, ...]
    files: int
    """Searched."""
    added: int
    """Read for this question, and not before."""
    skipped: dict[str, int]
    """Files that are not searched, by the reason."""
    complete: bool

    def document(self) -> dict[str, Any]:
        """As JSON of the command and of the API."""
        passages = [
            {
                "path": p.path,
                "start_line": p.start_line,
                "end_line": p.end_line,
                "score": round(p.score, 6),
                "why": p.why,
                "text": p.text,
            }
            for p in self.passages
        ]
        return {**asdict(self), "passages": passages}


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySearch:
    """Searches with the index that the planner and the coder have."""

    store: Store
    masks: Masks
    indexes: IndexFolder
    folder: Path
    """Where commits are kept that were searched without a run."""

    async def in_run(
        self, run: str, tree: str, query: str, *, budget_tokens: int, seconds: float = FIRST_INDEX_S
    ) -> SearchAnswer:
        """Search a tree of a run. Raises ``run_not_found``."""
        await self.store.refresh(run)
        files = TreeFiles(self.store, run, tree, await self.masks(run))
        pinned = self.store.pinned(run)
        finder = Finder(files, index=self.indexes.of(pinned.repo), seconds=seconds)
        return await _answer(finder, files, pinned, query, budget_tokens)

    async def in_repository(
        self,
        repo: str,
        query: str,
        *,
        rev: str = "HEAD",
        org: str,
        budget_tokens: int,
        seconds: float = FIRST_INDEX_S,
        progress: Progress | None = None,
    ) -> SearchAnswer:
        """Search a commit of a repository. Raises as ``Store.pin``."""
        name = hashlib.sha256(f"{org}\0{repo}".encode(errors="replace")).hexdigest()[:32]
        run = hashlib.sha256(rev.encode(errors="replace")).hexdigest()[:16]
        store = self.store.beside(self.folder / name)
        pinned = await store.pin(run, repo, rev)
        masker = await Masks(store, personal=self.masks.personal)(run)
        files = TreeFiles(store, run, pinned.tree, masker)
        finder = Finder(files, index=self.indexes.of(pinned.repo), seconds=seconds, progress=progress)
        return await _answer(finder, files, pinned, query, budget_tokens)


async def _answer(finder: Finder, files: TreeFiles, pinned: Pinned, query: str, budget_tokens: int) -> SearchAnswer:
    ranked, masker = await finder.ranked(query), files.masker
    passages = passages_of(ranked, budget_tokens=min(budget_tokens, MOST_TOKENS))
    return SearchAnswer(
        repo=masker.text(pinned.repo),
        commit=pinned.commit,
        tree=files.tree,
        passages=tuple(
            replace(p, path=masker.text(p.path), text=masker.text(p.text), why=masker.text(p.why)) for p in passages
        ),
        files=ranked.coverage.files,
        added=ranked.coverage.added,
        skipped=dict(ranked.coverage.skipped),
        complete=ranked.coverage.complete,
    )
