"""Observe: what happened becomes evidence, or the next message of a conversation; no model is asked."""

from pathlib import Path

from tests.worlds.stations import station, visit

OPEN = "```open\nshop/prices.py\n```"
DONE = "```done\nNothing to do\n```"
LONG = "```run\npython3 -c 'print(\"x\" * 40_000)'\n```"
MAKES = "```run\npython3 -c \"open('made' + '.txt', 'w')\"\n```"


async def test_a_turn_is_answered_and_remembered_without_its_texts(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [OPEN]}, "receive", "plan", "execute", coder_dialect="text") as (o, state):
        before = state["transcript"]
        update = await visit(o, state, "observe")
        assert update["transcript"][: len(before)] == before
        assert "return sum(prices[1:])" in update["transcript"][-1].content
        (turn,) = update["turns"]
        assert (turn.ok, turn.result, turn.outcome) == (True, "", "open shop/prices.py")
        assert "evidence" not in update


async def test_a_done_that_does_not_pass_is_no_done(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [DONE]}, "receive", "plan", "execute", coder_dialect="text") as (o, state):
        update = await visit(o, state, "observe")
        assert "done" not in update
        assert (update["turns"][-1].code, update["evidence"][-1].ok) == ("acceptance_failed", False)
        assert "The acceptance command does not pass" in update["transcript"][-1].content


async def test_long_output_is_cut_and_says_so(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [LONG]}, "receive", "plan", "execute", coder_dialect="text") as (o, state):
        message = (await visit(o, state, "observe"))["transcript"][-1].content
        assert len(message) < 11_000
        assert "characters are left out here" in message or "bytes left out" in message


async def test_what_commands_leave_behind_is_named(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [MAKES]}, "receive", "plan", "execute", coder_dialect="text") as (o, state):
        assert "made.txt (new)" in (await visit(o, state, "observe"))["transcript"][-1].content
