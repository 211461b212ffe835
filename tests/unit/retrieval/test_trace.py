import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.mentions import mentions
from retrieval.trace import SourceLocation, locations, named, resolve

PYTHON = """Traceback (most recent call last):
  File "/work/repo/src/shop/cart.py", line 41, in total
    return sum(prices)
  File "/usr/lib/python3.12/statistics.py", line 7, in mean
TypeError: x
tests/test_cart.py:12: TypeError
"""
NODE = """TypeError: x is not a function
    at total (/work/repo/lib/cart.js:3:15)
    at file:///work/repo/test/cart.test.mjs:9:3
    at node:internal/modules/run_main:128:12
"""
GO = """--- FAIL: TestSum (0.00s)
    sum_test.go:12: got 3
panic: boom
goroutine 1 [running]:
main.Sum(...)
\t/work/repo/pkg/sum.go:7 +0x1d
"""
RUST = """thread 'main' panicked at src/lib.rs:21:9:
error[E0308]: mismatched types
  --> src/parse.rs:4:18
"""


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (
            PYTHON,
            [
                SourceLocation("src/shop/cart.py", 41),
                SourceLocation("usr/lib/python3.12/statistics.py", 7),
                SourceLocation("tests/test_cart.py", 12),
            ],
        ),
        (NODE, [SourceLocation("lib/cart.js", 3), SourceLocation("test/cart.test.mjs", 9)]),
        (GO, [SourceLocation("sum_test.go", 12), SourceLocation("pkg/sum.go", 7)]),
        (RUST, [SourceLocation("src/lib.rs", 21), SourceLocation("src/parse.rs", 4)]),
        ("src\\app.ts(10,5): error TS2322", [SourceLocation("src/app.ts", 10)]),
        ("./a/b.c:3:1: warning", [SourceLocation("a/b.c", 3)]),
        ("at 12:30:01, ratio 1.5:2, version 3.11", []),
    ],
)
def test_locations_are_read_from_every_kind_of_output(output: str, found: list[SourceLocation]) -> None:
    assert list(locations(output)) == found


def test_the_last_mention_counts() -> None:
    assert locations("a.py:1: x\nb.py:2: x\na.py:1: y") == (SourceLocation("b.py", 2), SourceLocation("a.py", 1))


def test_names_of_files_are_found_in_prose() -> None:
    assert named("Fix total() in src/shop/cart.py, see README.md. Not 3.11.") == (
        "src/shop/cart.py",
        "README.md",
    )


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("src/a.py", "src/a.py"),
        ("/home/x/project/src/a.py", "src/a.py"),
        ("a.py", None),
        ("lib/a.py", None),
        ("only.go", "pkg/only.go"),
        ("zzz.py", None),
        ("xa.py", None),
    ],
)
def test_a_path_means_the_file_that_it_ends_like(path: str, file: str | None) -> None:
    assert resolve(path, ["src/a.py", "tests/a.py", "pkg/only.go"]) == file


@given(st.text())
def test_no_output_breaks_the_reading(output: str) -> None:
    assert all(location.line > 0 and location.path for location in locations(output))


@given(st.lists(st.from_regex(r"[a-z]{1,3}(/[a-z]{1,3}){0,2}\.py", fullmatch=True), unique=True, min_size=1), st.data())
def test_the_files_own_path_is_always_found(files: list[str], data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(files))
    assert resolve(f"/work/repo/{path}", files) == path


def test_foreign_frames_are_passed_over_and_the_deepest_own_one_comes_first() -> None:
    told = mentions(PYTHON, ["shop/cart.py"], ["src/shop/cart.py", "tests/test_cart.py", "README.md"])
    assert told.lines == (("tests/test_cart.py", 12), ("src/shop/cart.py", 41))
    assert told.files == ("src/shop/cart.py", "tests/test_cart.py")
    assert told.near == {"tests/test_cart.py": [12], "src/shop/cart.py": [41]}
