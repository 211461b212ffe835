"""The ladder, where white space was copied badly or lines were not shown whole: what was meant is kept."""

from domain.text.elision import shortened
from tests.unit.domain.test_ladder import SHOP, edit

FIRST = "def rounded(amount):\n"


def test_new_lines_with_tabs_get_the_spaces_of_the_file_where_the_searched_ones_have_no_indentation():
    new = "def half(amount):\n\tif amount:\n\t\treturn amount / 2\n\treturn 0\n\n\n"
    assert edit(FIRST, new + FIRST) == SHOP.replace(FIRST, new.replace("\t", "    ") + FIRST)


def test_tabs_with_blanks_behind_them_are_indentation_too():
    new = "def half(amount):\n\treturn (amount\n\t\t\t / 2)\n\n\n"
    assert edit(FIRST, new + FIRST) == SHOP.replace(FIRST, new.replace("\t", "    ") + FIRST)
    bare = "import math\n"
    assert edit(bare, bare + "def half(a):\n\treturn a\n", text=bare) == bare + "def half(a):\n    return a\n"


def test_one_line_that_is_aligned_says_what_a_tab_is():
    text = "class A:\n    def a(self):\n        self.call(1,\n                  2)\n"
    search = "\t\t\t\t  2)\n"
    new = search + "\n\tdef b(self):\n\t\tself.call(3,\n\t\t\t\t  4)\n"
    assert edit(search, new, text=text) == text + text.partition("\n")[2].replace("a(self", "b(self").replace(
        "1,", "3,"
    ).replace("2)", "4)").join(["\n", ""])


def test_blank_lines_that_were_searched_for_go_with_the_rest():
    text = "def a():\n    return 1\n\n\n"
    assert edit("    return 1  \n  \n  \n", "    return 2\n", text=text) == "def a():\n    return 2\n"


def test_a_line_of_many_that_ends_in_blanks_keeps_them():
    text = "# A\n\nSome words.\n"
    new = "# A\n\nMore words  \nin two lines.\n\nSome words.\n"
    assert edit("# A  \n  \nSome words.  \n", new, text=text) == new


def test_a_line_that_was_too_long_to_be_shown_is_quoted_as_it_was_shown():
    key = f"KEY = '{'a' * 700}'\n"
    text = f"X = 1\n{key}Y = 2\n"
    shown = f"{shortened(key[:-1], 500)}\n"
    assert shown.endswith(" … 208 more characters\n")
    assert edit(f"{shown}Y = 2\n", f"{shown}Y = 3\n", text=text) == text.replace("Y = 2", "Y = 3")
    assert edit(shown, "KEY = 'b'\n", text=text) == text.replace(key, "KEY = 'b'\n")
    other = key.replace("a'", "b'")
    assert "not in the file" in edit(shown, "KEY = 'b'\n", text=text + other)
    assert "not in the file" in edit(shown.replace("208", "209"), "KEY = 'b'\n", text=text)


def test_a_blank_line_is_not_the_end_of_another_one():
    assert "may be meant at line 2 or 3" in edit("\nb\n", "\nc\n", text="a\nb\n\n b\n")
    assert edit("\nb\n", "\nc\n", text="a\nb\n") == "a\nc\n"


def test_an_edit_that_changes_nothing_says_so():
    """It is about white space at line ends, which was copied otherwise than it is."""
    said = edit("    a  \n    b  \n", "    a\n    b\n", text="    a \n    b \n")
    assert "it changes nothing" in said
    assert "1:     a \n2:     b " in said


def test_a_tab_that_is_no_indentation_stays():
    new = 'TABLE = """\n\ta\n"""\n\n\n'
    assert edit(FIRST, new + FIRST) == SHOP.replace(FIRST, new + FIRST)
    for path in ("Makefile", "rules.mk", "a/main.go"):
        rules = "all: a\n\nSOURCES = \\\n    a.c\n"
        assert edit("all: a\n", "all: a\n\ttouch a\n", path=path, text=rules) == rules.replace(
            "all: a\n", "all: a\n\ttouch a\n"
        )
