"""Long verbatim parts of one text in another: a system prompt that comes back in an answer. Pure, and able to stream.

Compared are words, in small letters and without what stands between them, so that a quotation stays one when it is
re-wrapped, put in bold or indented.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CUT: Final = "[a part of the system prompt was cut here]"
LEAST: Final = 12
"""Words in a row that are no coincidence."""
_WORD = re.compile(r"\w+")
_LONGEST: Final = 200_000


def words_of(texts: Sequence[str]) -> str:
    """The words of some texts, as they are compared."""
    return " " + " | ".join(" ".join(_WORD.findall(text.lower())) for text in texts) + " "


@dataclass(slots=True, kw_only=True)
class Echoes:
    """Cuts what an answer repeats, while it is written. Each piece gives what may be shown now."""

    told: str
    """The words that must not come back, see ``words_of``."""
    cut: int = 0
    """How many parts were cut so far."""
    _held: str = ""
    """Words that stand in the prompt in this order, and the word that is being written."""
    _rows: frozenset[tuple[str, ...]] = frozenset()
    """Every row of up to ``LEAST`` words of the prompt: a look at one costs the same, however long the prompt is."""

    def __post_init__(self) -> None:
        words = self.told.split()
        self._rows = frozenset(tuple(words[at : at + n]) for n in range(1, LEAST + 1) for at in range(len(words)))

    def hear(self, piece: str) -> str:
        """Take a piece in, give out what is sure."""
        self._held += piece
        return self._sure(end=False)

    def flush(self) -> str:
        """Give out the rest."""
        return self._sure(end=True)

    def _sure(self, *, end: bool) -> str:
        words = list(_WORD.finditer(self._held))
        if not end and words and words[-1].end() == len(self._held):
            words.pop()  # it may go on
        spelled = [word[0].lower() for word in words]
        parts: list[str] = []
        base = run = at = 0
        while at < len(words):
            # A run of more than ``LEAST`` words is known by its last ones: longer rows are not kept.
            if tuple(spelled[max(at - run, at + 1 - LEAST) : at + 1]) in self._rows:
                run, at = run + 1, at + 1
            elif run >= LEAST:
                parts += [self._held[base : words[at - run].start()], CUT]
                base, run = words[at - 1].end(), 0
                self.cut += 1
            # With this word the row is not in the prompt; one that begins a word later may be.
            elif run:
                run -= 1
            else:
                at += 1
        if end and run >= LEAST:
            parts += [self._held[base : words[at - run].start()], CUT]
            base, run = words[at - 1].end(), 0
            self.cut += 1
        if end:
            sure = len(self._held)
        elif run:
            sure = words[at - run].start()
        else:
            # Where the word begins that a text ends with; its end, when it ends with none.
            sure = len(self._held)
            while sure and (self._held[sure - 1].isalnum() or self._held[sure - 1] == "_"):
                sure -= 1
        parts.append(self._held[base:sure])
        self._held = self._held[max(base, sure) :]
        return "".join(parts)


def without_echoes(answer: str, prompts: Sequence[str]) -> tuple[str, int]:
    """An answer without long verbatim parts of some prompts, and how many parts were cut."""
    echoes = Echoes(told=words_of(prompts))
    return echoes.hear(answer[:_LONGEST]) + echoes.flush() + answer[_LONGEST:], echoes.cut
