"""Ask: the ballot is opened once, and nobody is asked where nobody has to sign."""

from pathlib import Path

from tests.worlds.house import FIX, OK
from tests.worlds.stations import station, visit

NODES = ("receive", "plan", "execute", "observe", "review", "assess")


async def test_asking_twice_finds_the_same_ballot(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [FIX], "reviewer": [OK]}, *NODES) as (opened, state):
        first = await visit(opened, state, "ask")
        again = await visit(opened, state, "ask")
        assert first["ballot"] == again["ballot"]
        assert first["verdict"] is None
        ballot = await opened.ballots.get(first["ballot"], opened.org)
        assert "-    return sum(prices[1:])" in ballot.diff


async def test_after_an_expiry_it_is_another_question(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [FIX], "reviewer": [OK]}, *NODES) as (opened, state):
        first = await visit(opened, state, "ask")
        state["ask_round"] = 1
        assert (await visit(opened, state, "ask"))["ballot"] != first["ballot"]


async def test_where_nobody_has_to_sign_it_is_decided_at_once(tmp_path: Path) -> None:
    answers = {"coder": [FIX], "reviewer": [OK]}
    async with station(tmp_path, answers, *NODES, wanted={"deliver": "patch"}) as (opened, state):
        assert (await visit(opened, state, "ask"))["verdict"].approved
