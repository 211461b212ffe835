"""Kinds of failure, by what the tools of many languages really print."""

import pytest

from domain.text import failure_kind
from domain.text.failures import FAILURE_KINDS

SAID = {
    "types": (
        "TS2307",
        "src/App.tsx(3,19): error TS2307: Cannot find module './Button' or its corresponding type declarations.",
        "src/App.tsx:3:19 - error TS2322: Type 'number' is not assignable to type 'string'.\n\nFound 1 error.",
        'cart.py:4: error: Incompatible return value type (got "int")  [return-value]\nFound 1 error',
        '  /work/repo/a.py:4:12 - error: "foo" is not known (reportAttributeAccessIssue)\n1 error, 0 warnings',
        "error[E0308]: mismatched types\n --> src/lib.rs:4:5\nerror: could not compile `shop` due to 1 previous error",
        "# example.com/shop\n./cart.go:5:9: cannot use x (variable of type int) as string value in return statement",
        "# example.com/shop\nvet: ./cart.go:5:9: undefined: total",
        "main.go:8:2: fmt.Printf format %d has arg s of wrong type string",
        "Cart.java:5: error: incompatible types: int cannot be converted to String",
        "Cart.cs(5,9): error CS0029: Cannot implicitly convert type 'int' to 'string'",
    ),
    "build": (
        "/usr/bin/ld: main.o: main.c:(.text+0x9): undefined reference to `total'\ncollect2: error: ld",
        "error: linking with `cc` failed: exit status: 1\nerror: could not compile `shop`",
        "LINK : fatal error LNK1104: cannot open file 'shop.lib'",
        "ERROR in ./src/index.js 1:0-24\nModule not found: Error: Can't resolve './app' in '/work/repo/src'",
        '[vite]: Rollup failed to resolve import "react" from "src/main.tsx".',
        '✘ [ERROR] Could not resolve "left-pad"\n\n1 error',
        "npm ERR! code ERESOLVE",
        "main.c:3:5: error: 'total' undeclared (first use in this function)",
        "cart.go:3:1: syntax error: non-declaration statement outside function body",
        "main.go:4:2: no required module provides package example.com/x",
        "error[E0463]: can't find crate for `serde`",
        "E   ModuleNotFoundError: No module named 'shop'",
        '  File "a.py", line 1\nSyntaxError: invalid syntax',
        "make: *** [Makefile:3: all] Error 1",
        "* What went wrong:\nCompilation failed\n\nBUILD FAILED in 2s",
        "Error: Cannot find module './app'\nRequire stack:",
    ),
    "tests": (
        "FAILED tests/test_cart.py::test_total - assert 2 == 3\n1 failed, 3 passed in 0.1s",
        "--- FAIL: TestTotal (0.00s)\n    cart_test.go:12: got 1\nFAIL\texample.com/shop\t0.1s",
        "test result: FAILED. 1 passed; 1 failed; 0 ignored",
        "not ok 1 - total",
        "Tests:       1 failed, 3 passed, 4 total",
        "> There were failing tests. See the report at: file:///x\n\nBUILD FAILED in 2s",
        "Traceback (most recent call last):\nAssertionError: 2 != 3",
        "FAILED tests/test_sphinx.py::test_sphinx - assert 'mkdocs' == 'sphinx'\n1 failed in 0.1s",
    ),
    "style": (
        "a.py:1:80: E501 Line too long (99 > 88)",
        "would reformat shop/cart.py",
        "✖ 3 problems (3 errors, 0 warnings)",
        "[warn] Code style issues found in 2 files. Run Prettier with --write to fix.",
    ),
    "docs": (
        "Sphinx error:\nmaster file index.rst not found",
        "WARNING: document isn't included in any toctree",
        "Aborted with 1 warnings in strict mode! mkdocs build",
    ),
    "general": ("It is slow.", "Killed", "Connection refused"),
}


@pytest.mark.parametrize(("kind", "output"), [(kind, each) for kind, outputs in SAID.items() for each in outputs])
def test_a_failure_is_of_its_kind(kind: str, output: str):
    assert failure_kind(output) == kind


def test_every_name_of_a_log_is_of_a_kind_that_there_is():
    assert set(FAILURE_KINDS.values()) <= set(SAID)
    assert all(name in FAILURE_KINDS for name in SAID if name != "general")


def test_a_name_decides_where_the_output_says_nothing():
    assert failure_kind("it is broken", ["out", "MyPy"]) == "types"
    assert failure_kind("1 failed", ["types"]) == "tests"
    assert failure_kind("it is broken", ["out"]) == "general"
