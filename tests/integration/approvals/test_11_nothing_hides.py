"""11. Bidi, zero-width, tab padding, a 20 kB command: shown escaped and complete.

That such an action is never below high is the risk room's part of this test.
"""

import html
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import Ballot, interrupt_payload, visible
from approvals.channels import render_page
from approvals.rendering import hides
from approvals.testing.rehearsal import action, question
from tests.worlds.approvals import World, terminal, twin

NASTY = {
    "bidi override": ("rm x\u202e# txt.gpj", "⟨U+202E RIGHT-TO-LEFT OVERRIDE⟩"),
    "bidi isolate": ("a\u2066b\u2069", "⟨U+2066 LEFT-TO-RIGHT ISOLATE⟩"),
    "zero-width space": ("cur\u200bl evil", "⟨U+200B ZERO WIDTH SPACE⟩"),
    "zero-width joiner": ("a\u200db", "⟨U+200D ZERO WIDTH JOINER⟩"),
    "byte order mark": ("\ufeffls", "⟨U+FEFF ZERO WIDTH NO-BREAK SPACE⟩"),
    "tab padding": ("ls" + "\t" * 500 + "; rm -rf /", "\\t\\t\\t"),
    "no-break space": ("rm\u00a0-rf", "⟨U+00A0 NO-BREAK SPACE⟩"),
    "carriage return": ("rm -rf / #\rls", "\\r"),
    "escape sequence": ("\x1b[8mhidden\x1b[0m", "\\e[8m"),
    "nul": ("a\x00b", "\\0"),
    "variation selector": ("a\ufe0fb", "⟨U+FE0F VARIATION SELECTOR-16⟩"),
    "tag characters": ("a\U000e0041b", "⟨U+E0041 TAG LATIN CAPITAL LETTER A⟩"),
    "hangul filler": ("a\u3164b", "⟨U+3164 HANGUL FILLER⟩"),
    "line separator": ("a\u2028b", "⟨U+2028 LINE SEPARATOR⟩"),
}


def page_text(page: str) -> str:
    """What a person reads: no tags, entities resolved."""
    return html.unescape(re.sub(r"<[^>]*>", "", page))


async def ballot_with(command: str) -> Ballot:
    return await twin().ballots.open(question(command=command))


@pytest.mark.parametrize("what", NASTY)
async def test_11_hidden_characters_are_spelled_out_everywhere(what: str) -> None:
    command, spelled = NASTY[what]
    ballot = await ballot_with(command)
    page = render_page(ballot, action="/a/x")
    for shown in (page_text(page), terminal(ballot)):
        assert spelled in shown
        assert not [char for char in shown if hides(char)]
    assert "would not be seen for what they are" in page


async def test_11_a_long_command_is_shown_to_its_end() -> None:
    command = "echo " + "a" * 20_000 + " && rm -rf /"
    ballot = await ballot_with(command)
    for shown in (page_text(render_page(ballot, action="/a/x")), terminal(ballot)):
        assert command in shown
    assert interrupt_payload(ballot)["action_requests"][0]["args"]["arguments"]["command"] == command


async def test_11_markup_in_an_action_is_text(world: World) -> None:
    odd = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
    request = question(command=odd)
    ballot = await world.ballots.open(replace(request, diff=f"+{odd}\n-{odd}"))
    page = render_page(ballot, action='/a/"><script>', viewer=odd, csrf='"><b>', message=odd)
    assert page_text(page).count(odd) == 5
    assert not re.search(r"<(script|img|b)[ >](?!command|tool)", re.sub(r"<b>[\w.]+</b>", "", page))
    assert "{{" in page


async def test_11_the_page_runs_nothing_and_fits_a_phone() -> None:
    page = render_page(await ballot_with("ls"), action="/a/x", csrf="t", viewer="vera")
    assert "<script" not in page
    assert " on" not in re.sub(r">[^<]*<", "><", page)  # no event handlers in any tag
    assert 'name="viewport"' in page
    assert 'method="post"' in page


async def test_11_what_is_decided_has_no_form() -> None:
    stage = twin()
    ballot = await stage.ask()
    gone = await stage.ballots.cancel(ballot.id, stage.human("vera"))
    assert "<form" not in render_page(gone, action="/a/x", csrf="t")
    assert "<form" not in render_page(ballot, action="/a/x")
    assert "<form" in render_page(ballot, action="/a/x", csrf="t")


@given(st.text())
def test_11_no_text_hides_after_it_is_shown(text: str) -> None:
    shown = visible(text)
    assert not [char for char in shown if hides(char)]
    assert [char for char in text if not hides(char)] == [char for char in text if char in shown and not hides(char)]


@given(st.text(), st.text())
async def test_11_two_commands_never_look_alike_on_the_page(one: str, other: str) -> None:
    """The canonical bytes stand on every page: different actions, different pages."""
    if action(one) != action(other):
        first, second = await ballot_with(one), await ballot_with(other)
        assert first.action_digest != second.action_digest
        assert interrupt_payload(first)["action_requests"] != interrupt_payload(second)["action_requests"]
