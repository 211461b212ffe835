"""What is known about the examples: where they fail, and the edits that mend them."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

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
EXAMPLES = (INVENTORY, BILLING)


def failures(folder: Path, *tests: str) -> frozenset[str]:
    """Run the example's own suite, and nothing of ours, and name the tests that fail."""
    argv = [sys.executable, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfE", *tests]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    return frozenset(re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE))


def held_out_failures(example: Example, folder: Path) -> frozenset[str]:
    """Put the held-out tests beside the example's own, run them, take them away again."""
    test = Path(shutil.copy(HELD_OUT / f"{example.name}.py", folder / "tests" / "test_held_out.py"))
    try:
        return failures(folder, str(test))
    finally:
        test.unlink()
