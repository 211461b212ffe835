"""Nothing that a model or a repository writes has power over a terminal."""

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from domain import Event
from service.cli.progress import Progress
from service.report import diff_view, harmless

POWER = set(map(chr, (*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066, 0x200B)))


@given(st.text())
def test_no_character_with_power_is_left(text):
    assert not POWER & set(harmless(text))


def test_progress_and_diffs_are_harmless():
    heard = io.StringIO()
    console = Console(file=heard, width=200)
    progress = Progress(console, verbose=True)
    for kind in ("text", "note", "change_proposed", "command_started", "command_ended"):
        progress(
            Event(kind=kind, message="\x1b]0;owned\x07 a\u202eb", data={"provider": "\x1b[2J", "counts": "\x9b1m"})
        )
    console.print(diff_view("+\tfine\n+\x1b[31mnot\n"))
    assert heard.getvalue().count("owned") == 5
    assert not POWER & set(heard.getvalue())
