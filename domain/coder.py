"""Actions of the coder, one a turn: a closed set, and what came of each."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from domain._value import value
from domain.change import MOST_FILES, Content
from domain.work import Line, Name, Prose

__all__ = [
    "AskAction",
    "CoderAction",
    "CoderTurn",
    "DoneAction",
    "EditAction",
    "EditBlock",
    "OpenAction",
    "OpenQuestion",
    "RunAction",
    "SearchAction",
    "UseAction",
    "answer_in",
]

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
    edits: Annotated[tuple[EditBlock, ...], Field(min_length=1, max_length=MOST_FILES)]


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


@value
class UseAction:
    """Call a tool of an MCP server that the installation names, as it rates that tool."""

    kind: Literal["use"] = "use"
    server: Name
    tool: Name
    arguments: Prose = "{}"
    """A JSON object in one spelling: sorted, indented by one. What is signed and sent are these bytes."""


CoderAction = Annotated[
    OpenAction | SearchAction | RunAction | EditAction | DoneAction | AskAction | UseAction,
    Field(discriminator="kind"),
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
    digest: Name = ""
    """Equal for the same action with the same result."""
    nudged: bool = False
    """It was told that it repeats itself."""
    outcome: Prose = ""
    """In one line: what a compacted conversation keeps of it."""


@value
class OpenQuestion:
    """What the coder asks the person, until that is answered and the coder has read the answer."""

    step: Name
    turn: int = 1
    text: Prose
    asked_at: datetime | None = None
    answer: Prose | None = None
    answered_by: Name = ""
    answered_at: datetime | None = None
    call: Name = ""
    """Id of the tool call that asks, in the dialect that has them."""

    @property
    def payload(self) -> dict[str, Any]:
        """What a client is shown while the run waits for the answer.

        ``action_requests`` and ``review_configs`` are langchain's HITLRequest: inboxes offer a field for words then.
        """
        request = {"name": "question", "args": {"question": self.text}, "arguments": {}, "description": self.text}
        return {
            "kind": "question",
            "question": self.text,
            "step": self.step,
            "turn": self.turn,
            "action_requests": [request],
            "review_configs": [{"action_name": "question", "allowed_decisions": ["reject"]}],
        }


def answer_in(resume: Any) -> str | None:
    """The words in a resume value: a text, or an object with them, as LangGraph's clients send; None: no answer."""
    # langchain's HITLResponse has the list of the answers in ``decisions``.
    if isinstance(resume, dict) and isinstance(resume.get("decisions"), list):
        resume = resume["decisions"]
    # Clients for several questions at once send a list, with one entry for each of them.
    if isinstance(resume, list) and len(resume) == 1:
        resume = resume[0]
    if isinstance(resume, dict):
        resume = next(
            (resume[key] for key in ("answer", "response", "args", "feedback", "message") if resume.get(key)), None
        )
    return resume.strip()[:20_000] or None if isinstance(resume, str) else None
