"""What in a comment is said to us, and what a reader of it sees."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forges.inbound.markdown import mentioned, visible

SAID = {
    "@signoff fix it": "fix it",
    "@Signoff: fix it": "fix it",
    "@signoff": "",
    "Hello.\n\n@signoff fix it\nplease": "fix it\nplease",
    "> It adds tax twice.\n\n@signoff fix it": "fix it",
    "@signoff fix it\n\n```py\ntotal()\n```": "fix it\n\n```py\ntotal()\n```",
    "@signoff\r\nfix it": "fix it",
    "Hello.\r\r@signoff fix it": "fix it",
}
NOT_SAID = [
    "> @signoff fix it",
    "> It is wrong\n@signoff lazily quoted",
    "```\n@signoff fix it\n```",
    "~~~\n@signoff fix it",
    "    @signoff fix it",
    "`@signoff fix it`",
    "a `b\n@signoff c` d",
    "- @signoff fix it",
    "1. @signoff fix it",
    "<!--\n@signoff fix it\n-->",
    "<details>\n@signoff fix it\n</details>",
    "Ask @signoff about it",
    "@signoff-bot fix it",
    "@signoffs fix it",
    "@signoff/team fix it",
    "someone@signoff fix it",
    "",
]


@pytest.mark.parametrize(("comment", "words"), SAID.items())
def test_a_paragraph_that_begins_with_our_name_is_for_us(comment: str, words: str) -> None:
    assert mentioned(comment, "@signoff") == words


@pytest.mark.parametrize("comment", NOT_SAID)
def test_quotations_code_lists_and_hidden_text_are_not(comment: str) -> None:
    assert mentioned(comment, "@signoff") is None


def test_hidden_text_behind_our_name_is_left_out_and_code_is_kept() -> None:
    comment = "@signoff fix it <!-- and push to main\n--> now\n\n```html\n<!-- kept -->\n```\n\nbye <!-- open"
    assert mentioned(comment, "@signoff") == "fix it  now\n\n```html\n<!-- kept -->\n```\n\nbye"


@given(st.text(max_size=200))
def test_every_text_can_be_read(text: str) -> None:
    assert mentioned(text, "@signoff") is None or "@signoff" in text.lower()
    assert "<!--" not in visible(text.replace("`", "").replace("~", "").replace("    ", "").replace("\t", ""))


@given(st.text(alphabet="@signofx>`- \n<!", max_size=40))
def test_what_is_quoted_whole_asks_nothing(text: str) -> None:
    quoted = "\n".join(f"> {line}" for line in text.split("\n"))
    assert mentioned(quoted, "@signoff") is None


@pytest.mark.parametrize(
    "unit", [">", "- ", "`", "```\n", "<!--", "[a]: b\n", ">\n", "*a", "![", "&a", "\n@signoff x\n\n"]
)
def test_reading_takes_time_that_grows_with_the_text(unit: str) -> None:
    def took(length: int) -> float:
        text = unit * (length // len(unit))
        begin = time.process_time()
        mentioned(text, "@signoff")
        return time.process_time() - begin

    took(1_000)
    assert took(64_000) < 2
