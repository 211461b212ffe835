import json
from pathlib import Path

import pytest

from domain import Refused
from service.bench.bench import BUNDLED
from service.eval.dataset import read_dataset, selected

PATCH = """\
diff --git a/tests/test_a.py b/tests/test_a.py
--- a/tests/test_a.py
+++ b/tests/test_a.py
@@ -1 +1 @@
-a
+b
"""
LINE = {
    "instance_id": "o__n-1",
    "repo": "o/n",
    "base_commit": "abc",
    "problem_statement": "It is wrong.",
    "test_patch": PATCH,
    "FAIL_TO_PASS": '["tests/test_a.py::test_x"]',
    "PASS_TO_PASS": '["tests/test_b.py::test_y"]',
    "version": "1.0",
    "hints_text": None,
}
FUNCTION = {
    "task_id": "HumanEval/0",
    "prompt": 'def double(x):\n    """Twice.\n    >>> double(2)\n    4\n    """\n',
    "test": "def check(candidate):\n    assert candidate(3) == 6\n",
    "entry_point": "double",
    "canonical_solution": "    return 2 * x\n",
}


def written(folder: Path, *lines: object) -> Path:
    path = folder / "set.jsonl"
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines))
    return path


def test_a_line_of_swe_bench(tmp_path):
    (case,) = read_dataset(written(tmp_path, LINE)).cases
    assert (case.id, case.kind, case.repo, case.base) == ("o__n-1", "repository", "https://github.com/o/n", "abc")
    assert case.fail_to_pass == ("tests/test_a.py::test_x",)
    assert case.pass_to_pass == ("tests/test_b.py::test_y",)
    assert case.test_command == "python3 -m pytest -rA --tb=no -q -p no:cacheprovider 'tests/test_a.py'"
    assert case.accept is None


def test_lists_may_be_plain_and_a_line_may_bring_its_command_and_image(tmp_path):
    line = LINE | {"FAIL_TO_PASS": ["a"], "PASS_TO_PASS": [], "test_cmd": "make test", "image_name": "img:1"}
    (case,) = read_dataset(written(tmp_path, line)).cases
    assert (case.fail_to_pass, case.test_command, case.image) == (("a",), "make test", "img:1")


@pytest.mark.parametrize("name", ["o/n", "o__n", "n"])
def test_a_clone_that_is_there_is_taken(tmp_path, name):
    (tmp_path / "clones" / name).mkdir(parents=True)
    (case,) = read_dataset(written(tmp_path, LINE), repos=tmp_path / "clones").cases
    assert case.repo == str(tmp_path / "clones" / name)


def test_a_path_beside_the_dataset(tmp_path):
    (tmp_path / "mine").mkdir()
    (case,) = read_dataset(written(tmp_path, LINE | {"repo": "mine"})).cases
    assert case.repo == str(tmp_path / "mine")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting"),
        ("[1]", "neither an instance_id"),
        ('"x"', "neither an instance_id"),
        ({"question": 1}, "neither an instance_id"),
        ({name: each for name, each in LINE.items() if name != "base_commit"}, "base_commit"),
        (LINE | {"FAIL_TO_PASS": "[]"}, "FAIL_TO_PASS is empty"),
        (LINE | {"FAIL_TO_PASS": "[not json"}, "Expecting"),
        (LINE | {"FAIL_TO_PASS": "3"}, "FAIL_TO_PASS"),
        (LINE | {"test_patch": "", "FAIL_TO_PASS": '["TestA"]'}, "test_cmd"),
        (LINE | {"repo": "nowhere"}, "no repository nowhere"),
        (FUNCTION | {"entry_point": "os; import sys"}, "entry_point"),
        ("[" * 100_000, "nested too deeply"),
        (LINE | {"FAIL_TO_PASS": "[" * 100_000}, "nested too deeply"),
        (LINE | {"accept": "x" * 2_001}, "accept"),
        (LINE | {"base_commit": "a" * 2_001}, "base"),
    ],
)
def test_a_line_that_cannot_be_read_is_counted_apart_with_its_reason(tmp_path, line, reason):
    read = read_dataset(written(tmp_path, FUNCTION, "", line, LINE))
    assert [case.id for case in read.cases] == ["HumanEval-0", "o__n-1"]
    assert [each.line for each in read.unreadable] == [3]
    assert reason in read.unreadable[0].reason


def test_an_id_counts_once(tmp_path):
    read = read_dataset(written(tmp_path, LINE, LINE))
    assert len(read.cases) == 1
    assert "twice" in read.unreadable[0].reason


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path):
    line = json.dumps(LINE | {"problem_statement": "one\u2028two"}, ensure_ascii=False)
    assert len(read_dataset(written(tmp_path, line)).cases) == 1


def test_a_function_is_a_repository_with_a_stub_and_a_check_that_is_not_in_it(tmp_path):
    (case,) = read_dataset(written(tmp_path, FUNCTION)).cases
    assert case.files == {"solution.py": FUNCTION["prompt"].rstrip() + "\n    raise NotImplementedError\n"}
    assert "assert candidate(3)" in case.test_files["check_solution.py"]
    assert len(case.fail_to_pass) == 1
    assert "+    return 2 * x" in case.gold


def test_small_bugs_are_judged_by_their_own_tests(tmp_path):
    read = read_dataset(BUNDLED)
    assert len(read.cases) >= 6
    assert all(case.test_files and case.accept == case.test_command for case in read.cases)


def test_a_file_that_is_no_dataset(tmp_path):
    (tmp_path / "odd.yaml").write_text("a: [")
    bug = "- {name: x, task: Mend it, files: {a.py: ''}}\n"
    (tmp_path / "twice.yaml").write_text(bug * 2)
    (tmp_path / "long.yaml").write_text(bug.replace("Mend it", "x" * 20_001))
    odd = [tmp_path / name for name in ("gone.jsonl", "odd.yaml", "twice.yaml", "long.yaml")]
    for path in (written(tmp_path, ""), *odd):
        with pytest.raises(Refused) as caught:
            read_dataset(path)
        assert caught.value.stable_code == "dataset_invalid"


def test_a_sample_is_drawn_by_its_seed_and_a_larger_one_holds_it(tmp_path):
    cases = read_dataset(written(tmp_path, *[LINE | {"instance_id": f"c{n}"} for n in range(30)])).cases
    first = selected(cases, limit=5, sample=1)
    assert first == selected(cases, limit=5, sample=1) != selected(cases, limit=5, sample=2)
    assert {case.id for case in first} <= {case.id for case in selected(cases, limit=12, sample=1)}
    assert selected(cases, limit=2) == cases[:2]
    assert selected(cases, names=["c3"]) == (cases[3],)
    with pytest.raises(Refused) as caught:
        selected(cases, names=["c99"])
    assert caught.value.stable_code == "case_unknown"
