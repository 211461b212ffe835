"""What the arguments of an invocation turn out to be."""

from dataclasses import dataclass, field

from risk.grammar import Grammar
from risk.words import Word


@dataclass(frozen=True, slots=True)
class Part:
    """A word with its kind."""

    kind: str
    word: Word
    rest: tuple[Word, ...] = ()
    """The words after it, for kinds that swallow them."""
    grammar: Grammar = field(default_factory=Grammar)


@dataclass(frozen=True, slots=True)
class Noted:
    """Something has an effect by being there."""

    effect: str
    what: str


Found = Part | Noted


def kind_of(kinds: tuple[str, ...], n: int, of: int) -> str:
    """The kind of word ``n`` of so many; ``read... write`` makes the last one different. Empty: there is none."""
    many = next((i for i, kind in enumerate(kinds) if kind.endswith("...")), len(kinds))
    after = len(kinds) - many - 1
    if n < many or many == len(kinds):
        return kinds[n] if n < len(kinds) else ""
    return kinds[n - of] if after and of - n <= after and of >= many + after else kinds[many].removesuffix("...")
