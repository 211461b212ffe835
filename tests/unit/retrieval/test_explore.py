"""Looking around in a tree: what is opened and searched, and what is said where there is nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from retrieval.explore import Explorer
from retrieval.explore.explorer import files_at

LONG = "".join(f"def f{number}(x):\n    return x + {number}\n\n" for number in range(200))
FILES = {
    "README.md": b"# Shop\n",
    "src/shop/prices.py": (
        b"class Shop:\n    def total(self, tax):\n        return tax\n\n\ndef rounded(amount):\n    return amount\n"
    ),
    "src/shop/long.py": LONG.encode(),
    "src/shop/__init__.py": b"from shop.prices import rounded\n",
    "tests/test_prices.py": b"from shop import rounded\n\n\ndef test_rounded():\n    assert rounded(1) == 1\n",
    "web/app.js": b"export function rounded(x) {\n  return x;\n}\nconst total = (x) => x;\n",
    "logo.png": b"\x89PNG\0\0",
    "wide.txt": b"x" * 100_000 + b"\nend\n",
    "empty.py": b"",
}


class Tree:
    """Files in memory; ``read`` counts."""

    def __init__(self, files):
        self.there, self.reads = files, 0

    async def files(self):
        return tuple(self.there)

    async def read(self, path):
        self.reads += 1
        return self.there[path]

    async def read_many(self, paths, *, limit):
        self.reads += len(paths)
        return {path: self.there[path] for path in paths if path in self.there and len(self.there[path]) <= limit}


@pytest.fixture
def explorer():
    return Explorer(Tree(FILES))


async def refusal(asked):
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("", ["a.py", "src/a.py", "src/b.ts", "src/in/c.py", "srcs/d.py"]),
        ("src", ["src/a.py", "src/b.ts", "src/in/c.py"]),
        ("src/**", ["src/a.py", "src/b.ts", "src/in/c.py"]),
        ("src/in/c.py", ["src/in/c.py"]),
        ("*.ts", ["src/b.ts"]),
        ("**/c.py", ["src/in/c.py"]),
        ("nowhere", []),
    ],
)
def test_a_search_is_narrowed_by_a_file_a_folder_or_a_glob(where, found):
    assert list(files_at(["a.py", "src/a.py", "src/b.ts", "src/in/c.py", "srcs/d.py"], where)) == found


async def test_lines_have_their_numbers(explorer):
    assert await explorer.open("src/shop/prices.py", 2, 3) == (
        "src/shop/prices.py, lines 2-3 of 7:\n     2     def total(self, tax):\n     3         return tax"
    )
    assert (await explorer.open("src/shop/prices.py")).count("\n") == 7


async def test_a_long_file_is_its_outline(explorer):
    shown = await explorer.open("src/shop/long.py")
    assert "has 600 lines" in shown
    assert "     1 def f0(x):" in shown
    assert "   598 def f199(x):" in shown
    assert len(shown) < 10_200


async def test_as_much_is_shown_as_there_is_room_for(explorer):
    shown = await explorer.open("src/shop/long.py", 1, 600)
    assert len(shown) < 10_200
    assert "… go on with src/shop/long.py:" in shown
    wide = await explorer.open("wide.txt")
    assert "99,500 more characters" in wide
    assert "end" in wide


@pytest.mark.parametrize("path", ["", ".", "./", "/", "/work/repo"])
async def test_the_top_has_folders_and_files(explorer, path):
    shown = await explorer.open(path)
    assert "  src/ (3 files)" in shown
    assert "  README.md" in shown


@pytest.mark.parametrize("path", ["src/shop", "src/shop/", "./src/shop", "/work/repo/src/shop"])
async def test_a_folder_names_what_its_files_define(explorer, path):
    assert "  prices.py  Shop:1, rounded:6" in await explorer.open(path)


async def test_one_file_that_ends_like_the_path_is_meant(explorer):
    assert (await explorer.open("shop/prices.py", 1, 1)).startswith("src/shop/prices.py, lines 1-1")


async def test_a_last_line_without_a_line_end_is_shown_as_such():
    explorer = Explorer(Tree({"a.txt": b"x\ny", "b.txt": b"x\ny\n"}))
    assert (await explorer.open("a.txt")).endswith("     2 y\n\\ No newline at end of file")
    assert "No newline" not in await explorer.open("a.txt", 1, 1)
    assert "No newline" not in await explorer.open("b.txt")


async def test_what_cannot_be_opened_says_why(explorer):
    missing = await refusal(explorer.open("src/shop/price.py"))
    assert (missing.stable_code, "src/shop/prices.py" in missing.hint) == ("file_not_found", True)
    assert (await refusal(explorer.open("logo.png"))).stable_code == "file_binary"
    beyond = await refusal(explorer.open("src/shop/prices.py", 30))
    assert (beyond.stable_code, beyond.message) == (
        "beyond_the_file",
        "src/shop/prices.py has 7 lines: there is no line 30.",
    )
    assert await explorer.open("empty.py") == "empty.py is empty."


async def test_words_find_passages(explorer):
    found = await explorer.search("total of the tax")
    assert found.startswith("src/shop/prices.py:1-3")
    assert "     2     def total(self, tax):" in found
    assert "web/" not in await explorer.search("rounded amount", "src")
    assert "Nothing in" in await explorer.search("zebra")


async def test_an_expression_finds_lines(explorer):
    assert await explorer.search(r"def r\w+", how="regex") == (
        "1 line matches in 1 files.\nsrc/shop/prices.py:6: def rounded(amount):"
    )
    assert "tests/test_prices.py:5" in await explorer.search(r"rounded\(1\)$|== 1$", "tests", how="regex")
    assert "Nothing matches" in await explorer.search("zebra+", how="regex")


async def test_a_name_is_defined_and_used(explorer):
    found = await explorer.search("rounded", how="name")
    defined, used = found.split("\n\n")
    assert "src/shop/prices.py:6: def rounded(amount):" in defined
    assert "web/app.js:1: export function rounded(x) {" in defined
    assert "tests/test_prices.py:5: assert rounded(1) == 1" in used
    assert "src/shop/prices.py:6" not in used
    assert "web/" not in await explorer.search("Shop.total", how="name")
    assert "web/app.js:4" in await explorer.search("total", how="name")


@pytest.mark.parametrize(
    "where", ["src/shop", "src/shop/", "src/**", "src/shop/*.py", "*.py", "src/shop/prices.py", "**/prices.py"]
)
async def test_a_search_is_of_a_folder_a_file_or_a_glob(explorer, where):
    assert "src/shop/prices.py:6" in await explorer.search("def rounded", where, "regex")


async def test_what_cannot_be_searched_says_why(explorer):
    looks = await refusal(explorer.search("(?=a)b", how="regex"))
    assert (looks.stable_code, "look-around" in looks.hint) == ("search_invalid", True)
    assert (await refusal(explorer.search("a", "nowhere"))).stable_code == "file_not_found"
    assert (await refusal(explorer.search("  "))).stable_code == "search_invalid"
    assert (await refusal(explorer.search("(a{900}){900}", how="regex"))).stable_code == "search_invalid"


async def test_a_search_that_matches_everything_says_what_to_narrow():
    lines = b"value = 1\n" * 5_000
    explorer = Explorer(Tree({f"src/m{number}.py": lines for number in range(20)}))
    found = await explorer.search("value", how="regex")
    assert found.startswith("100,000 lines match in 20 files; 50 of them are shown. Most are in src/m0.py (5,000)")
    assert "narrow" in found
    assert found.count("\n") == 50


async def test_a_tree_is_read_once_and_another_one_reads_what_is_new():
    tree = Tree(FILES)
    explorer = Explorer(tree)
    await explorer.search("total")
    reads = tree.reads
    await explorer.search("rounded amount")
    assert tree.reads == reads
    after = Tree({**FILES, "src/shop/new.py": b"def zebra():\n    pass\n"})
    assert "src/shop/new.py" in await explorer.at(after).search("zebra")
    assert "Nothing" in await explorer.search("zebra")


@given(st.text(max_size=40), st.text(max_size=20), st.sampled_from(["words", "regex", "name"]))
async def test_no_search_fails_otherwise(query, where, how):
    try:
        found = await Explorer(Tree(FILES)).search(query, where, how)
    except Refused:
        return
    assert len(found) < 12_000


@given(st.text(max_size=40), st.integers(0, 10_000), st.integers(0, 10_000))
async def test_nothing_opens_with_another_error(path, first, last):
    try:
        assert await Explorer(Tree(FILES)).open(path, first, last)
    except Refused:
        return
