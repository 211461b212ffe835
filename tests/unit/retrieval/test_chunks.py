import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.chunks import MAX_LINES, chunk, name_of, windows
from retrieval.grammars import grammar_for

PYTHON = '''import os

LIMIT = 3


# How many are left.
@cache
def left(n):
    """Say."""

    return LIMIT - n


class Big:
    """Head."""

    size = 1
''' + "".join(f"\n    def method_{n}(self):\n        x = {n}\n        return x\n" for n in range(12))

SOURCES = {
    "a.py": PYTHON,
    "a.js": """import x from 'y';

/** Adds. */
export const add = (a, b) => {
  return a + b;
};

exports.sub = function (a, b) {
  return a - b;
};

export default class Box {
  open() {}
}
""",
    "a.ts": """export interface Shape {
  area(): number;
}

export abstract class Base<T> {
  abstract run(): T;
}

type Id = string;

namespace N {
  export function inner() {}
}
""",
    "a.tsx": """export function App() {
  return <div>hi</div>;
}
""",
    "a.go": """package a

// Sum adds.
func Sum(a, b int) int {
\treturn a + b
}

type T[K any] struct{ a int }

func (t *T[K]) Get() int { return t.a }
""",
    "a.rs": """use std::fmt;

/// A point.
#[derive(Debug)]
pub struct Point { x: i32 }

impl Point {
    fn len(&self) -> i32 { self.x }
}

fn main() {}
""",
}
NAMES = {
    "a.py": {"left", "Big", "Big.method_0", "Big.method_11"},
    "a.js": {"add", "exports.sub", "Box"},
    "a.ts": {"Shape", "Base", "Id", "N"},
    "a.tsx": {"App"},
    "a.go": {"Sum", "T", "T.Get"},
    "a.rs": {"Point", "main"},
}
ANY_PATH = st.sampled_from([*SOURCES, "a.md", "Makefile", "a.jsx"])


def lines_of(path: str, text: str) -> None:
    """Every line that is not blank is in exactly one chunk, and the chunks are in order."""
    lines, seen = text.split("\n"), 0
    for c in chunk(path, text):
        assert c.start_line > seen
        assert not any(line.strip() for line in lines[seen : c.start_line - 1])
        assert c.text == "\n".join(lines[c.start_line - 1 : c.end_line])
        assert c.end_line - c.start_line < MAX_LINES
        assert lines[c.start_line - 1].strip()
        assert lines[c.end_line - 1].strip()
        seen = c.end_line
    assert not any(line.strip() for line in lines[seen:])


@pytest.mark.parametrize("path", SOURCES)
def test_definitions_are_found_in_every_language(path: str) -> None:
    assert {c.name for c in chunk(path, SOURCES[path])} >= NAMES[path]
    lines_of(path, SOURCES[path])


def test_a_definition_keeps_its_comment_and_its_decorator() -> None:
    left = next(c for c in chunk("a.py", PYTHON) if c.name == "left")
    assert left.text.startswith("# How many are left.\n@cache\ndef left")
    assert left.text.endswith("return LIMIT - n")


def test_the_head_of_a_long_class_is_apart_and_a_short_class_is_whole() -> None:
    head = next(c for c in chunk("a.py", PYTHON) if c.name == "Big")
    assert head.text.endswith("size = 1")
    (whole,) = chunk("b.py", "class A:\n    def f(self): ...\n\n    def g(self): ...\n")
    assert (whole.name, whole.start_line, whole.end_line) == ("A", 1, 4)


@settings(deadline=None)
@given(ANY_PATH, st.text(alphabet=st.sampled_from("ab(){}[]:;=\"'#/@ \n\r\t\\é\x0c"), max_size=200))
def test_no_text_is_lost_or_doubled(path: str, text: str) -> None:
    lines_of(path, text)


@settings(deadline=None)
@given(st.sampled_from(list(SOURCES)), st.data())
def test_nor_of_code_that_is_cut_and_glued(path: str, data: st.DataObject) -> None:
    lines = SOURCES[path].split("\n")
    lines_of(path, "\n".join(data.draw(st.lists(st.sampled_from(lines), max_size=40))))


def test_a_very_long_function_is_cut_but_keeps_its_name() -> None:
    text = "def long():\n" + "".join(f"    x{n} = {n}\n" + ("\n" if n % 9 == 0 else "") for n in range(400))
    parts = chunk("a.py", text)
    assert len(parts) > 3
    assert {c.name for c in parts} == {"long"}
    lines_of("a.py", text)


@given(st.lists(st.sampled_from(["", "  ", "x"]), max_size=80), st.integers(2, 20))
def test_windows_cover_what_is_not_blank(lines: list[str], limit: int) -> None:
    covered = [row for first, after in windows(lines, 0, len(lines), limit=limit) for row in range(first, after)]
    assert len(covered) == len(set(covered))
    assert {row for row, line in enumerate(lines) if line.strip()} <= set(covered)
    assert all(after - first <= limit for first, after in windows(lines, 0, len(lines), limit=limit))


@pytest.mark.parametrize(
    ("path", "text", "functions"),
    [
        (
            "a.py",
            "class A:\n" + "    x = 1\n" * 50 + "    def f(self):\n        pass\n\ndef g():\n    pass\n",
            ["A.f", "g"],
        ),
        ("a.go", "package a\n\ntype T struct{}\n\nfunc (t *T) F() {}\n\nfunc G() {}\n", ["T.F", "G"]),
        ("a.rs", "struct S;\n\nfn f() {}\n\nenum E { A }\n", ["f"]),
        ("a.ts", "interface I { a: string }\n\nexport const f = () => 1;\n\nfunction g() {}\n", ["f", "g"]),
    ],
)
def test_functions_are_told_from_types(path: str, text: str, functions: list[str]) -> None:
    assert [c.name for c in chunk(path, text) if c.function] == functions


def test_of_a_long_function_the_first_piece_is_the_function() -> None:
    long = "def f():\n" + "".join(f"    x{n} = {n}\n" for n in range(300))
    pieces = chunk("a.py", long)
    assert [c.function for c in pieces] == [True] + [False] * (len(pieces) - 1)
    assert len(pieces) > 1


@pytest.mark.parametrize(
    ("path", "text", "kind", "name"),
    [
        ("a.py", "def reserve(): ...\n", "function_definition", "reserve"),
        ("a.go", "package a\nfunc (s *Stock[T]) Reserve() {}\n", "method_declaration", "Stock.Reserve"),
        ("a.go", "package a\ntype Stock struct {}\n", "type_declaration", "Stock"),
        ("a.js", "const reserve = () => { return 1 }\n", "arrow_function", "reserve"),
        ("a.js", "export default () => { return 1 }\n", "arrow_function", ""),
    ],
)
def test_a_definition_is_called_as_itself_or_as_what_it_is_assigned_to(
    path: str, text: str, kind: str, name: str
) -> None:
    grammar = grammar_for(path)
    root = grammar and grammar.parse(text.encode())
    assert root is not None
    outer = inner = root.named_children[-1]
    while inner.type != kind:
        inner = inner.named_children[-1]
    assert name_of(outer, inner) == name
