"""Review: the acceptance command on a clean checkout, what it says without the change, and what a reader finds."""

from pathlib import Path

from tests.worlds.house import BUGGY, FIX, OK
from tests.worlds.stations import station, visit

NODES = ("receive", "plan", "execute", "observe")
SKIP = {
    "files_to_update": [
        *FIX["files_to_update"],
        {"path": "tests/test_prices.py", "search": "def test_nothing", "replace": "def nothing"},
    ]
}
OBJECTS = {"status": "changes_requested", "issues": [{"path": "shop/prices.py", "message": "Say why."}]}


async def test_the_proof_names_what_was_run_on_which_tree(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [FIX], "reviewer": [OK]}, *NODES) as (opened, state):
        update = await visit(opened, state, "review")
        proof = update["proof"]
        assert (proof.tree, proof.command, proof.ok) == (state["snapshot"].tree, state["task"].accept, True)
        assert (proof.base_with, proof.red_first) == ("nothing", True)
        assert update["review"].status == "ok"
        assert "-    return sum(prices[1:])" in update["diff"]


async def test_a_test_that_went_is_named_and_nobody_has_to_read_it(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [SKIP], "reviewer": []}, *NODES) as (opened, state):
        update = await visit(opened, state, "review")
        assert [f.kind for f in update["findings"]] == ["deleted_test"]
        assert update["review"].status == "changes_requested"


async def test_what_the_reviewer_wants_changed_blocks(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [FIX], "reviewer": [OBJECTS]}, *NODES) as (opened, state):
        update = await visit(opened, state, "review")
        assert [(f.kind, f.blocking) for f in update["findings"]] == [("reviewer", True)]


async def test_nothing_to_do_is_said(tmp_path: Path) -> None:
    sound = {**BUGGY, "shop/prices.py": "def total(prices):\n    return sum(prices)\n"}
    done = ["```done\nNothing\n```"]
    async with station(tmp_path, {"coder": done, "reviewer": []}, *NODES, files=sound, coder_dialect="text") as (
        opened,
        state,
    ):
        update = await visit(opened, state, "review")
        assert update["ending"].code == "nothing_to_do"
        assert update["findings"] == ()
