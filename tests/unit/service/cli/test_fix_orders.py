"""Orders of ``signoff fix``: what they may be, what proves them, and what is answered (H6)."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import CommandRun, Refused
from domain.evidence import Candidate
from domain.progress import Attempt
from service.cli.fix import UNPROVED, candidates, checked_by, lay_out, provable, read_order, selected

SEED = {"logs": {"types": "TS2307"}, "files": {"src/App.tsx": "import x from './x'\n"}}


def order(document: Any):
    return read_order(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "Nothing came in"),
        (b"  \n", "Nothing came in"),
        (b"{", "line 1"),
        (b"[]", "object"),
        (b'{"files": {}}', '"files" is empty'),
        (b'{"logs": {"t": "x"}}', '"files" is missing'),
        (b'{"logz": {}, "files": {"a": "b"}}', 'the key "logz" is not known'),
        (b'{"files": {"a.py": 3}}', 'the file "a.py" is neither a text nor {"base64"'),
        (b'{"files": {"a.py": {"base46": "eA=="}}}', 'the file "a.py" is neither'),
        (b'{"logs": {"t": ["x"]}, "files": {"a": "b"}}', 'the log "t" is no text'),
        (b'{"logs": "x", "files": {"a": "b"}}', '"logs":'),
        (b'{"files": {"a": "b"}, "accept": ["x"]}', '"accept":'),
    ],
)
def test_what_is_wrong_with_an_order_is_said_once(raw: bytes, said: str):
    with pytest.raises(Refused) as refusal:
        read_order(raw)
    assert refusal.value.stable_code == "input_invalid"
    assert said in refusal.value.message
    assert refusal.value.hint
    assert refusal.value.message.count(said) == 1


@pytest.mark.parametrize(
    "files",
    [
        {"a": "x", "a/b": "y"},
        {"../a": "x"},
        {"/a": "x"},
        {".git/config": "x"},
        {"a\0": "x"},
        {"x" * 300: "y"},
        {"": "x"},
    ],
)
def test_paths_that_cannot_be_laid_out_are_refused(tmp_path: Path, files: dict[str, str]):
    with pytest.raises(Refused) as refusal:
        lay_out(order({"files": files}), tmp_path)
    assert refusal.value.stable_code == "input_invalid"


def test_a_mark_in_front_of_the_document_is_passed_over():
    assert read_order(b"\xef\xbb\xbf" + json.dumps(SEED).encode()).files == SEED["files"]


@pytest.mark.parametrize(
    ("logs", "kind"),
    [
        ({"types": "TS2307"}, "types"),
        ({"types": "it is broken"}, "types"),
        ({"mypy": "it is broken"}, "types"),
        ({"Build": "it is broken"}, "build"),
        ({"lint": "it is broken"}, "style"),
        ({"types": "1 failed"}, "tests"),
        ({"out": "it is broken"}, "general"),
        ({}, "general"),
    ],
)
def test_the_kind_of_failure_is_what_the_logs_say_else_what_they_are_called(logs: dict[str, str], kind: str):
    assert order({**SEED, "logs": logs}).kind == kind


PROJECT = {"tsconfig.json": "{}", "src/App.tsx": "x"}


@pytest.mark.parametrize(
    ("logs", "files", "said"),
    [
        ({"types": "TS2307"}, PROJECT, "tsc --noEmit -p ."),
        ({"types": "x"}, {"a.py": "x = 1"}, "mypy a.py"),
        ({"types": "error: x (reportCall)"}, {"a.py": "x = 1"}, "pyright a.py"),
        ({"types": "x"}, {"go.mod": "", "a.go": ""}, "go vet ./..."),
        ({"types": "error[E0308]"}, {"Cargo.toml": "", "a.rs": ""}, "cargo check"),
        ({"build": "SyntaxError: x"}, {"a b.py": "x ="}, "py_compile 'a b.py'"),
        ({"style": "a.py:1:1: E501 x"}, {"a.py": "x"}, "ruff check a.py"),
    ],
)
def test_a_checker_proves_what_no_test_does(logs: dict[str, str], files: dict[str, str], said: str):
    _, command = provable(order({"logs": logs, "files": files}), None)
    assert command is not None
    assert said in command
    ended = subprocess.run(["sh", "-nc", command], check=False, capture_output=True)
    assert ended.returncode == 0, ended.stderr


def test_where_no_tool_is_known_the_answer_says_that_nothing_is_proved(tmp_path: Path):
    _, command = provable(order(SEED), None)
    assert command is not None
    said = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert said.strip() == UNPROVED
    missing = checked_by(order({"logs": {"types": "TS2307"}, "files": PROJECT}))
    assert missing is not None
    bare = {"PATH": "/nonexistent"}
    said = subprocess.run(["/bin/sh", "-c", missing], check=True, capture_output=True, text=True, env=bare).stdout
    assert said.strip() == UNPROVED


def test_what_the_sender_names_or_the_repository_has_comes_first():
    assert provable(order({**SEED, "accept": "make types"}), None)[1] == "make types"
    assert provable(order({**SEED, "accept": "make types"}), "tsc")[1] == "tsc"
    npm = {"package.json": json.dumps({"scripts": {"test": "node --test"}}), "src/App.tsx": "x"}
    assert provable(order({**SEED, "files": npm}), None)[1] is None, "its own tests are looked for as ever"
    with pytest.raises(Refused) as refusal:
        provable(order({"logs": {"tests": "1 failed"}, "files": {"a.py": "x = 1"}}), None)
    assert refusal.value.stable_code == "acceptance_not_found"


RAN = CommandRun(command="x", ended="exit", code=0)
DIFF = "--- a/src/App.tsx\n+++ b/src/App.tsx\n@@ -1 +1,2 @@\n-import x from './x'\n+import x from './y'\n+\n"


def test_the_one_who_was_asked_is_the_only_candidate():
    alone = Attempt(step="change", provider="coder", runs=(RAN,), note="moved")
    assert candidates(alone) == [{"provider": "coder", "index": 0, "passed": True, "note": "moved"}]
    assert selected(alone, DIFF, 1.25) == {"provider": "coder", "index": 0, "diff_size": 3, "ttg_ms": 1250}
    assert candidates(None) == candidates(Attempt(step="change")) == []


def test_several_candidates_each_have_their_place():
    tried = (
        Candidate(id="1", provider="b", builds=True, reproduction_passed=True, regression_passed=True),
        Candidate(id="2", provider="a", note="gone"),
    )
    last = Attempt(step="change", provider="b", candidates=tried)
    assert [(c["provider"], c["index"], c["passed"]) for c in candidates(last)] == [("b", 0, True), ("a", 1, False)]
    assert selected(replace(last, provider="a"), DIFF, 0)["index"] == 1


KEYS = st.sampled_from(["logs", "files", "accept", "task", "a.py", "base64", "x"])
PLAIN = st.none() | st.booleans() | st.integers() | st.text()
DOCUMENTS = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner))


@given(DOCUMENTS)
def test_any_document_is_an_order_or_a_refusal(document: Any):
    code = "input_invalid"
    try:
        order(document)
    except Refused as refusal:
        code = refusal.stable_code
    assert code == "input_invalid"
