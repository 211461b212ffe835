"""11. Bidi, zero-width, tab padding, a 20 kB command: at least high, asked before it runs, shown whole."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from approvals import visible
from approvals.rendering import hides
from domain import TIERS
from risk import RiskEngine
from service.cli.signing import render
from tests.worlds.house import FIX, application, repository, start, story, task

NASTY = {
    "bidi": "echo x\u202e# txt.gpj",
    "zero-width": "ec\u200bho hello",
    "tab padding": "ls" + "\t" * 500 + "; echo hidden",
    "escape": "echo \x1b[8mhidden",
    "20 kB": "echo " + "a" * 20_000,
}
LONGEST_LINE = 2_000
"""Of a command that a model may propose; a longer one is not an answer."""


@pytest.mark.parametrize("what", NASTY)
def test_11_it_is_at_least_high(what: str) -> None:
    assert TIERS.index(RiskEngine().command(NASTY[what]).tier) >= TIERS.index("high")


@pytest.mark.parametrize("what", [name for name, text in NASTY.items() if len(text) < LONGEST_LINE])
async def test_11_it_is_asked_and_shown_before_it_runs(tmp_path: Path, what: str) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [{**FIX, "cmd_instructions": [NASTY[what]]}]}) as opened:
        standing, events = await start(opened, task(repo, deliver="patch"))
        assert standing.ballot is not None
        assert "  change_applied shop/prices.py" not in story(events)
        page = io.StringIO()
        render(await opened.ballots.get(standing.ballot, opened.org), Console(file=page, width=60))
    assert visible(NASTY[what]) in page.getvalue()
    assert not [char for char in page.getvalue() if hides(char)]
