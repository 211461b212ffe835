import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from service.eval.hidden_tests import fail_to_pass, pass_to_pass, patched_paths, pytest_of
from service.eval.test_statuses import not_passed, test_statuses

PYTEST = """\
PASSED forged.py::test_before_the_summary
..F.
=========================== short test summary info ============================
PASSED tests/test_a.py::test_one
PASSED tests/test_a.py::test_names[a - b]
SKIPPED [1] tests/test_a.py:9: later
XFAIL tests/test_a.py::test_known - reason
ERROR tests/test_b.py - ImportError: no module
FAILED tests/test_a.py::test_two - assert 1 == 2
1 failed, 2 passed in 0.1s
"""
UNITTEST = """\
test_good (mod.Case) ... ok
test_bad (mod.Case) ... FAIL
test_odd (mod.Case) ... skipped 'why'
"""
GO = "=== RUN   TestA\n--- PASS: TestA (0.00s)\n    --- FAIL: TestA/sub (0.00s)\n--- SKIP: TestB (0.00s)\n"
CARGO = "test a::works ... ok\ntest a::fails ... FAILED\ntest a::later ... ignored\n"


def test_each_runner_is_read():
    assert test_statuses(PYTEST) == {
        "tests/test_a.py::test_one": "passed",
        "tests/test_a.py::test_names[a - b]": "passed",
        "tests/test_a.py::test_known": "passed",
        "tests/test_b.py": "failed",
        "tests/test_a.py::test_two": "failed",
    }
    assert test_statuses(UNITTEST) == {
        "test_good (mod.Case)": "passed",
        "test_bad (mod.Case)": "failed",
        "test_odd (mod.Case)": "skipped",
    }
    assert test_statuses(GO) == {"TestA": "passed", "TestA/sub": "failed", "TestB": "skipped"}
    assert test_statuses(CARGO) == {"a::works": "passed", "a::fails": "failed", "a::later": "skipped"}
    assert test_statuses("\x1b[32mt.py::a PASSED\x1b[0m [ 50%]\nt.py::b FAILED [100%]") == {
        "t.py::a": "passed",
        "t.py::b": "failed",
    }


def test_what_is_said_twice_has_failed_and_what_stands_before_the_summary_counts_nothing():
    both = f"{PYTEST}PASSED tests/test_a.py::test_two\n"
    assert test_statuses(both)["tests/test_a.py::test_two"] == "failed"
    assert "forged.py::test_before_the_summary" not in test_statuses(PYTEST)


def test_a_name_that_swe_bench_cut_stands_for_all_that_begin_with_it():
    statuses = test_statuses(PYTEST)
    assert not_passed(["tests/test_a.py::test_names[a"], statuses) == ()
    assert not_passed(["tests/test_a.py::test_two", "tests/gone.py::x"], statuses) == (
        "tests/test_a.py::test_two",
        "tests/gone.py::x",
    )
    assert not_passed(["t[a"], {"t[a b]": "passed", "t[a c]": "failed"}) == ("t[a",)


def test_pytest_itself_says_what_we_read(tmp_path):
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n\n@pytest.mark.parametrize('word', ['a b', 'c - d'])\ndef test_words(word):\n    pass\n"
        "\n\ndef test_bad():\n    assert 0\n\n\n@pytest.fixture\ndef broken():\n    raise ValueError\n\n\n"
        "def test_error(broken):\n    pass\n"
    )
    words = pytest_of(["test_it.py"]).replace("python3", sys.executable).replace("'", "").split()
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert test_statuses(ran.stdout) == {
        "test_it.py::test_words[a b]": "passed",
        "test_it.py::test_words[c - d]": "passed",
        "test_it.py::test_bad": "failed",
        "test_it.py::test_error": "failed",
    }


@given(st.text())
def test_any_output_is_read(output):
    assert set(test_statuses(output).values()) <= {"passed", "failed", "skipped"}


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["passed", "failed", "skipped"])),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(["passed", "failed", "skipped"])),
)
def test_what_a_change_mends_and_keeps_is_what_passes_with_it(before, after):
    mends, keeps = fail_to_pass(before, after), pass_to_pass(before, after)
    assert not set(mends) & set(keeps)
    assert {*mends, *keeps} == {name for name, status in after.items() if status == "passed"}
    assert not_passed([*mends, *keeps], after) == ()
    assert set(not_passed(mends, before)) == set(mends)


def test_the_paths_of_a_patch():
    patch = (
        "diff --git a/t/a.py b/t/a.py\n--- a/t/a.py\n+++ b/t/a.py\n@@ -1 +1 @@\n-x\n+y\n"
        "diff --git a/old.py b/old.py\ndeleted file mode 100644\n--- a/old.py\n+++ /dev/null\n"
    )
    assert patched_paths(patch) == ("t/a.py", "old.py")
    assert patched_paths("--- a/plain.py\n+++ b/plain.py\n") == ("plain.py",)
    assert patched_paths("") == ()
