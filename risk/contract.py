"""What the readers of special programs may ask of whoever rates invocations."""

from collections.abc import Callable, Iterator
from typing import Protocol

from risk.grammar import Grammar
from risk.paths import Paths
from risk.rules import Rules
from risk.script import Invocation, Source
from risk.signs import Sign
from risk.words import Word


class Rater(Protocol):
    """Rates what is found inside of an invocation."""

    @property
    def rules(self) -> Rules: ...

    @property
    def paths(self) -> Paths: ...

    def grammar(self, name: str) -> Grammar | None:
        """The grammar of a program, if there is one."""
        ...

    def script(self, text: str, sources: tuple[Source, ...] = ()) -> Iterator[Sign]:
        """Rate a shell script that stands in an argument."""
        ...

    def code(self, language: str, text: str) -> Iterator[Sign]:
        """Rate code of another language."""
        ...

    @property
    def depth(self) -> int:
        """How many programs start each other up to here."""
        ...

    def judged(self, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
        """Rate an invocation by a grammar that is known."""
        ...

    def started(self, words: tuple[Word, ...], call: Invocation) -> Iterator[Sign]:
        """Rate the command that another one starts."""
        ...

    def part(self, kind: str, word: Word, call: Invocation, language: str = "") -> Iterator[Sign]:
        """Rate one word of a known kind."""
        ...

    def touched(self, words: tuple[Word, ...]) -> Iterator[Sign]:
        """Rate words that may be paths."""
        ...


Special = Callable[[Rater, Grammar, str, Invocation], Iterator[Sign]]
"""Reads one invocation of a program that options cannot describe."""
