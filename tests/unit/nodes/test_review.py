"""Review: the acceptance command on a clean checkout, what it says without the change, and what a reader finds."""

from pathlib import Path

import pytest

from domain import CommandRun, Review
from domain.change import Issue
from domain.evidence import Finding, LeftOut, Output, Proof
from nodes.review import changed_files, failed_proof, review_by_evidence, reviewer_findings, unproved
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


TWICE = """
import pathlib, sys
from shop.prices import total
path = pathlib.Path(sys.argv[1])
count = int(path.read_text()) + 1 if path.exists() else 1
path.write_text(str(count))
wrong = ["tests/t.py::test_total"] if total([1, 2]) != 3 else []
wrong += ["tests/t.py::test_odd"] if str(count) in sys.argv[2:] else []
print("".join(f"FAILED {name} - boom\\n" for name in wrong) + f"{len(wrong)} failed, {2 - len(wrong)} passed in 0.1s")
sys.exit(bool(wrong))
"""


@pytest.mark.parametrize(("fails_at", "ok", "flaky"), [("3", True, ("tests/t.py::test_odd",)), ("3 4", False, ())])
async def test_what_failed_on_the_clean_checkout_is_run_again_and_named_where_it_is_flaky(
    tmp_path: Path, fails_at: str, ok: bool, flaky: tuple[str, ...]
) -> None:
    """The runs before are the one without the change and the coder's own."""
    files, accept = {**BUGGY, "check.py": TWICE}, f"python3 check.py {tmp_path}/count {fails_at}"
    async with station(tmp_path, {"coder": [FIX]}, *NODES, files=files, wanted={"accept": accept}) as (opened, state):
        update = await visit(opened, state, "review")
        assert (update["proof"].ok, update["proof"].flaky) == (ok, flaky)
        assert (tmp_path / "count").read_text() == "4"
        assert ("tests_failed" in [f.kind for f in update["findings"]]) is not ok


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


def proof(code: int, output: str = "", **more: object) -> Proof:
    run = CommandRun(command="make check", ended="exit", code=code, stdout=Output(head=output.encode()))
    return Proof(command="make check", tree="t", run=run, **more)


def test_a_red_proof_names_first_what_its_output_speaks_of() -> None:
    left_out = (LeftOut(path="other.bin", how="new"), LeftOut(path="pkg/made.txt", how="new"))
    (finding,) = failed_proof(proof(1, "no such file: made"), left_out, ("submodule x is empty",))
    assert finding.blocking
    assert finding.message.startswith("submodule x is empty\non a clean checkout 'make check' ended with exit code 1")
    assert finding.message.index("pkg/made.txt") < finding.message.index("other.bin")
    assert failed_proof(proof(0), left_out, ()) == ()


def test_green_with_and_without_the_change_proves_nothing_and_blocks_nothing() -> None:
    green = CommandRun(command="make check", ended="exit", code=0)
    (finding,) = unproved(proof(0, base=green, base_with="tests"), ["a.py"])
    assert (finding.kind, finding.blocking) == ("unproved", False)
    assert "the change's tests pass without the change" in finding.message
    red = CommandRun(command="make check", ended="exit", code=1)
    assert unproved(proof(0, base=red, base_with="nothing"), ["a.py"]) == ()
    assert unproved(proof(0, base=green, base_with="nothing"), []) == ()


def review(status: str, *issues: Issue) -> Review:
    return Review(expert="e", status=status, issues=issues)


@pytest.mark.parametrize(
    ("written", "messages"),
    [
        (review("ok", Issue(path="a.py", message="Fine", severity="major")), []),
        (review("changes_requested"), ["changes requested without a reason"]),
        (
            review(
                "changes_requested",
                Issue(path="a.py", message="Say why", severity="major"),
                Issue(path="a.py", message="Nice", severity="info"),
            ),
            ["Say why"],
        ),
    ],
)
def test_what_a_reviewer_asks_for_are_findings(written: Review, messages: list[str]) -> None:
    assert [f.message for f in reviewer_findings(written)] == messages


DIFF = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1,2 @@\n-x\n+y\n+z\n"


def test_without_a_reviewer_the_evidence_decides() -> None:
    assert changed_files(DIFF) == "* `a.py`: +2 -1"
    assert changed_files("no diff at all @@ -1 +1 @@") == ""
    fine = review_by_evidence("e", (Finding(kind="limit", message="m", blocking=False),), DIFF, "no money")
    assert fine.status == "ok"
    assert fine.final_answer_markdown == "* `a.py`: +2 -1\n\nNo reviewer read it: no money"
    red = review_by_evidence("e", (Finding(kind="tests_failed", message="m"),), DIFF)
    assert red.status == "changes_requested"
    assert "the acceptance command decides" in red.final_answer_markdown
