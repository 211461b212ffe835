"""A diff is read as git wrote it: every line once, on its side, with its number, whatever the lines say."""

import difflib
import json
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.console.diffs import DiffRow, commented, read_diff, two_sides
from service.console.pages import marked, rendered, span
from service.console.timeline import END, Entry, logged_entry, place_of

LINES = st.lists(
    st.sampled_from(["a", "-- a", "++ b", "@@ -1 +1 @@", "diff --git a/x b/x", "", " ", "\u2028x", "\ty"]), max_size=12
)


def unified(old: list[str], new: list[str], path: str = "x.py") -> str:
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="", n=2)
    return "".join(f"{line}\n" for line in lines)


@given(old=LINES, new=LINES)
def test_both_files_are_in_the_rows(old: list[str], new: list[str]) -> None:
    text = unified(old, new)
    change = read_diff(text)
    assert len(change.files) == bool(text)
    for file in change.files:
        rows = change.rows(file)
        assert file.path == "x.py"
        assert (file.added, file.removed) == tuple(sum(r.kind == kind for r in rows) for kind in ("added", "removed"))
        for row in rows:
            if row.old is not None:
                assert old[row.old - 1] == row.text
            if row.new is not None:
                assert new[row.new - 1] == row.text
        assert [new[n - 1] for n in sorted(r.new for r in rows if r.kind == "added" and r.new)] == [
            r.text for r in rows if r.kind == "added"
        ]


@given(old=LINES, new=LINES)
def test_two_sides_have_every_row_once_and_in_order(old: list[str], new: list[str]) -> None:
    change = read_diff(unified(old, new))
    rows = [row for file in change.files for row in change.rows(file)]
    pairs = two_sides(rows)
    left = [a for a, _ in pairs if a is not None and a.kind != "added"]
    right = [b for _, b in pairs if b is not None and b.kind != "removed"]
    assert left == [row for row in rows if row.kind != "added"]
    assert right == [row for row in rows if row.kind != "removed"]


@given(old=LINES, new=LINES, first=st.integers(0, 20), most=st.integers(0, 20))
def test_rows_come_in_pieces(old: list[str], new: list[str], first: int, most: int) -> None:
    change = read_diff(unified(old, new))
    for file in change.files:
        assert change.rows(file, first=first, most=most) == change.rows(file)[first : first + most]


@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    change = read_diff(text)
    for file in change.files:
        change.rows(file)
    assert not change.texts({("x", "1")}) or change.files


def test_what_git_says_of_a_file() -> None:
    text = (
        "diff --git a/old name.py b/new name.py\nsimilarity index 90%\nrename from old name.py\nrename to new name.py\n"
        "--- a/old name.py\n+++ b/new name.py\n@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n"
        "diff --git a/gone b/gone\ndeleted file mode 100644\n--- a/gone\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n--- y\n"
        "diff --git a/p.png b/p.png\nnew file mode 100644\nGIT binary patch\nliteral 3\nxyz\n"
    )
    moved, gone, picture = read_diff(text).files
    assert (moved.before, moved.path, moved.how, moved.added, moved.removed) == (
        "old name.py",
        "new name.py",
        "moved",
        1,
        1,
    )
    assert (gone.path, gone.how, gone.removed) == ("gone", "deleted", 2)
    assert (picture.path, picture.how, picture.binary, picture.added) == ("p.png", "new", True, 0)
    assert read_diff(text).rows(moved)[-1] == DiffRow(kind="note", text="No newline at end of file")


def test_a_mode_and_an_encoding_are_told_and_a_name_is_read_whole() -> None:
    text = (
        "diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n"
        "diff --git a/etc b/etc\nnew file mode 120000\n--- /dev/null\n+++ b/etc\n@@ -0,0 +1 @@\n+/etc\n"
        "diff --git a/x b/README.md b/x b/README.md\nnew file mode 100644\nindex 0000000..e69de29\n"
        "diff --git a/old.txt b/old.txt\nindex 1..2 100644\ntext: iso8859-1 → utf-8\n"
        'diff --git "a/f\\303\\244" "b/f\\303\\244"\ndeleted file mode 100644\n'
    )
    script, link, empty, recoded, quoted = read_diff(text).files
    assert (script.how, script.notes) == ("changed", ["old mode 100644", "new mode 100755 (executable)"])
    assert (link.how, link.notes) == ("new", ["mode 120000 (symbolic link)"])
    assert (empty.path, empty.how, empty.notes) == ("x b/README.md", "new", [])
    assert (recoded.how, recoded.notes) == ("changed", ["text: iso8859-1 → utf-8"])
    assert (quoted.path, quoted.how) == ("f\\303\\244", "deleted")
    nothing: dict[str, Any] = dict.fromkeys(("turns", "choices", "proof", "findings", "evidence"))
    told = {"change": read_diff(text), "address": "/a", "view": "unified", "two_sides": two_sides, "most": 1}
    assert "new mode 100755 (executable)" in rendered("outcome.html", **nothing, **told)


def test_comments_are_about_lines_that_there_are() -> None:
    change = read_diff(unified(["a", "b"], ["a", "c"]))
    assert commented(change, [("x.py", "2", "why c?"), ("x.py", "-2", "why not b?")]) == (
        "On x.py, line 2:\n> c\nwhy c?\n\nOn x.py, removed line 2:\n> b\nwhy not b?"
    )
    assert commented(change, [("x.py", "99", "where?"), ("\u202e", "1", "no")]) == (
        "On x.py:\nwhere?\n\nOn ⟨U+202E RIGHT-TO-LEFT OVERRIDE⟩:\nno"
    )


def test_a_comment_finds_its_line_in_a_file_whose_name_is_spelled_out_and_not_in_one_that_had_the_name() -> None:
    moved = (
        "diff --git a/a.py b/b.py\nrename from a.py\nrename to b.py\n--- a/a.py\n+++ b/b.py\n@@ -1 +1 @@\n-x\n+moved\n"
    )
    change = read_diff(moved + unified(["x"], ["new"], "a.py") + unified(["x"], ["odd"], "\u202ec.py"))
    assert commented(change, [("a.py", "1", "this")]) == "On a.py, line 1:\n> new\nthis"
    shown = "⟨U+202E RIGHT-TO-LEFT OVERRIDE⟩c.py"
    assert commented(change, [(shown, "1", "that")]) == f"On {shown}, line 1:\n> odd\nthat"


def test_many_comments_on_a_large_change_are_read_once() -> None:
    head = "diff --git a/f b/f\n--- /dev/null\n+++ b/f\n@@ -0,0 +1,100000 @@\n"
    change = read_diff(head + "".join(f"+{n}\n" for n in range(100_000)))
    began = time.process_time()
    words = commented(change, [("f", f"{100_000 - n}", "why?") for n in range(200)])
    assert time.process_time() - began < 3
    assert words.startswith("On f, line 100000:\n> 99999\nwhy?")


def test_twenty_megabytes_are_read_in_seconds() -> None:
    one = "".join(f"+{'x' * 60} {n}\n" for n in range(30_000))
    head = "diff --git a/f{0} b/f{0}\n--- /dev/null\n+++ b/f{0}\n@@ -0,0 +1,30000 @@\n"
    text = "".join(head.format(n) + one for n in range(10))
    assert len(text) > 20_000_000 * 0.95
    began = time.process_time()
    change = read_diff(text)
    assert time.process_time() - began < 10
    assert (len(change.files), change.added, change.inline) == (10, 300_000, False)
    assert change.rows(change.files[9], first=29_999)[0].new == 29_999


@given(st.text(max_size=60))
def test_text_is_complete_and_no_markup(text: str) -> None:
    html = str(marked(text))
    assert "<" not in html.replace('<mark class="odd">', "").replace("</mark>", "").replace(
        '<span class="tab">', ""
    ).replace("</span>", "")


@settings(deadline=None)  # the first one reads the template
@given(st.text(max_size=80), st.text(max_size=80))
def test_an_entry_is_one_server_sent_event(message: str, subject: str) -> None:
    body = json.dumps({"kind": "coder_turn", "message": message, "data": {"subject": subject, "ok": True}}).encode()
    entry = logged_entry("3-4", body)
    assert entry is not None
    frame = entry.frame.decode()
    assert frame.endswith("\n\n")
    assert "\r" not in frame
    lines = frame.removesuffix("\n\n").split("\n")
    assert lines[:2] == ["id: 3-4", "event: entry"]
    assert all(line.startswith("data: ") for line in lines[2:])


def test_places() -> None:
    assert place_of("12-7") == (12, 7)
    assert place_of("x") == place_of("") == place_of("1-2-3") == (0, END)
    assert Entry(place="1-2", html="a\nb", moves=True).frame.count(b"event: ") == 2


def test_spans_are_read_at_a_glance() -> None:
    assert [span(s) for s in (5, 60, 3_600, 3_660, 86_400, 90_000)] == [
        "5 s",
        "1 min",
        "1 h",
        "1 h 1 min",
        "1 d",
        "1 d 1 h",
    ]
