"""What a model thinks is told from what it says, however it is cut into pieces."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.api.openai.chat import ReasoningWriter


def split(text: str, cuts: set[int]) -> dict[str, str]:
    """What a client reads of an answer that comes in pieces, the first of which holds its first word."""
    writer, fields = ReasoningWriter(), {"reasoning_content": "", "content": ""}
    at = [0, *sorted(cut for cut in cuts if len("<think>") < cut < len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(at)]
    for where, part in [*(each for piece in pieces for each in writer.split(piece)), *writer.rest()]:
        fields[where] += part
    return fields


@given(thought=st.text("ab<think>/ ", max_size=40), said=st.text("cd ", min_size=1), cuts=st.sets(st.integers(1, 80)))
def test_every_character_is_told_once(thought: str, said: str, cuts: set[int]) -> None:
    thought = thought.replace("</think>", "")
    answer = split(f"<think>{thought}</think>x{said}", cuts)
    assert answer["reasoning_content"] == thought
    assert answer["content"].replace(" ", "") == f"x{said}".replace(" ", "")


@given(thought=st.text("ab<think>/ ", max_size=40), cuts=st.sets(st.integers(1, 60)))
def test_a_thought_that_is_cut_off_is_told_to_its_end(thought: str, cuts: set[int]) -> None:
    thought = thought.replace("</think>", "")
    assert split(f"<think>{thought}", cuts) == {"reasoning_content": thought, "content": ""}
