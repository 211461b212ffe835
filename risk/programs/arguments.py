"""Arguments of one invocation, read with its grammar: which effects, and which words are what. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from risk.bash.quoting import HOLE
from risk.bash.words import Word
from risk.grammar import Option, ProgramGrammar


@dataclass(frozen=True, slots=True)
class Part:
    """A word with its kind."""

    kind: str
    word: Word
    rest: tuple[Word, ...] = ()
    """The words after it, for kinds that swallow them."""
    grammar: ProgramGrammar = field(default_factory=ProgramGrammar)


@dataclass(frozen=True, slots=True)
class NotedEffect:
    """Something has an effect by being there."""

    effect: str
    what: str


Found = Part | NotedEffect


def kind_of(kinds: tuple[str, ...], n: int, of: int) -> str:
    """The kind of word ``n`` of so many; ``read... write`` makes the last one different. Empty: there is none."""
    many = next((i for i, kind in enumerate(kinds) if kind.endswith("...")), len(kinds))
    after = len(kinds) - many - 1
    if n < many or many == len(kinds):
        return kinds[n] if n < len(kinds) else ""
    return kinds[n - of] if after and of - n <= after and of >= many + after else kinds[many].removesuffix("...")


_SWALLOWS = frozenset(("argv", "module", "script", "joined"))
"""Kinds after which nothing belongs to the program any more."""
_CHANGES = frozenset(("write", "archive", "replace", "delete"))
"""Kinds that are only looked at by a program that is told to do nothing."""


def read_arguments(grammar: ProgramGrammar, words: Sequence[Word], name: str) -> list[Found]:
    """Say what the words after the program's name are; what the grammar does not know is unknown."""
    reader = _Reader(grammar, tuple(words), name)
    reader.read()
    return reader.found


@dataclass(slots=True)
class _Reader:
    grammar: ProgramGrammar
    words: tuple[Word, ...]
    name: str
    at: int = 0
    found: list[Found] = field(default_factory=list[Found])
    plain: list[Word] = field(default_factory=list[Word])
    seen: set[str] = field(default_factory=set[str])

    def read(self) -> None:
        if len(self.words) == 1 and self.words[0].text in self.grammar.asks:
            self.found.append(NotedEffect("read", f"{self.name} {self.words[0].text}"))
            return
        if not self.words:
            self.found.append(NotedEffect(self.grammar.bare or self.grammar.effect, self.name))
            return
        options = True
        while self.at < len(self.words):
            word = self.words[self.at]
            self.at += 1
            if options and word.text == "--":
                options = False
            elif options and (word.text.startswith(("-", HOLE)) and word.text != "-"):
                self._option(word)
            elif word.text.startswith("+") and "+" in self.grammar.options:
                continue
            elif self._positional(word):
                return
        self._assign()
        dry = self.seen & self.grammar.dry
        self.found.append(NotedEffect("read" if dry else self.grammar.effect, self.name))

    def _positional(self, word: Word) -> bool:
        """Take a positional word; True when it swallowed everything after it."""
        rest = self.words[self.at :]
        if self.grammar.commands and not self.plain:
            self._command(word, rest)
            return True
        kind = self.grammar.kind(len(self.plain))
        if kind in _SWALLOWS:
            self._assign()
            self.found.append(Part(kind, word, rest, self.grammar))
            self.found.append(NotedEffect(self.grammar.effect, self.name))
            return True
        self.plain.append(word)
        return False

    def _command(self, word: Word, rest: tuple[Word, ...]) -> None:
        known = self.grammar.commands.get(word.text)
        if known is not None and known.special:
            self.found.append(Part("command", word, rest, known))
            return
        if known is not None:
            self.found += read_arguments(known, rest, f"{self.name} {word.text}")
            return
        known = self.grammar.otherwise if word.known else "computed"
        self.found.append(NotedEffect(known, f"{self.name} {_told(word)}"))
        if self.grammar.effect != "read":
            self.found.append(NotedEffect(self.grammar.effect, self.name))
        if rest:
            self.found.append(Part("perhaps", word, rest, self.grammar))

    def _assign(self) -> None:
        """Give the positional words their kinds."""
        kinds = self.grammar.arguments
        if self.seen & self.grammar.unless and kinds:
            kinds = kinds[1:]
        for n, word in enumerate(self.plain):
            kind = kind_of(kinds, n, len(self.plain))
            if not kind:
                self.found.append(NotedEffect(self.grammar.otherwise, f"{self.name} {_told(word)}"))
            # What the grammar has no place for is read at least.
            kind = "read" if not kind or (kind in _CHANGES and self.seen & self.grammar.dry) else kind
            self.found.append(Part(kind, word, (), self.grammar))

    def _option(self, word: Word) -> None:
        if word.text.startswith(HOLE):
            if not self.grammar.lenient or self.grammar.options:
                self.found.append(NotedEffect("computed", f"{self.name} with options from a variable"))
            self.plain.append(word)
            return
        name, sign, value = word.text.partition("=")
        if name.startswith("--") or (self.grammar.single and len(name) > 1):
            self._long(word, name, value if sign else None)
        else:
            self._cluster(word)

    def _long(self, word: Word, name: str, value: str | None) -> None:
        name = f"-{name.lstrip('-')}" if self.grammar.single else name
        options = self.grammar.options
        exact = options.get(name)
        # getopt_long takes any beginning of a name; where several begin so, each is read as if it were meant.
        near = [] if exact else [n for n in options if n.startswith(name) and len(n) > len(name) > 2]  # noqa: PLR2004
        meant = [exact] if exact else [options[n] for n in near]
        self.seen |= {name, *near}
        if HOLE in name:
            self.found.append(NotedEffect("computed", f"{self.name} with options from a variable"))
        if not meant and not self.grammar.lenient:
            self._strange(word)
        if not meant and value is not None:
            self.found.append(Part("read", replace(word, text=value), (), self.grammar))
        before = self.at
        for option in meant:
            self.at = before
            self._value(option, word, value, name)

    def _cluster(self, word: Word) -> None:
        letters = word.text[1:]
        for n, letter in enumerate(letters):
            self.seen.add(f"-{letter}")
            option = self.grammar.options.get(f"{word.text[0]}{letter}")
            # ``head -5``: the number is the option.
            if option is None and letter.isdigit():
                option = self.grammar.options.get("-#")
            if option is None and not self.grammar.lenient:
                self._strange(word)
                return
            if option is not None:
                rest = letters[n + 1 :]
                self._value(option, word, rest or None, f"-{letter}")
                if option.value and (rest or not option.inline):
                    return

    def _value(self, option: Option, word: Word, value: str | None, name: str) -> None:
        self.seen.add(name)
        if option.effect:
            self.found.append(NotedEffect(option.effect, f"{self.name} {name}"))
        if not option.value:
            return
        kinds = option.value.split(",")
        if value is not None:
            self._taken(kinds.pop(0), replace(word, text=value))
        elif option.inline:
            if kinds == ["placeholder"]:
                self._taken("placeholder", Word("{}"))
            return
        for kind in kinds:
            if self.at < len(self.words):
                self.at += 1
                self._taken(kind, self.words[self.at - 1])

    def _taken(self, kind: str, word: Word) -> None:
        rest: tuple[Word, ...] = ()
        if kind in _SWALLOWS:
            rest, self.at = self.words[self.at :], len(self.words)
        self.found.append(Part(kind, word, rest, self.grammar))

    def _strange(self, word: Word) -> None:
        self.found += [
            NotedEffect(self.grammar.otherwise, f"{self.name} {_told(word)}"),
            Part("read", word, (), self.grammar),
        ]


def _told(word: Word) -> str:
    return word.text.replace(HOLE, "…")
