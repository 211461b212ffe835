"""The examples fail where they say they do, and their right fix is known."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
HELD_OUT = Path(__file__).parent / "held_out"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One folder of examples/, the tests that fail in it, and the edits that mend it."""

    name: str
    failing: frozenset[str]
    edits: tuple[tuple[str, str, str], ...]

    def copy_to(self, folder: Path) -> Path:
        return Path(shutil.copytree(ROOT / "examples" / self.name, folder / self.name))

    def mend(self, folder: Path, *, edits: int | None = None) -> None:
        for path, wrong, right in self.edits[:edits]:
            source = (folder / path).read_text()
            assert source.count(wrong) == 1
            (folder / path).write_text(source.replace(wrong, right))


INVENTORY = Example(
    name="inventory",
    failing=frozenset({"tests/test_ledger.py::test_an_issue_may_span_lots"}),
    edits=(("src/stockroom/ledger.py", "min(lot.quantity, quantity)", "min(lot.quantity, remaining)"),),
)
BILLING = Example(
    name="billing",
    failing=frozenset(
        {
            "tests/test_invoicing.py::test_an_upgrade_on_the_renewal_day",
            "tests/test_periods.py::test_the_renewal_day_belongs_to_the_next_period",
            "tests/test_subscription.py::test_a_change_applies_from_its_first_day",
            "tests/test_usage.py::test_no_call_is_billed_twice",
        }
    ),
    edits=(
        ("src/subscriptions/periods.py", "self.start <= day <= self.end", "self.start <= day < self.end"),
        ("src/subscriptions/subscription.py", "change.on < day", "change.on <= day"),
    ),
)
EXAMPLES = [INVENTORY, BILLING]


def failures(folder: Path, *tests: str) -> frozenset[str]:
    """Run the example's own suite, and nothing of ours, and name the tests that fail."""
    argv = [sys.executable, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfE", *tests]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return frozenset(re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_example_fails_exactly_where_it_says(example, tmp_path):
    assert failures(example.copy_to(tmp_path)) == example.failing


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_right_fix_passes_what_the_example_shows_and_what_it_does_not(example, tmp_path):
    folder = example.copy_to(tmp_path)
    held_out = shutil.copy(HELD_OUT / f"{example.name}.py", folder / "tests" / "test_held_out.py")
    assert failures(folder, held_out), "the held-out tests must notice the bug"
    example.mend(folder)
    assert failures(folder) == frozenset()


def test_each_edit_of_billing_mends_something_and_no_edit_mends_everything(tmp_path):
    folder = BILLING.copy_to(tmp_path)
    BILLING.mend(folder, edits=1)
    left = failures(folder)
    assert left
    assert left < BILLING.failing


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_task_is_one_sentence_or_two(example):
    task = (ROOT / "examples" / example.name / "TASK.md").read_text()
    assert task.endswith("\n")
    assert 40 < len(task.strip()) < 300
    assert "\n" not in task.strip()
