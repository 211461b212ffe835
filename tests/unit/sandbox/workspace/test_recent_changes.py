"""The log of a repository as hunks."""

from hypothesis import given
from hypothesis import strategies as st

from sandbox.workspace.recent_changes import hunks

LOG = """\0f1e2d3c Prices are rounded
diff --git a/shop/prices.py b/shop/prices.py
index 1..2 100644
--- a/shop/prices.py
+++ b/shop/prices.py
@@ -3,3 +3,2 @@ def price():
 a = 1
-b = 2
-c = 3
+b = 3
@@ -20 +19 @@
-x
+y
\\ No newline at end of file
\0aaaa Older, without a patch
"""


def test_every_hunk_has_its_sides_and_its_commit():
    first, second = hunks(LOG)
    assert (first.path, first.commit, first.subject) == ("shop/prices.py", "f1e2d3c", "Prices are rounded")
    assert (first.before, first.after) == ("a = 1\nb = 2\nc = 3\n", "a = 1\nb = 3\n")
    assert (second.before, second.after) == ("x\n", "y")


@given(st.text())
def test_any_text_can_be_read(text: str):
    for hunk in hunks(text):
        assert hunk.path
        assert hunk.after.strip()
