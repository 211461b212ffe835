"""The examples fail where they say they do, and their right fix is known."""

import pytest

from tests.examples.known import BILLING, EXAMPLES, ROOT, failures, held_out_failures

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_example_fails_exactly_where_it_says(example, tmp_path):
    assert failures(example.copy_to(tmp_path)) == example.failing


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_right_fix_passes_what_the_example_shows_and_what_it_does_not(example, tmp_path):
    folder = example.copy_to(tmp_path)
    assert held_out_failures(example, folder), "the held-out tests must notice the bug"
    example.mend(folder)
    assert held_out_failures(example, folder) == frozenset()
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
