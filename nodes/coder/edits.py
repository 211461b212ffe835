"""Edits of the coder, brought to what files really hold: those that fit become a change, the others are explained.

It happens before anything is rated: what is rated, shown and signed is exactly what is applied.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from domain import CodeChange, EditBlock, FileEdit, OpenAction, Refused
from domain.masking import PLACEHOLDER, not_shown
from domain.text import FittedChange, PathLadder, fitted_change, numbered_edits
from nodes.coder.context import RecentTrees
from nodes.coder.slices import ExecuteInput
from retrieval import ReadsMany

_MOST_BYTES = 8 << 20
_MARK = "<file path='"
"""What stands before a path in the context (see ``nodes.coder.context``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedEdits:
    """What of an edit can be done, and what the coder is told of the rest."""

    change: CodeChange | None
    told: str = ""
    problems: bool = False


async def resolved(trees: RecentTrees, state: ExecuteInput, edits: Sequence[EditBlock]) -> ResolvedEdits:
    """Find for each edit the file and the place that it means."""
    change = CodeChange(
        files_to_update=tuple(
            FileEdit(path=each.path, search=each.search, replace=each.replace, content=each.content)
            for each in edits
            if not each.delete
        ),
        files_to_delete=tuple(each.path for each in edits if each.delete),
    )
    fitted = await fitted_to(await trees.of(state["run"], state["snapshot"].tree), change, shown_to_coder(state))
    kept = "The other edits are made." if fitted.problems and not fitted.lost else ""
    told = "\n".join(part for part in (fitted.explained, kept, *fitted.repaired) if part)
    return ResolvedEdits(change=None if fitted.lost else fitted.change, told=told, problems=bool(fitted.problems))


async def fitted_to(files: ReadsMany, change: CodeChange, shown: Sequence[str] = ()) -> FittedChange:
    """Make the edits of a change exact against a tree, as its readers see it: secrets are masked in both.

    Args:
        files: of the tree.
        change: as it was proposed.
        shown: paths that were shown to who proposed it.
    """
    edits = numbered_edits(change)
    # A path with a masked part is looked up when it is applied, where it can be read.
    tree = (*await files.files(), *(each.edit.path for each in edits if PLACEHOLDER.search(each.edit.path)))
    known = set(tree)
    there = [path for path in dict.fromkeys(shown) if path in known]
    seen = await _texts(files, there) if any(not each.edit.path.strip() for each in edits) else {}
    ladder = PathLadder(tree=tree, shown=there, texts={path: text for path, text in seen.items() if text is not None})
    placed, notes, lost = await asyncio.to_thread(ladder.place, edits)
    texts = await _texts(files, [each.edit.path for each in placed])
    fitted = await asyncio.to_thread(fitted_change, change, placed, texts)
    problems = tuple(sorted((*lost, *fitted.problems), key=lambda each: each.number))
    return replace(fitted, repaired=(*notes, *fitted.repaired), problems=problems)


def does_not_apply(fitted: FittedChange) -> Refused:
    """Why nothing is left of a change."""
    return Refused(
        fitted.explained[:10_000],
        code="edit_does_not_apply",
        hint="Quote the text exactly as it is in the file, with enough lines around it to be found once.",
    )


def shown_to_coder(state: ExecuteInput) -> tuple[str, ...]:
    """The paths of passages in the context, and of files that were opened."""
    cited = [part.partition("'")[0].rpartition(":")[0] for part in state["context"].split(_MARK)[1:]]
    opened = [turn.action.path for turn in state.get("turns", ()) if isinstance(turn.action, OpenAction)]
    return tuple(dict.fromkeys((*opened, *cited)))


async def _texts(files: ReadsMany, paths: Sequence[str]) -> dict[str, str | None]:
    """The text of each path; None where there is no file. Those that cannot be read or are not shown are left out."""
    there = set(await files.files())
    wanted = [path for path in dict.fromkeys(paths) if path in there]
    read = await files.read_many(wanted, limit=_MOST_BYTES) if wanted else {}
    texts: dict[str, str | None] = {}
    for path in dict.fromkeys(paths):
        parts = path.split("/")
        if path in read and (text := read[path].decode(errors="replace")) != not_shown(path):
            texts[path] = text
        elif path not in there and not any("/".join(parts[:n]) in there for n in range(1, len(parts))):
            texts[path] = None  # nor is it behind a symbolic link
    return texts
