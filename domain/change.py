"""Changes as an agent proposes them: whole files, single edits, and commands to run."""

import re
import shlex
from typing import Annotated, Literal

from pydantic import Field, model_validator

from domain._value import value
from domain.work import Line, Name, Prose

__all__ = ["CodeChange", "FileEdit", "Hunk", "Issue", "NewFile", "Review", "Score", "Scores", "mode_changes"]

Path = Annotated[str, Field(min_length=1, max_length=1_000)]
Content = Annotated[str, Field(max_length=400_000)]
MOST_FILES = 2_000
"""Files and edits of one change: more than what real commits have, which a search and replace over a project can be."""
MOST_CHARS = 16_000_000
"""Of all texts of one change together."""


@value
class NewFile:
    path: Path
    language: Name = ""
    content: Content


@value
class FileEdit:
    """Either the whole new ``content``, or ``search`` (found exactly once) replaced by ``replace``."""

    path: Annotated[str, Field(max_length=1_000)]
    """Empty as long as it was not looked up which file is meant: the one that has this definition or text."""
    content: Content | None = None
    search: Content | None = None
    replace: Content | None = None


@value
class CodeChange:
    """The coder's artefact (A2)."""

    stage: Literal["code"] = "code"
    expert: Name = "code_general"
    files_to_create: Annotated[tuple[NewFile, ...], Field(max_length=MOST_FILES)] = ()
    files_to_update: Annotated[tuple[FileEdit, ...], Field(max_length=MOST_FILES)] = ()
    files_to_delete: Annotated[tuple[Path, ...], Field(max_length=MOST_FILES)] = ()
    cmd_instructions: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    """Shell commands to run in the workspace after the files are written."""
    cmd_outputs: Annotated[tuple[Path, ...], Field(max_length=60)] = ()
    """Files and folders that these commands make or change on purpose: of what commands leave behind, only this is
    delivered. Of a folder it is what git does not ignore; a file that is gone afterwards is deleted."""
    notes: Prose = ""
    commit_message: Prose = ""

    @model_validator(mode="after")
    def _bounded(self) -> "CodeChange":
        texts = [new.content for new in self.files_to_create]
        texts += [text for edit in self.files_to_update for text in (edit.content, edit.search, edit.replace) if text]
        if (chars := sum(map(len, texts))) > MOST_CHARS:
            raise ValueError(f"a change has at most {MOST_CHARS:,} characters, this one {chars:,}")
        return self

    @property
    def empty(self) -> bool:
        """True when the change touches no file and runs nothing."""
        parts = (self.files_to_create, self.files_to_update, self.files_to_delete, self.cmd_instructions)
        return not any(parts)


_MODE = re.compile(r"[ugoa]{0,4}[+=-][rwx]{1,3}|0?[0-7]{3}")
_MORE_THAN_ONE_COMMAND = frozenset(";|&<>$`\n*?[]{}()~#\\")


def mode_changes(command: str) -> tuple[str, ...]:
    """Return the files of the repository whose mode a plain ``chmod MODE PATH…`` changes; none for anything else.

    Running it says what is wanted of these files, so they are outputs of the command, whether or not they were named.
    """
    if not command.strip().startswith("chmod ") or _MORE_THAN_ONE_COMMAND & {*command.strip()}:
        return ()
    try:
        _, mode, *paths = shlex.split(command)
    except ValueError:
        return ()
    plain = all(path and not path.startswith(("/", "-")) and ".." not in path.split("/") for path in paths)
    return tuple(dict.fromkeys(paths)) if plain and _MODE.fullmatch(mode) else ()


@value
class Issue:
    """One finding of the reviewer."""

    severity: Literal["info", "minor", "major", "blocker"] = "major"
    path: Line = ""
    message: Line


@value
class Review:
    """The reviewer's artefact (A2)."""

    stage: Literal["review"] = "review"
    expert: Name = "code_general"
    status: Literal["ok", "changes_requested"]
    issues: Annotated[tuple[Issue, ...], Field(max_length=40)] = ()
    suggested_patches: Annotated[tuple[Content, ...], Field(max_length=10)] = ()
    """Unified diffs. Advice only: nothing applies them unseen."""
    final_answer_markdown: Prose = ""


@value
class Score:
    """What the reviewer thinks of one of several changes."""

    candidate: Annotated[str, Field(max_length=40)]
    score: Literal[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    """10: does what was asked and nothing else; 0: must not be used."""
    reason: Line = ""


@value
class Scores:
    """The reviewer's answer where tests cannot tell candidates apart (F4)."""

    scores: Annotated[tuple[Score, ...], Field(max_length=10)]


@value
class Hunk:
    """A part of a file as it was before a commit and after it, with a line around it where there is one."""

    path: Path
    before: Content
    after: Content
    commit: Name
    """Full id."""
    subject: Line = ""
    """Of its message."""
