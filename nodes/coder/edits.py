"""Edits of the coder, brought to what the files really hold: those that fit are made, the others are explained."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from domain import CodeChange, Refused
from domain.coder import EditBlock, OpenAction
from domain.masking import PLACEHOLDER, not_shown
from domain.text import NumberedEdit, PathLadder, fitted_change, numbered_edits
from nodes.coder.context import KeptFiles, RecentTrees
from nodes.coder.slices import ExecuteInput

_MARK = "<file path='"
"""What stands before a path in the context (see ``nodes.coder.context``)."""
SHOWN = 40
"""Files that an edit without a path is looked for in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedEdits:
    """What of an edit can be done, and what the coder is told of how it was read and of the rest."""

    change: CodeChange
    explanation: str = ""
    problems: int = 0
    """Edits that are not in the change."""

    @property
    def nothing(self) -> bool:
        """True when not one edit fits."""
        change = self.change
        return self.problems > 0 and not (change.files_to_create or change.files_to_update or change.files_to_delete)


async def fitted(trees: RecentTrees, state: ExecuteInput, edits: Sequence[EditBlock]) -> FittedEdits:
    """Find for each edit the file and the place that it means."""
    numbered = [NumberedEdit(number=number, edit=edit) for number, edit in enumerate(edits, 1)]
    return await _fitted(trees, state, CodeChange(), numbered)


async def fitted_to_files(trees: RecentTrees, state: ExecuteInput, change: CodeChange, tree: str = "") -> FittedEdits:
    """The same for a whole change, and for files of another tree than that of the last snapshot."""
    return await _fitted(trees, state, change, numbered_edits(change), tree)


async def _fitted(
    trees: RecentTrees, state: ExecuteInput, change: CodeChange, edits: Sequence[NumberedEdit], tree: str = ""
) -> FittedEdits:
    files = await trees.of(state["run"], tree or state["snapshot"].tree)
    # A path with a masked part is looked up where it is applied, which knows what was masked.
    masked = [each.edit.path for each in edits if PLACEHOLDER.search(each.edit.path)]
    paths = (*await files.files(), *masked)
    there = frozenset(paths)
    named = [turn.action.path for turn in state.get("turns", ()) if isinstance(turn.action, OpenAction)][::-1]
    named += [cited.rpartition(":")[0] or cited for cited in state["plan"].context_used]
    named += [part.partition("'")[0].rpartition(":")[0] for part in state["context"].split(_MARK)[1:]]
    shown = [path for path in dict.fromkeys(named) if path in there][:SHOWN]
    looked_for = any(not each.edit.path.strip() for each in edits)
    ladder = PathLadder(tree=paths, shown=shown, texts=await _texts(files, shown) if looked_for else {})
    placed, notes, lost = await asyncio.to_thread(ladder.place, edits)
    present = [each.edit.path for each in placed]
    # What lies behind a symbolic link is found by who follows links; its edits have to be exact.
    new = [path for path in present if path not in there and not ladder.behind_a_link(path)]
    texts: dict[str, str | None] = dict.fromkeys(new)
    texts |= await _texts(files, [path for path in present if path in there])
    fit = await asyncio.to_thread(fitted_change, change, placed, texts)
    problems = sorted((*lost, *fit.problems), key=lambda each: each.number)
    some_fit = fit.change.files_to_create or fit.change.files_to_update or fit.change.files_to_delete
    others = "The other edits were made." if problems and some_fit else ""
    explanation = "\n".join(line for line in (*notes, *fit.repaired, *map(str, problems), others) if line)
    return FittedEdits(change=fit.change, explanation=explanation, problems=len(problems))


async def _texts(files: KeptFiles, paths: Sequence[str]) -> dict[str, str]:
    """What is to be seen of these files; those that cannot be read or are not shown are left out."""
    texts: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        try:
            text = (await files.read(path)).decode(errors="replace")
        except Refused:
            continue
        if text != not_shown(path):
            texts[path] = text
    return texts
