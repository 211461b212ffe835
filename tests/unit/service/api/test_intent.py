"""What is asked of the coding model: only what is plainly something else is not work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.openai.intent import route_intent

TEXT = st.text(max_size=700)


def intent(text: str, *, on_thread: bool = False, ordered: bool = False) -> str:
    return route_intent(text, on_thread=on_thread, ordered=ordered).intent


@pytest.mark.parametrize(
    "text",
    [
        "What is the weather?",
        "Hello",
        "thanks!",
        "Who are you?",
        "Can you speak German?",
        "how old is the universe",
        "Tell me a joke.",
        "Is it done?",  # of no thread
    ],
)
def test_questions_about_something_else_are_chat(text: str) -> None:
    assert intent(text) == "chat"


@pytest.mark.parametrize(
    "text",
    [
        "Fix the total",
        "do it",
        "Can you fix the login?",
        "Why does test_total fail?",
        "What does parse() return for an empty list? It should be None.",
        "When two orders come in at once, the second one is lost",
        "prices are wrong",
        "",
        "Round half up in shop/prices.py",
    ],
)
def test_work_is_work_also_as_a_question(text: str) -> None:
    assert intent(text) == "code"


@pytest.mark.parametrize(
    "text", ["Is it done?", "is it ready yet?", "status", "What is the result?", "How is it going?", "did it work"]
)
def test_on_a_thread_one_may_ask_how_it_stands(text: str) -> None:
    assert intent(text, on_thread=True) == "status"


@given(TEXT, st.booleans())
def test_a_request_with_the_fields_of_a_task_is_never_chat(text: str, on_thread: bool) -> None:
    assert intent(text, on_thread=on_thread, ordered=True) != "chat"


@given(TEXT)
def test_there_is_no_status_without_a_thread_and_always_a_reason(text: str) -> None:
    routed = route_intent(text, on_thread=False, ordered=False)
    assert routed.intent in {"code", "chat"}
    assert routed.reason
