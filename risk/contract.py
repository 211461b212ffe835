"""Contract of a rater: what the readers of special programs may ask of it."""

from collections.abc import Callable, Iterator
from typing import Protocol

from risk.bash.script import Invocation, Source
from risk.bash.words import Word
from risk.grammar import ProgramGrammar
from risk.paths import PathRater
from risk.rules import Rules
from risk.signals import Signal


class Rater(Protocol):
    """Rates what is found inside of an invocation."""

    @property
    def rules(self) -> Rules: ...

    @property
    def paths(self) -> PathRater: ...

    def grammar(self, name: str) -> ProgramGrammar | None:
        """The grammar of a program, if there is one."""
        ...

    def script(self, text: str, sources: tuple[Source, ...] = ()) -> Iterator[Signal]:
        """Rate a shell script that stands in an argument."""
        ...

    def code(self, language: str, text: str) -> Iterator[Signal]:
        """Rate code of another language."""
        ...

    @property
    def depth(self) -> int:
        """How many programs start each other up to here."""
        ...

    def judged(self, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
        """Rate an invocation by a grammar that is known."""
        ...

    def started(self, words: tuple[Word, ...], call: Invocation) -> Iterator[Signal]:
        """Rate the command that another one starts."""
        ...

    def part(self, kind: str, word: Word, call: Invocation, language: str = "") -> Iterator[Signal]:
        """Rate one word of a known kind."""
        ...

    def touched(self, words: tuple[Word, ...]) -> Iterator[Signal]:
        """Rate words that may be paths."""
        ...


Special = Callable[[Rater, ProgramGrammar, str, Invocation], Iterator[Signal]]
"""Reads one invocation of a program that options cannot describe."""
