"""Edits of the coder, brought to what files really hold: those that fit become a change, the others are explained."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain import CodeChange, EditBlock, FileEdit, NewFile
from nodes.coder.context import RecentTrees
from nodes.coder.slices import ExecuteInput


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedEdits:
    """What of an edit can be done, and what the coder is told of the rest."""

    change: CodeChange | None
    told: str = ""
    problems: bool = False


async def resolved(trees: RecentTrees, state: ExecuteInput, edits: Sequence[EditBlock]) -> ResolvedEdits:
    """Find for each edit the file and the place that it means."""
    files = await trees.of(state["run"], state["snapshot"].tree)
    there = set(await files.files())
    change = CodeChange(
        files_to_create=tuple(
            NewFile(path=each.path, content=each.content)
            for each in edits
            if each.content is not None and each.path not in there
        ),
        files_to_update=tuple(
            FileEdit(path=each.path, search=each.search, replace=each.replace, content=each.content)
            for each in edits
            if not each.delete and not (each.content is not None and each.path not in there)
        ),
        files_to_delete=tuple(each.path for each in edits if each.delete),
    )
    return ResolvedEdits(change=change)
