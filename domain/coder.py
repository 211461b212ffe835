"""Actions of the coder, one a turn: a closed set, and what came of each."""

from typing import Annotated, Literal

from pydantic import Field

from domain._value import value
from domain.change import Content
from domain.work import Line, Name, Prose

Where = Annotated[str, Field(max_length=1_000)]


@value
class OpenAction:
    """Look at lines of a file, or at the outline of a folder or a long file."""

    kind: Literal["open"] = "open"
    path: Where
    first: Annotated[int, Field(ge=0)] = 0
    """Counted from 1; 0: from the beginning."""
    last: Annotated[int, Field(ge=0)] = 0
    """Inclusive; 0: as far as is shown at once."""


@value
class SearchAction:
    """Look for words, a regular expression, or the definitions and uses of a name."""

    kind: Literal["search"] = "search"
    query: Line
    where: Where = ""
    """A folder, a file or a glob; empty: everywhere."""
    how: Literal["words", "regex", "name"] = "words"


@value
class RunAction:
    """Run a shell command in the sandbox, once it is rated and, where that is needed, signed."""

    kind: Literal["run"] = "run"
    command: Prose


@value
class EditBlock:
    """One edit, as the coder wrote it: ``search`` replaced by ``replace``; or ``content``; or a deletion.

    ``content`` is a whole file, or one definition that takes the place of the one of that name.
    """

    path: Where = ""
    """Empty: the file that was shown and has this definition or text."""
    search: Content | None = None
    replace: Content | None = None
    content: Content | None = None
    delete: bool = False
    language: Name = ""


@value
class EditAction:
    """Change files."""

    kind: Literal["edit"] = "edit"
    edits: Annotated[tuple[EditBlock, ...], Field(min_length=1, max_length=200)]


@value
class DoneAction:
    """The step is finished: the acceptance command decides whether that is so."""

    kind: Literal["done"] = "done"
    message: Prose = ""
    """Commit message."""
    notes: Prose = ""


@value
class AskAction:
    """A question to the person, where the task cannot be understood."""

    kind: Literal["ask"] = "ask"
    question: Prose


CoderAction = Annotated[
    OpenAction | SearchAction | RunAction | EditAction | DoneAction | AskAction, Field(discriminator="kind")
]


@value
class CoderTurn:
    """One turn of the coder: what it wanted, and what it was told."""

    step: Name
    number: int = 1
    """Within the step, from 1."""
    action: CoderAction | None = None
    """None: the answer held none."""
    thought: Prose = ""
    result: Annotated[str, Field(max_length=60_000)] = ""
    """What the coder is shown of it."""
    ok: bool = True
    code: Name = ""
    """Stable code of what went wrong."""
    hint: Prose = ""
    call: Name = ""
    """Id of the tool call that this answers, in the dialect that has them."""
