"""Rate one program with its arguments, and look through those that only start another. Pure."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from risk.bash.quoting import HOLE
from risk.bash.script import Invocation, Source
from risk.bash.words import Word, joined
from risk.grammar import ProgramGrammar
from risk.paths import SYSTEM, PathRater, deploys
from risk.programs.argument_kinds import KINDS
from risk.programs.embedded_code import code_signs
from risk.programs.launchers import embedded
from risk.programs.registry import SPECIALS
from risk.rules import Rules
from risk.signals import Signal, names, shown

ReadScript = Callable[[str, tuple[Source, ...]], Iterator[Signal]]

_VERSIONED = re.compile(
    r"(python|pypy|pip|node|ruby|perl|php|lua|gcc|g\+\+|clang|clang\+\+|go|java|tclsh|pytest)-?\d+(\.\d+)*"
)
_RESERVED: Final = names("if then elif else fi for while until do done case esac in select function { } [[ ]] ! ((")
_DEEPEST: Final = 12
_MOST_WORDS: Final = 10_000
"""Looked at for one command, however often it is the same word: programs that start each other in more than one way
(``xargs xargs xargs …``) double the ways with every one."""
_MOST_PARSED: Final = 8 * 10_000**2
"""Squares of the lengths of all scripts that are parsed for one command: two of 20,000 characters, eight of 10,000.

Where a script has no end (``<><><>``, ``a=(a=(``), every step of tree-sitter's error recovery walks all that is open,
so that its time grows with the square: 6 ms for 1,000 characters, 2 s for 20,000. Nothing tells that beforehand.
"""


@dataclass(slots=True)
class Effort:
    """What reading one command may still cost, its scripts within scripts included."""

    left: int = _MOST_WORDS
    squares: int = _MOST_PARSED

    def parsed(self, characters: int) -> bool:
        """Take the parsing of a script of this length; False when there is too little left."""
        self.squares -= characters**2
        return self.squares >= 0

    def spent(self, words: int) -> bool:
        """Take so many words; False when there are none left."""
        self.left -= words
        return self.left >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRater:
    """Knows the programs and the place where they run."""

    rules: Rules
    paths: PathRater
    shell: ReadScript
    depth: int = 0
    effort: Effort = field(default_factory=Effort)

    def signs(self, call: Invocation) -> Iterator[Signal]:
        """Say everything about one invocation; something is always said."""
        if not call.words:
            return
        if self.depth > _DEEPEST or not self.effort.spent(len(call.words)):
            yield Signal("unread", "wrappers within wrappers", "shell.nested")
            return
        name = call.words[0]
        if not name.known or name.glob:
            yield Signal("hidden", f"the program is {shown(name.text.replace(HOLE, '…'))}", "shell.computed_program")
            yield from self.touched(call.words)
            yield from embedded(self, call)
            return
        # Its value stands in the script, and still nobody sees at a glance what runs.
        if name.variable:
            yield Signal("computed", f"the program is {shown(name.text)}", "shell.computed_program")
        if not name.text.isascii():
            yield Signal("deceptive", f"the program's name {name.text[:60]}", "shell.lookalike")
        if name.text in _RESERVED:
            yield Signal("unread", f"{name.text} where the parser expects a program", "shell.misread")
        if name.text in call.within:
            yield Signal("destroy", f"{shown(name.text)} starts itself", "shell.fork_bomb", "may never end")
        # A function of the script never makes its name harmless: it may be defined in a subshell, or too late.
        yield from self._program(call)

    def _program(self, call: Invocation) -> Iterator[Signal]:
        path = call.words[0].text
        name = path.rsplit("/", 1)[-1]
        if "/" in path and not path.startswith(SYSTEM):
            inside = not path.startswith(("/", "~", "../")) or path.startswith("/work/")
            yield Signal("run" if inside else "unknown", shown(path), "shell.path")
            yield from deploys(path)
        sinks = "".join(f" > {word.text}" for word in call.sinks)
        # Rules see the line by the program's plain name: ``/usr/bin/rm`` is ``rm`` to them.
        line = f"{name} {joined(call.words[1:])}{sinks}".replace(HOLE, "…")
        for rule in self.rules.of("command", line):
            yield Signal(rule.effect, shown(line), rule.rule, rule.message)
        grammar = self.grammar(name)
        if grammar is not None:
            yield from self.judged(grammar, name, call)
            return
        if "/" not in path:
            yield Signal("unknown", shown(name))
        yield from embedded(self, call)

    def judged(self, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
        if grammar.language and len(call.words) == 2 and call.words[1].text in grammar.asks:  # noqa: PLR2004
            yield Signal("read", f"{name} {call.words[1].text}")
            return
        yield from SPECIALS[grammar.special](self, grammar, name, call)

    def grammar(self, name: str) -> ProgramGrammar | None:
        programs = self.rules.programs
        versioned = _VERSIONED.fullmatch(name)
        return programs.get(name) or (programs.get(versioned[1]) if versioned else None)

    def script(self, text: str, sources: tuple[Source, ...] = ()) -> Iterator[Signal]:
        return self.shell(text, sources)

    def code(self, language: str, text: str) -> Iterator[Signal]:
        return code_signs(self.rules, language, text)

    def started(self, words: tuple[Word, ...], call: Invocation) -> Iterator[Signal]:
        inner = replace(self, depth=self.depth + 1)
        return inner.signs(Invocation(words, (), call.sources, call.sinks, call.within))

    def part(self, kind: str, word: Word, call: Invocation, language: str = "") -> Iterator[Signal]:
        return KINDS[kind](self, word, call, language)

    def touched(self, words: tuple[Word, ...]) -> Iterator[Signal]:
        for word in words:
            yield from self.paths.signs(word, "read")
