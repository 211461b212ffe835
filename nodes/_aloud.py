"""Pass on what a provider writes while it writes it (A8): every word, but not every token on its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from nodes._announce import announce

ENOUGH = 80
"""Characters that are passed on at once."""
SOON_S = 0.2
"""Nothing is held back after so long a silence."""


@dataclass(slots=True, kw_only=True)
class Aloud:
    """One provider's words as events ``text``. Models write hundreds of tokens a second, and each event is a row."""

    provider: str
    id: str
    """Of the candidate: several write at the same time."""
    form: Literal["change", "prose"]
    """``change``: pieces of the JSON of docs/model-protocol.md."""
    clock: Callable[[], float] = time.monotonic
    _held: str = ""
    _told_at: float = float("-inf")
    _fresh: bool = True

    def hear(self, text: str) -> None:
        """Take a piece in. An empty one says that another answer begins."""
        if not text:
            self.flush()
            self._fresh = True
            return
        self._held += text
        if len(self._held) >= ENOUGH or self.clock() - self._told_at >= SOON_S:
            self.flush()

    def flush(self) -> None:
        """Pass on what is held back."""
        if self._held:
            announce("text", self._held, provider=self.provider, id=self.id, form=self.form, fresh=self._fresh)
            self._held, self._fresh, self._told_at = "", False, self.clock()
