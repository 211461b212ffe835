"""The ladder: clumsy edits are made exact, and nothing is ever changed at a wrong place."""

import textwrap

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain import CodeChange, FileEdit, NewFile
from domain.text import PathLadder, fitted_change, numbered_edits
from domain.text.edits import replaced
from domain.text.encoding import decoded
from domain.text.indentation import reindenting

SHOP = '''\
"""Prices."""

import math


class Shop:
    """Sells."""

    def __init__(self, items):
        self.items = items

    def total(self, tax):
        # add everything up
        amount = sum(self.items)
        if tax:
            amount = amount * (1 + tax)
        return amount

    @property
    def size(self):
        return len(self.items)


def rounded(amount):
    return math.floor(amount)
'''


def edit(search, replace, path="shop.py", text=SHOP, **more):
    """Apply one edit by the ladder and by what applies changes; return the text afterwards, or the problem."""
    return change(
        CodeChange(files_to_update=(FileEdit(path=path, search=search, replace=replace),)), {path: text}, **more
    )


def change(wanted, files, shown=()):
    tree = [path for path, text in files.items() if text is not None]
    ladder = PathLadder(tree=tree, shown=shown, texts={path: files[path] for path in shown})
    edits, notes, lost = ladder.place(numbered_edits(wanted))
    fitted = fitted_change(wanted, edits, {each.edit.path: files.get(each.edit.path) for each in edits})
    after = dict(files)
    for new in fitted.change.files_to_create:
        assert after.get(new.path) is None
        after[new.path] = new.content
    for each in fitted.change.files_to_update:
        if each.content is not None:
            after[each.path] = each.content
            continue
        assert after[each.path].count(each.search) == 1, "what comes out is exact"
        file = decoded(after[each.path].encode(), each.path)
        after[each.path] = replaced(file, each.search, each.replace, each.path).decode()
    for path in fitted.change.files_to_delete:
        del after[path]
    problems = (*lost, *fitted.problems)
    if len(files) == 1 and len(numbered_edits(wanted)) == 1:
        return str(problems[0]) if problems else after[next(iter(files))]
    return after, problems, (*notes, *fitted.repaired)


WANTED = SHOP.replace("        amount = sum(self.items)\n", "        amount = math.fsum(self.items)\n")
BEFORE = "        # add everything up\n        amount = sum(self.items)\n        if tax:\n"
AFTER = "        # add everything up\n        amount = math.fsum(self.items)\n        if tax:\n"


@pytest.mark.parametrize(
    "clumsy",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "  \n"),
        lambda text: text.replace("    ", "\t"),
        textwrap.dedent,
        lambda text: textwrap.indent(text, "    "),
        lambda text: text.replace("    ", "  "),
        lambda text: f"\n{text}\n",
        lambda text: text.removesuffix("\n"),
        lambda text: f"\ufeff{text}",
    ],
)
def test_clumsy_copies_are_found(clumsy):
    assert edit(clumsy(BEFORE), clumsy(AFTER)) == WANTED


def test_one_changed_comment_is_overlooked_and_stays_as_it_is():
    more = "    def total(self, tax):\n" + BEFORE
    wrong = more.replace("# add everything up", "# sum up all the items of this shop")
    assert edit(wrong, wrong.replace("sum(self", "math.fsum(self")) == WANTED


def test_new_lines_are_indented_as_the_file_is():
    search = "amount = sum(self.items)\nif tax:\n    amount = amount * (1 + tax)\n"
    new = "amount = sum(self.items)\nif tax:\n    if tax > 1:\n        tax = 1\n    amount = amount * (1 + tax)\n"
    assert edit(search, new) == SHOP.replace(
        "            amount = amount", "            if tax > 1:\n                tax = 1\n            amount = amount"
    )


def test_tabs_of_the_file_are_kept():
    tabbed = SHOP.replace("    ", "\t")
    new = BEFORE.replace("        if tax:\n", "        if tax:\n            tax = tax / 100\n")
    assert edit(BEFORE, new, text=tabbed) == tabbed.replace("\t\tif tax:\n", "\t\tif tax:\n\t\t\ttax = tax / 100\n")


@pytest.mark.parametrize("form", ["{:>6} {}", "{}: {}", "{}| {}", "{}\t{}"])
def test_lines_that_were_copied_with_their_numbers(form):
    shown = "".join(f"{form.format(number, line)}\n" for number, line in enumerate(BEFORE.splitlines(), 13))
    assert edit(shown, AFTER) == WANTED


def test_a_deletion_takes_the_line_end_with_it():
    assert edit("# add everything up  \n", "") == SHOP.replace("        # add everything up\n", "")


def test_a_line_written_without_its_indentation_takes_the_others_along():
    new = "if not amount:\n    return 0\nreturn amount\n"
    wanted = SHOP.replace(
        "        return amount\n", "        if not amount:\n            return 0\n        return amount\n"
    )
    assert edit("return amount\n", new, text=SHOP.replace("floor(amount)", "floor(x)")) == wanted.replace(
        "floor(amount)", "floor(x)"
    )


@pytest.mark.parametrize(
    ("search", "says"),
    [
        ("self.items", "more than once (lines 10, 14, 21)"),
        ("    return\n", "not in the file"),
        ("def total(self, vat):\n    print(vat)\n    return vat\n", "not in the file"),
        ("", "searches for nothing"),
        ("def total(self, tax):\n    ...\n    return amount\n", "leaves lines out"),
        ("# ... existing code ...\n", "leaves lines out"),
    ],
)
def test_what_is_not_found_says_why(search, says):
    assert says in edit(search, "x\n")


def test_what_is_not_found_names_the_nearest_lines():
    problem = edit("    def total(self, vat):\n        value = sum(self.items)\n        return value\n", "x\n")
    assert "12:     def total(self, tax):" in problem or "14:         amount = sum(self.items)" in problem


@pytest.mark.parametrize(
    "line", ["# ... rest of the code ...", "// existing code", "...", "# rest of the function unchanged"]
)
def test_elided_code_is_refused(line):
    assert "leaves code out" in edit(BEFORE, f"{BEFORE}        {line}\n")
    whole = CodeChange(files_to_update=(FileEdit(path="shop.py", content=f"x = 1\n{line}\n"),))
    assert "leaves code out" in change(whole, {"shop.py": SHOP})


def test_dots_that_are_code_are_none_left_out():
    stub = "class A:\n    def f(self): ...\n\n    def g(self):\n        ...\n"
    whole = CodeChange(files_to_update=(FileEdit(path="a.py", content=stub),))
    assert change(whole, {"a.py": ""}) == stub


@pytest.mark.parametrize(
    "content",
    [
        "def rounded(amount):\n    return round(amount)\n",
        "import math\n\n\ndef rounded(amount):\n    return round(amount)\n",
        "    def rounded(amount):\n        return round(amount)\n",
    ],
)
def test_a_definition_alone_takes_the_place_of_the_one_of_its_name(content):
    wanted = SHOP.replace("return math.floor(amount)", "return round(amount)")
    whole = CodeChange(files_to_update=(FileEdit(path="shop.py", content=content),))
    assert change(whole, {"shop.py": SHOP}) == wanted
    unnamed = CodeChange(files_to_update=(FileEdit(path="", content=content),))
    assert change(unnamed, {"shop.py": SHOP, "b.py": "x = 1\n"}, shown=("shop.py", "b.py"))[0]["shop.py"] == wanted


def test_a_method_alone_keeps_its_decorator_and_its_indentation():
    whole = CodeChange(files_to_update=(FileEdit(path="shop.py", content="def size(self):\n    return 1\n"),))
    assert change(whole, {"shop.py": SHOP}) == SHOP.replace("return len(self.items)", "return 1")


def test_a_definition_in_a_file_that_does_not_parse():
    broken = SHOP.replace("import math\n", "import math (\n")
    whole = CodeChange(files_to_update=(FileEdit(path="shop.py", content="def size(self):\n    return 1\n"),))
    assert change(whole, {"shop.py": broken}) == broken.replace("return len(self.items)", "return 1")


def test_a_definition_that_is_there_twice_is_refused():
    twice = f"{SHOP}\n\nclass Other:\n    def size(self):\n        return 2\n"
    whole = CodeChange(files_to_update=(FileEdit(path="shop.py", content="def size(self):\n    return 1\n"),))
    assert "more than once (lines" in change(whole, {"shop.py": twice})


def test_a_whole_file_is_written_as_a_whole():
    content = '"""Prices."""\n\n\ndef rounded(amount):\n    return round(amount)\n'
    whole = CodeChange(files_to_update=(FileEdit(path="shop.py", content=content),))
    assert change(whole, {"shop.py": SHOP}) == content


SCRIPT = """\
import x from 'x';

// adds "}" up
export function total(items) {
  return items.map((each) => { return each.a; }).length;
}

const size = (items) => {
  return '{';
};
"""


@pytest.mark.parametrize(
    ("content", "old", "new"),
    [
        (
            "export function total(items) {\n  return 1;\n}\n",
            SCRIPT[SCRIPT.index("export f") : SCRIPT.index("\n\nconst")],
            None,
        ),
        ("const size = (items) => {\n  return 2;\n};\n", "const size = (items) => {\n  return '{';\n};", None),
    ],
)
def test_a_definition_between_braces(content, old, new):
    whole = CodeChange(files_to_update=(FileEdit(path="a.js", content=content),))
    assert change(whole, {"a.js": SCRIPT}) == SCRIPT.replace(old, new or content.removesuffix("\n"))


FILES = {"src/shop/prices.py": SHOP, "src/shop/__init__.py": "", "tests/test_prices.py": "x = 1\n", "a.md": "# A\n"}


@pytest.mark.parametrize(
    "path",
    [
        "./src/shop/prices.py",
        "a/src/shop/prices.py",
        "b/src/shop/prices.py",
        "/work/repo/src/shop/prices.py",
        "repo/src/shop/prices.py",
        "shop/prices.py",
        "prices.py",
        "/tmp/x/src/shop/prices.py",
        "src\\shop\\prices.py",
        "lib/prices.py",
    ],
)
def test_a_path_is_repaired_where_one_file_is_meant(path):
    wanted = CodeChange(files_to_update=(FileEdit(path=path, search=BEFORE, replace=AFTER),))
    after, problems, notes = change(wanted, FILES, shown=("src/shop/prices.py", "tests/test_prices.py"))
    assert (after["src/shop/prices.py"], problems) == (WANTED, ())
    assert notes


def test_a_path_that_may_be_two_files_names_them():
    files = {"a/x.py": "x = 1\n", "b/x.py": "x = 1\n", "c.py": ""}
    wanted = CodeChange(files_to_update=(FileEdit(path="x.py", search="x = 1", replace="x = 2"),))
    after, (problem,), _ = change(wanted, files)
    assert after == files
    assert "a/x.py, b/x.py" in str(problem)


def test_a_new_file_is_no_other_one():
    wanted = CodeChange(
        files_to_create=(NewFile(path="prices.py", content="x = 2\n"), NewFile(path="lib/prices.py", content="y"))
    )
    after, problems, _ = change(wanted, FILES)
    assert (after["prices.py"], after["lib/prices.py"], problems) == ("x = 2\n", "y", ())


def test_a_deletion_is_of_no_other_file():
    wanted = CodeChange(files_to_delete=("lib/prices.py",))
    after, (problem,), _ = change(wanted, FILES, shown=tuple(FILES))
    assert after == FILES
    assert "no such file" in str(problem)


def test_edits_that_apply_are_kept_when_others_do_not():
    wanted = CodeChange(
        files_to_update=(
            FileEdit(path="a.md", search="# A", replace="# B"),
            FileEdit(path="a.md", search="# Z", replace="# Y"),
            FileEdit(path="a.md", search="# B", replace="# C"),
        ),
        commit_message="m",
    )
    after, (problem,), _ = change(wanted, FILES)
    assert after["a.md"] == "# C\n"
    assert problem.number == 2
    assert "# B" in problem.near


def test_an_exact_change_stays_the_very_same():
    wanted = CodeChange(
        files_to_update=(FileEdit(path="a.md", search="# A", replace="# B"),), files_to_delete=("src/x",)
    )
    edits, _, _ = PathLadder(tree=["a.md", "src/x"]).place(numbered_edits(wanted))
    assert fitted_change(wanted, edits, {"a.md": "# A\n", "src/x": ""}).change is wanted


LINE = st.sampled_from(
    ["a", "b", "  a", "\ta", "", "x = 1", "  x = 1", "def f():", "    return x", "}", "é"]
) | st.text("ab \t", max_size=4)
TEXT = st.lists(LINE, max_size=12).map(lambda lines: "".join(f"{line}\n" for line in lines))


@given(TEXT, TEXT, TEXT, TEXT, TEXT)
def test_a_text_that_stands_there_twice_is_never_replaced(one, search, two, three, new):
    text = one + search + two + search + three
    assume(search.strip())
    problem = edit(search, new, text=text)
    assert "more than once" in problem
    assert problem.startswith("Edit 1")


@given(st.lists(LINE, min_size=1, max_size=12), TEXT, st.data())
def test_only_what_was_searched_for_is_changed(lines, new, data):
    text = "".join(f"{line}\n" for line in lines)
    first = data.draw(st.integers(0, len(lines) - 1))
    last = data.draw(st.integers(first + 1, len(lines)))
    clumsy = data.draw(
        st.sampled_from([str, str.rstrip, str.strip, lambda line: f"  {line}", lambda line: line.expandtabs(4)])
    )
    search = "".join(f"{clumsy(line)}\n" for line in lines[first:last])
    stripped = "".join(f"\n{line.strip()}" for line in lines)
    there = "".join(f"\n{line.strip()}" for line in lines[first:last])
    assume(there.strip() and stripped.find(there, stripped.find(there) + 1) < 0)  # else another place may be meant
    result = edit(search, new, text=text)
    if not result.startswith("Edit 1"):
        before, after = "".join(f"{line}\n" for line in lines[:first]), "".join(f"{line}\n" for line in lines[last:])
        assert result.startswith(before) or not before.strip()
        assert result.endswith(after) or not after.strip()


@given(TEXT, TEXT, TEXT)
def test_what_comes_out_applies(text, search, new):
    edit(search, new, text=text)  # asserts it


def test_indents_of_one_width_that_stand_for_two_are_not_guessed_from():
    rows = ["a", "a", "a", "a", "\ta", "  a", "    return x"]
    pairs = [("  \ta", "\ta"), ("    a", "  a"), ("      return x", "    return x")]
    assert reindenting(pairs, [one for one, _ in pairs], rows) is None
