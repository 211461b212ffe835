"""What a shell script consists of, once it has been read: programs, redirections, assignments. Values only."""

from dataclasses import dataclass, field

from risk.bash.words import Word


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Where standard input comes from: the text itself, a file, or other commands."""

    text: str | None = None
    file: Word | None = None
    commands: tuple["Invocation", ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    name: str
    value: Word
    prefix: bool = False
    """Stands before a command and is meant for it alone."""
    exported: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Invocation:
    """One program that would be started. ``words[0]`` is its name."""

    words: tuple[Word, ...]
    assigned: tuple[Assignment, ...] = ()
    sources: tuple[Source, ...] = ()
    sinks: tuple[Word, ...] = ()
    """Files its output is redirected to."""
    within: tuple[str, ...] = ()
    """Functions of the script that it stands in."""


@dataclass(frozen=True, slots=True, eq=False)
class Redirect:
    operator: str
    target: Word


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """What was found. The lists are filled by ``read_script`` and not changed afterwards."""

    invocations: list[Invocation] = field(default_factory=list[Invocation])
    redirects: list[Redirect] = field(default_factory=list[Redirect])
    assignments: list[Assignment] = field(default_factory=list[Assignment])
    tests: list[Word] = field(default_factory=list[Word])
    """Words inside ``[ ]``, ``[[ ]]`` and ``(( ))``, where the shell may evaluate what they hold."""
    functions: set[str] = field(default_factory=set[str])
    scripts: list[str] = field(default_factory=list[str])
    """Commands between backticks that the parser takes for plain text."""
    troubles: list[str] = field(default_factory=list[str])
    """Why some of it could not be understood."""


@dataclass(frozen=True, slots=True)
class ScriptPlace:
    """Where in the script the walk is."""

    sources: tuple[Source, ...] = ()
    sinks: tuple[Word, ...] = ()
    within: tuple[str, ...] = ()
    prefix: bool = False
    exported: bool = False

    @property
    def inner(self) -> "ScriptPlace":
        """A substitution in the same function, with streams of its own."""
        return ScriptPlace(within=self.within)
