"""What may be edited, in which order tests run, and what is proposed at the end."""

import ast
import contextlib
import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import CommandRun, Refused
from models.providers import ChangeRequest
from models.repair.inside.analysis.project import Files
from models.repair.inside.analysis.source import Code
from models.repair.inside.runner.baseline import BaselineTest
from models.repair.inside.search.candidates import assigns_any
from models.repair.inside.search.ideas import editable, table_share
from models.repair.inside.search.jobs import Jobs
from models.repair.provider import proposal, search_result
from models.repair.wording import changed_words

TEXT = '''"""Doc."""
x: int = 3
def f(a: str, b: int = 7) -> list:
    """Doc."""
    return f"{a}-{b + 1}", b
'''


@pytest.mark.parametrize(
    ("fragment", "may"),
    [
        ('"""Doc."""', False),
        ("int", False),
        ("3", True),
        ("str", False),
        ("7", True),
        ("list", False),
        ("b", True),
        ('f"{a}-{b + 1}"', True),
    ],
)
def test_annotations_and_docstrings_are_left_alone(fragment, may):
    code = Code("x.py", TEXT)
    nodes = [node for node in ast.walk(code.tree) if isinstance(node, ast.expr) and code.of(node) == fragment]
    placed = [node for node in nodes if not any(isinstance(each, ast.JoinedStr) for each in code.up(node))]
    assert placed
    assert {editable(code, node) for node in placed} == {may}


def test_what_stands_in_an_f_string_is_left_to_its_own_operator():
    code = Code("x.py", TEXT)
    inside = [n for n in ast.walk(code.tree) if any(isinstance(each, ast.FormattedValue) for each in code.up(n))]
    assert inside
    assert not any(editable(code, node) for node in inside)


@given(st.integers(1, 300))
def test_the_entries_of_a_long_table_share_its_suspicion(count):
    code = Code("x.py", f"TABLE = [{', '.join(['1'] * count)}]\ny = 2\n")
    entry, other = (next(n for n in ast.walk(each) if isinstance(n, ast.Constant)) for each in code.tree.body)
    assert table_share(code, other) == 1.0
    assert 0.1 <= table_share(code, entry) <= 1.0
    assert table_share(code, entry) == (1.0 if count <= 12 else max(0.1, 12 / count))


def test_a_file_is_looked_into_where_it_assigns_what_is_mentioned(tmp_path):
    path = tmp_path / "m.py"
    path.write_text("LIMIT: int = 3\nif x == y:\n    pass\nz = 1\n")
    assert assigns_any(str(path), {"LIMIT"})
    assert assigns_any(str(path), {"z", "q"})
    assert not assigns_any(str(path), {"x", "pass"})
    assert not assigns_any(str(tmp_path / "gone.py"), {"x"})


def passed(name: str, file: str, cpu: float, lines: dict[str, list[int]] | None) -> BaselineTest:
    return BaselineTest(name, file, outcome="passed", cpu=cpu, lines=lines)


def test_tests_that_run_what_changed_come_first_then_quick_files_each_as_it_was_collected():
    tests = [
        passed("slow::1", "slow.py", 2.0, {"m.py": [1]}),
        passed("slow::2", "slow.py", 0.1, {"m.py": [1]}),
        passed("quick::1", "quick.py", 0.2, {"m.py": [1]}),
        passed("other::1", "other.py", 0.0, {"n.py": [1]}),
        passed("unseen::1", "unseen.py", 0.0, None),
    ]
    jobs = Jobs(SimpleNamespace(tests={test.name: test for test in tests}, failing=[]), Files())
    assert [test.name for test in jobs.in_order({"m.py"})] == [
        "quick::1",
        "slow::1",
        "slow::2",
        "unseen::1",
        "other::1",
    ]
    jobs.excuse("slow::1")
    assert [test.name for test in jobs.in_order({"m.py"})][:2] == ["slow::2", "quick::1"]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b"\xff", b'{"options": []}'])
def test_a_result_that_makes_no_sense_is_refused(data):
    with pytest.raises(Refused) as refused:
        search_result(data)
    assert refused.value.stable_code == "no_repair_found"


def test_a_result_is_an_object_with_a_code():
    assert search_result(b'{"code": "ok", "passing": 2}') == {"code": "ok", "passing": 2}


@given(
    st.one_of(
        st.binary(max_size=40), st.sampled_from([{}, {"code": 1}, [], None, "code"]).map(json.dumps).map(str.encode)
    )
)
def test_whatever_a_search_leaves_is_an_object_with_a_code_or_refused(data):
    with contextlib.suppress(Refused):
        assert "code" in search_result(data)


def test_a_proposal_says_that_other_edits_pass_too():
    option = {"what": "a at m.py:1", "diff": "-x\n+y", "files": {"m.py": {"text": "y = 1\n"}}}
    result = {"passing": 2, "others": ["a at m.py:1", "b at m.py:2"], "tried": 7, "seconds": 1.5}
    run = CommandRun(command="pytest", ended="exit", code=0)
    job = ChangeRequest(accept="pytest")
    change = proposal("builtin-repair", job, run, option, result, seconds=2.0)
    assert change.change.notes.endswith("2 different edits pass, so the tests do not decide:\n* b at m.py:2")
    assert [(each.path, each.content) for each in change.change.files_to_update] == [("m.py", "y = 1\n")]
    assert (change.tried, change.passing, change.duration_ms) == (7, 2, 2_000)
    alone = proposal(
        "builtin-repair", job, run, option, {**result, "passing": 1, "others": ["a at m.py:1"]}, seconds=2.0
    )
    assert "decide" not in alone.change.notes


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("take(lot, quantity)", "take(lot, remaining)", "quantity → remaining"),
        ("a + b", "a - b", "a + b → a - b"),
        ("same", "same", ""),
    ],
)
def test_the_smallest_stretch_of_words_that_differs(before, after, words):
    assert changed_words(before, after) == words
