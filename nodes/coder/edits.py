"""Edits of the coder, brought to what the files really hold: those that fit are made, the others are explained."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from domain import CodeChange, EditBlock, OpenAction, Refused
from domain.text import NumberedEdit, PathLadder, fitted_change, numbered_edits
from nodes.coder.context import KeptFiles, RecentTrees
from nodes.coder.slices import ExecuteInput

SHOWN = 40
"""Files that an edit without a path is looked for in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedEdits:
    """What of an edit can be done, and what the coder is told of how it was read and of the rest."""

    change: CodeChange
    told: str = ""
    problems: int = 0
    """Edits that are not in the change."""

    @property
    def nothing(self) -> bool:
        """True when not one edit fits."""
        return self.problems > 0 and self.change.empty


async def fitted(trees: RecentTrees, state: ExecuteInput, edits: Sequence[EditBlock]) -> FittedEdits:
    """Find for each edit the file and the place that it means."""
    numbered = [NumberedEdit(number=number, edit=edit) for number, edit in enumerate(edits, 1)]
    return await _fitted(trees, state, CodeChange(), numbered)


async def fitted_to_files(trees: RecentTrees, state: ExecuteInput, change: CodeChange) -> FittedEdits:
    """The same for a whole change."""
    return await _fitted(trees, state, change, numbered_edits(change))


async def _fitted(
    trees: RecentTrees, state: ExecuteInput, change: CodeChange, edits: Sequence[NumberedEdit]
) -> FittedEdits:
    files = await trees.of(state["run"], state["snapshot"].tree)
    paths = await files.files()
    there = frozenset(paths)
    named = [turn.action.path for turn in state.get("turns", ()) if isinstance(turn.action, OpenAction)][::-1]
    named += [cited.rpartition(":")[0] or cited for cited in state["plan"].context_used]
    shown = [path for path in dict.fromkeys(named) if path in there][:SHOWN]
    looked_for = any(not each.edit.path.strip() for each in edits)
    ladder = PathLadder(tree=paths, shown=shown, texts=await _texts(files, shown) if looked_for else {})
    placed, notes, lost = await asyncio.to_thread(ladder.place, edits)
    present = [each.edit.path for each in placed]
    texts: dict[str, str | None] = {path: None for path in present if path not in there}
    texts |= await _texts(files, [path for path in present if path in there])
    fit = await asyncio.to_thread(fitted_change, change, placed, texts)
    problems = sorted((*lost, *fit.problems), key=lambda each: each.number)
    kept = "The other edits were made." if problems and not fit.change.empty else ""
    told = "\n".join(line for line in (*notes, *fit.repaired, *map(str, problems), kept) if line)
    return FittedEdits(change=fit.change, told=told, problems=len(problems))


async def _texts(files: KeptFiles, paths: Sequence[str]) -> dict[str, str]:
    """What is to be seen of these files; those that cannot be read are left out."""
    texts: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        try:
            texts[path] = (await files.read(path)).decode(errors="replace")
        except Refused:
            continue
    return texts
