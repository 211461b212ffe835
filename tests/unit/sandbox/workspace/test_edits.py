"""A change is worked out before a file is touched, and says exactly why it does not apply."""

from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import CodeChange, FileEdit, NewFile, Refused
from domain.text import decoded
from domain.text.encoding import universal
from sandbox.paths import absolute, inside_repo
from sandbox.workspace.edits import outcome, paths_of


def edit(path, search, replace):
    return CodeChange(files_to_update=(FileEdit(path=path, search=search, replace=replace),))


def refused(change, before) -> Refused:
    with pytest.raises(Refused) as refusal:
        outcome(change, before)
    assert refusal.value.stable_code == "edit_does_not_apply"
    assert refusal.value.hint
    return refusal.value


def test_an_edit_replaces_what_is_found_once():
    assert outcome(edit("a", "x", "y"), {"a": b"1x2"}) == {"a": b"1y2"}


def test_edits_of_one_file_build_on_each_other():
    edits = (FileEdit(path="a", search="1", replace="2"), FileEdit(path="./a", search="2", replace="3"))
    assert outcome(CodeChange(files_to_update=edits), {"a": b"1"}) == {"a": b"3"}


@pytest.mark.parametrize(("data", "found"), [(b"nothing", 0), (b"x x", 2), (b"xxx", 3)])
def test_an_edit_that_is_not_found_once_says_how_often(data, found):
    error = refused(edit("src/a.py", "x", "y"), {"src/a.py": data})
    assert "src/a.py" in error.message
    assert f"{found} times" in error.message


def test_windows_line_ends_are_kept():
    assert outcome(edit("a", "1\n2", "1\n3"), {"a": b"1\r\n2\r\n"}) == {"a": b"1\r\n3\r\n"}


def test_what_is_not_there_cannot_be_edited_or_deleted():
    refused(edit("a", "x", "y"), {"a": None})
    refused(CodeChange(files_to_delete=("a",)), {"a": None})
    refused(CodeChange(files_to_update=(FileEdit(path="a"),)), {"a": b"x"})


def test_files_are_made_replaced_and_deleted():
    change = CodeChange(
        files_to_create=(NewFile(path="new", content="n"), NewFile(path="same", content="s")),
        files_to_update=(FileEdit(path="old", content="o"),),
        files_to_delete=("gone",),
    )
    before = {"new": None, "same": b"s", "old": b"", "gone": b"g"}
    assert outcome(change, before) == {"new": b"n", "old": b"o", "gone": None}
    assert paths_of(change) == ("new", "same", "old", "gone")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "..",
        "../x",
        "a/../../x",
        "a/..",
        ".git",
        ".git/config",
        "sub/.git/hooks/x",
        ".GIT/config",
        ".git./x",
        "git~1/x",
        "a\0b",
        ".",
        "a/",
    ],
)
def test_paths_that_lead_out_or_into_git_are_refused(path):
    with pytest.raises(Refused) as refusal:
        inside_repo(path)
    assert refusal.value.stable_code == "path_refused"


@given(st.text(alphabet="ab./\\~ GITgit\0", max_size=20))
def test_a_path_that_is_accepted_stays_inside(path):
    try:
        plain = inside_repo(path)
    except Refused:
        return
    assert absolute(plain).startswith("/work/repo/")
    assert not {"..", "", ".", ".git"} & set(plain.lower().split("/"))
    assert inside_repo(plain) == plain


@settings(deadline=None)
@given(st.binary(max_size=30), st.text(min_size=1, max_size=3), st.text(max_size=3))
def test_nothing_but_what_was_found_is_changed(data, search, replace):
    try:
        after = outcome(edit("a", search, replace), {"a": data}).get("a", data)
    except Refused:
        return
    file = decoded(data)
    assert file is not None
    assert after is not None
    if not file.other:
        changed = after.removeprefix(file.bom).decode(file.encoding)
        if "\r" in search:
            assert changed == file.text.replace(search, replace) or universal(changed) == _replaced(
                file.view, search, replace
            )
        else:
            assert universal(changed) == _replaced(file.view, search, replace)


def _replaced(view, search, replace):
    for form in (None, "NFC", "NFD"):
        old, new = (universal(normalize(form, text) if form else text) for text in (search, replace))
        if view.count(old) == 1:
            return view.replace(old, new)
    return view.removesuffix(search[:-1]) + universal(replace).removesuffix("\n")


def test_a_file_keeps_its_encoding_and_a_new_one_is_utf_8():
    before = {"a.c": b"/* caf\xe9 */\r\nint x;\r\n", "b.c": b"/* \xe9t\xe9 */", "new.c": None}
    change = CodeChange(
        files_to_create=(NewFile(path="new.c", content="é\n"), NewFile(path="b.c", content="/* été */\nint b;\n")),
        files_to_update=(FileEdit(path="a.c", search="/* café */\nint x", replace="/* thé */\nint y"),),
    )
    assert outcome(change, before) == {
        "a.c": b"/* th\xe9 */\r\nint y;\r\n",
        "b.c": b"/* \xe9t\xe9 */\nint b;",
        "new.c": "é\n".encode(),
    }


@pytest.mark.parametrize(
    ("data", "search", "replace", "code"),
    [(b"\x89PNG\0\0", "P", "Q", "file_binary"), (b"caf\xe9", "café", "ж", "not_encodable")],
)
def test_what_cannot_be_written_back_is_refused(data, search, replace, code):
    with pytest.raises(Refused) as refusal:
        outcome(edit("a", search, replace), {"a": data})
    assert refusal.value.stable_code == code
    assert refusal.value.hint


def test_a_path_that_cannot_be_encoded_is_refused():
    with pytest.raises(Refused):
        inside_repo("a\ud800")
