"""Single dialect: one answer is the whole change, in the blocks of the text dialect or as the JSON object of before."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from domain import CodeChange, FileEdit
from domain.coder import DoneAction, EditAction, EditBlock, RunAction, UseAction
from models.clients import structured
from models.dialects import text
from models.dialects.blocks import ParsedBlock
from models.dialects.fences import split
from models.dialects.reading import checked

_OUTPUTS = "outputs:"
_EXAMPLE = (
    "Answer again with the change itself, in one fenced block for each file, for example:\n\n"
    "```edit src/app.py\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n```"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeReading:
    """A whole change as it was read. Without one, ``problem`` says why and ``example`` what to write instead."""

    change: CodeChange | None = None
    thought: str = ""
    problem: str = ""
    example: str = ""
    code: str = ""
    """``no_action``, ``answer_cut``, ``template_copied`` or ``bad_arguments``."""
    ignored: str = ""
    """What was in the answer and is no part of the change."""
    use: UseAction | None = None
    """A tool that is to be looked something up with first, where the answer holds nothing else."""

    @property
    def correction(self) -> str:
        """What to tell the model where there is no change."""
        return f"{self.problem}\n\n{self.example}".strip()


@cache
def instructions() -> str:
    """What the system prompt says about this dialect."""
    return Path(__file__).with_name("single.md").read_text(encoding="utf-8").strip()


@cache
def use_instructions() -> str:
    """What it says besides where there are tools of servers to look things up with."""
    return Path(__file__).with_name("single_use.md").read_text(encoding="utf-8").strip()


@cache
def json_instructions() -> str:
    """What a model is told whose changes come as one JSON object, after a prompt that speaks of blocks."""
    return Path(__file__).with_name("single_json.md").read_text(encoding="utf-8").strip()


def read(answer: str, *, cut: bool = False) -> ChangeReading:
    """Read one answer.

    An edit of a path that is not named has the path ``""``: the ladder finds the file.

    Args:
        answer: as it came, without its thoughts.
        cut: it ended at the limit of tokens: what it ends with is not whole.
    """
    if (change := json_change(answer)) is not None:
        return ChangeReading(change=change)
    parts, prose = text.parsed_blocks(answer, cut=cut)
    whole = [part for part in parts if part is not None]
    lost = len(whole) < len(parts)
    # Where edits are said plainly, code that only may be one illustrates them.
    if any(part.kind == "edit" and not part.weak and not part.code for part in whole):
        whole = [part for part in whole if not part.weak]
    edits = [edit for part in whole for edit in part.edits]
    commands, outputs = split_outputs([str(dict(part.values)["command"]) for part in whole if part.kind == "run"])
    done = next((dict(part.values) for part in whole if part.kind == "done"), None)
    if not edits and not commands and done is None:
        nothing = _nothing(answer, prose, whole, lost=lost)
        use = next((dict(part.values) for part in whole if part.kind == "use" and not part.code), None)
        if use is None:
            return nothing
        action, wrong = checked("use", use)
        if isinstance(action, UseAction):
            return replace(nothing, use=action)
        problem = f"The use block cannot be used: {wrong}."
        return replace(nothing, problem=problem, example=_EXAMPLE, code="bad_arguments")
    message = "\n\n".join(str(line) for line in (done or {}).values() if line)
    notes = [part.problem for part in whole if part.problem]
    if lost:
        notes.append("The answer was cut off: its last block is no part of the change.")
    try:
        change = change_of(edits, commands)
        change = replace(change, commit_message=message, notes=prose, cmd_outputs=tuple(outputs))
    except ValidationError as error:
        problem = f"The change cannot be used: {structured.explained(error, most=4)}."
        return ChangeReading(thought=prose, problem=problem, example=_EXAMPLE, code="bad_arguments")
    return ChangeReading(change=change, thought=prose, ignored=" ".join(notes))


def split_outputs(blocks: Sequence[str]) -> tuple[list[str], list[str]]:
    """The commands, and the paths that lines ``outputs: …`` name."""
    commands: list[str] = []
    outputs: list[str] = []
    for block in blocks:
        lines = block.split("\n")
        named = [line for line in lines if line.lower().startswith(_OUTPUTS)]
        outputs += [path for line in named for path in line[len(_OUTPUTS) :].replace(",", " ").split()]
        commands.append("\n".join(line for line in lines if line not in named))
    return [command for command in commands if command.strip()], outputs


def render(change: CodeChange) -> str:
    """Write a change as an answer that ``read`` reads as the same one; texts end with a line feed then."""
    edits = [EditBlock(path=new.path, content=new.content, language=new.language) for new in change.files_to_create]
    edits += [
        EditBlock(path=edit.path, search=edit.search, replace=edit.replace, content=edit.content)
        for edit in change.files_to_update
    ]
    edits += [EditBlock(path=path, delete=True) for path in change.files_to_delete]
    blocks = [text.render(EditAction(edits=tuple(edits)))] if edits else []
    named = f"\n{_OUTPUTS} {' '.join(change.cmd_outputs)}" if change.cmd_outputs else ""
    for number, command in enumerate(change.cmd_instructions, 1):
        last = number == len(change.cmd_instructions)
        blocks.append(text.render(RunAction(command=f"{command}{named}" if last else command)))
    message, _, why = change.commit_message.partition("\n")
    if message or not blocks:
        blocks.append(text.render(DoneAction(message=message, notes=why.strip())))
    return "\n".join([change.notes.strip(), *blocks]).lstrip("\n")


def _nothing(answer: str, prose: str, parts: Sequence[ParsedBlock], *, lost: bool) -> ChangeReading:
    wrong = next((part for part in parts if part.code), None)
    if wrong is not None:
        return ChangeReading(thought=prose, problem=wrong.problem, example=_EXAMPLE, code=wrong.code)
    if lost:
        cut = text.cut_off(prose)
        return ChangeReading(thought=prose, problem=cut.problem, example=cut.example, code=cut.code)
    if not answer.strip():
        problem = "Your answer was empty."
    elif parts:
        problem = "Your answer changes nothing: in this conversation it has to be the change itself."
    else:
        problem = "There is no edit in your answer, only words."
    return ChangeReading(thought=prose, problem=problem, example=_EXAMPLE, code="no_action")


def json_change(answer: str) -> CodeChange | None:
    """The change, where the answer is a JSON object: in a fence, after words, or as it is."""
    if not (answer.lstrip().startswith("{") or "```json" in answer or '"files_to_' in answer):
        return None
    change = structured.read(answer, CodeChange).value
    # An empty object is a change only where it is all of the answer: it says that there is nothing to do.
    if change is None or (change.empty and not answer.lstrip().startswith(("{", "```json", "<think"))):
        return None
    blocks = split(answer).blocks
    if not answer.lstrip().startswith("{") and any(block.info.split(" ")[0].lower() in text.VERBS for block in blocks):
        return None  # an edit of a file that holds such an object
    return replace(
        change,
        files_to_create=tuple(replace(new, content=text.unfenced(new.content) or "") for new in change.files_to_create),
        files_to_update=tuple(text.unwrapped(edit) for edit in change.files_to_update),
    )


def change_of(edits: list[EditBlock], commands: list[str] | None = None) -> CodeChange:
    """The change that edits mean, as they are written."""
    return CodeChange(
        files_to_update=tuple(
            FileEdit(path=edit.path, content=edit.content, search=edit.search, replace=edit.replace)
            for edit in edits
            if not edit.delete
        ),
        files_to_delete=tuple(edit.path for edit in edits if edit.delete),
        cmd_instructions=tuple(commands or ()),
    )
