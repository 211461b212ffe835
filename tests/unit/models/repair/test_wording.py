import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.repair.wording import SUBJECT, subject


def option(before: str, after: str, what: str = "name replaced at src/ledger.py:61", path: str = "src/ledger.py"):
    diff = f"--- {path}\n+++ {path}\n@@ -1,3 +1,3 @@\n same\n-    {before}\n+    {after}\n same"
    return {"files": {path: {}}, "diff": diff, "what": what}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("taken = min(lot.quantity, quantity)", "taken = min(lot.quantity, remaining)", "quantity → remaining"),
        ("if n < 2:", "if n <= 2:", "if n < 2: → if n <= 2:"),
        ("return total - 1", "return total + 1", "return total - 1 → return total + 1"),
        ("total = 0", "total = 0", "name replaced"),
    ],
)
def test_a_small_repair_is_told_in_its_own_words(before, after, said):
    assert subject(option(before, after)) == f"Fix ledger.py: {said}"


def test_what_does_not_fit_into_a_subject_is_told_by_its_kind():
    long = "x" * 80
    assert subject(option(f"return {long}", f"return {long} + 1")) == "Fix ledger.py: name replaced"


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_subject_is_one_line_and_short(before, after):
    said = subject(option(" ".join(before.split()), " ".join(after.split())))
    assert "\n" not in said
    assert len(said) <= SUBJECT
