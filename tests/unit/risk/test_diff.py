"""What leaves the sandbox."""

import pytest

from risk import RiskEngine

ENGINE = RiskEngine()
KEY = "ghp_" + "0" * 36


def diff(path="src/a.py", added=("x = 1",), removed=(), mode="100644", new=True):
    body = "".join(f"-{line}\n" for line in removed) + "".join(f"+{line}\n" for line in added)
    counts = f"@@ -{1 if removed else 0},{len(removed)} +{1 if added else 0},{len(added)} @@"
    head = f"new file mode {mode}\nindex 0000000..1111111\n--- /dev/null" if new else f"index 1..2 {mode}\n--- a/{path}"
    return f"diff --git a/{path} b/{path}\n{head}\n+++ b/{path}\n{counts}\n{body}"


def rules(risk):
    return {reason.rule for reason in risk.reasons}


@pytest.mark.parametrize(
    ("kind", "tier"),
    [
        ("patch", "medium"),
        ("commit", "high"),
        ("branch", "high"),
        ("push", "high"),
        ("pull_request", "high"),
        ("deploy", "critical"),
    ],
)
def test_the_tier_of_each_way_out(kind, tier):
    assert ENGINE.delivery(diff("Makefile"), kind=kind, target="origin feature").tier == tier
    assert ENGINE.delivery(diff(), kind="patch").tier == "low"


def test_force_protected_and_the_usual_branches_are_critical():
    assert ENGINE.delivery(diff(), kind="push", target="origin x", force=True).tier == "critical"
    assert ENGINE.delivery(diff(), kind="branch", target="x", protected=True).tier == "critical"
    assert ENGINE.delivery(diff(), kind="push", target="https://git.example/x.git refs/heads/main").tier == "critical"
    assert ENGINE.delivery(diff(), kind="push", target="https://git.example/x.git refs/heads/fix").tier == "high"


def test_outsiders_raise_what_reaches_others_and_ci():
    assert ENGINE.delivery(diff(), kind="pull_request", tainted=True).tier == "critical"
    assert ENGINE.delivery(diff(), kind="branch", tainted=True).tier == "high"
    assert ENGINE.delivery(diff(".github/workflows/x.yml"), kind="branch", tainted=True).tier == "critical"


def test_a_secret_is_named_by_kind_path_and_line_and_never_shown():
    risk = ENGINE.delivery(diff("config.py", ("a = 1", f"token = '{KEY}'")), kind="branch")
    assert risk.tier == "critical"
    assert not [reason for reason in risk.reasons if KEY[:20] in reason.message]
    (found,) = ENGINE.secrets(diff("config.py", ("a = 1", f"token = '{KEY}'")))
    assert found.message.endswith("config.py line 2: a GitHub token")
    assert ENGINE.secrets(diff("config.py", (), (f"token = '{KEY}'",), new=False)) == ()


@pytest.mark.parametrize(
    ("mode", "rule"),
    [("120000", "executes.symlink"), ("100755", "executes.executable"), ("160000", "executes.submodule")],
)
def test_links_programs_and_submodules_are_named(mode, rule):
    assert rule in rules(ENGINE.delivery(diff("link", ("target",), mode=mode), kind="branch"))


def test_a_mode_that_only_changes_is_named():
    text = "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n"
    assert "executes.executable" in rules(ENGINE.delivery(text, kind="branch"))


def test_deleted_files_and_weakened_tests_are_shown():
    gone = (
        "diff --git a/a.py b/a.py\ndeleted file mode 100644\nindex 1..0\n--- a/a.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    )
    assert "delivery.deletes" in rules(ENGINE.delivery(gone, kind="branch"))
    removed = ("def test_a():", "    assert one() == 1")
    weak = ENGINE.delivery(diff("tests/test_a.py", ("x = 1",), removed, new=False), kind="branch")
    assert "delivery.deleted_test" in rules(weak)


def test_renames_quoted_names_and_garbage_are_not_overlooked():
    renamed = "diff --git a/x.txt b/Makefile\nsimilarity index 100%\nrename from x.txt\nrename to Makefile\n"
    assert "executes.builds" in rules(ENGINE.delivery(renamed, kind="branch"))
    quoted = diff('"b/\\303\\244/Makefile"').replace('b/"b/', '"b/').replace('a/"b/', '"a/')
    assert "executes.builds" in rules(ENGINE.delivery(quoted, kind="branch"))
    garbage = f"this is no diff\n+++ b/.github/workflows/x.yml\n+{KEY}\n"
    risk = ENGINE.delivery(garbage, kind="branch")
    assert {"delivery.unreadable", "executes.ci", "secret.github"} <= rules(risk)


def test_binary_files_are_not_passed_over():
    text = "diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png differ\n"
    assert "delivery.binary" in rules(ENGINE.delivery(text, kind="branch"))


def test_an_invisible_character_in_an_added_line_is_named_with_its_line():
    risk = ENGINE.delivery(diff("a.py", ("ok", "x = 1 # \u202e")), kind="branch")
    assert "a.py line 2" in next(reason.message for reason in risk.reasons if reason.rule == "content.invisible")
