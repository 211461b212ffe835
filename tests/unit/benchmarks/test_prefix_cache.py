"""The prefix cache that prompts are counted with, beside what is known of vLLM's."""

from hypothesis import given
from hypothesis import strategies as st

from tests.worlds.prefix_cache import BLOCK, PrefixCache, rendered, share

WORDS = st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=200).map(" ".join)


def body(*texts: str) -> dict:
    return {"messages": [{"role": "user", "content": text} for text in texts]}


@given(WORDS, WORDS)
def test_a_prompt_that_goes_on_finds_what_it_began_with_in_whole_blocks(first, second):
    cache = PrefixCache()
    before = cache.read(body(first))
    after = cache.read(body(first, second))
    assert before.cached == 0
    assert after.cached % BLOCK == 0
    # All but the end of the template, where the assistant is asked to speak, and what fills no block.
    assert before.tokens - 2 * BLOCK < after.cached <= before.tokens
    again = cache.read(body(first, second))
    assert again.tokens - BLOCK <= again.cached < again.tokens


def test_what_differs_in_front_shares_nothing():
    cache = PrefixCache()
    cache.read(body("a " * 100 + "b " * 400))
    assert cache.read(body("x " + "b " * 400)).cached == 0
    assert share([cache.read(body("y " * 100))] * 2) == 0


def test_tools_stand_in_front_and_calls_where_they_were_made():
    call = {"id": "1", "type": "function", "function": {"name": "open", "arguments": "{}"}}
    request = {
        "tools": [{"type": "function"}],
        "messages": [{"role": "assistant", "content": None, "tool_calls": [call]}],
    }
    text = rendered(request)
    assert text.index('"type": "function"') < text.index("assistant") < text.index('"open"')
