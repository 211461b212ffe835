"""The small readers of the sandbox, each alone."""

import stat
from pathlib import Path

import pytest

from sandbox.egress.policy import NoPassage
from sandbox.egress.tls_client_hello import client_hello
from sandbox.inside.command import find_program
from sandbox.paths import is_git_name
from sandbox.requirements import pyproject_requirements, setup_cfg_requirements, setup_py_requirements
from sandbox.source.index_file import offset_varint
from sandbox.source.work_tree import means_file_mode


@pytest.mark.parametrize(
    ("name", "own"),
    [
        (".git", True),
        (".GIT", True),
        (".git.", True),
        (".git ", True),
        (".git::$INDEX_ALLOCATION", True),
        ("GIT~1", True),
        (".g\u200cit", True),
        ("a\\.git", True),
        (".github", False),
        ("git", False),
        (".gitignore", False),
    ],
)
def test_what_some_file_system_takes_for_gits_own_folder(name: str, own: bool) -> None:
    assert is_git_name(name) is own


def test_a_program_is_found_by_the_path_of_its_command(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        (folder / "tool").write_text("")
    (first / "folder").mkdir()
    (second / "tool").chmod(stat.S_IRWXU)
    path = f"{first}::{second}"
    assert find_program("tool", path) == f"{second}/tool"
    assert find_program("./tool", path) == "./tool"
    for name in ("folder", "nothing"):
        with pytest.raises(FileNotFoundError):
            find_program(name, path)


def test_requirements_of_each_kind_of_manifest() -> None:
    parsed = {
        "project": {"dependencies": ["a"], "optional-dependencies": {"Test": ["b"], "docs": ["c"]}},
        "dependency-groups": {"dev": ["d", {"include-group": "more"}], "more": ["e", {"include-group": "dev"}]},
    }
    assert list(pyproject_requirements(parsed)) == ["a", "b", "d", "e"]
    setup = "[options]\ninstall_requires =\n  a\n[options.extras_require]\ntest = b\ndocs = c\n"
    assert [each for each in setup_cfg_requirements(setup) if each] == ["a", "b"]
    call = "setup(install_requires=['a'], extras_require={'test': ['b'], 'docs': ['c']}, tests_require=made())"
    assert list(setup_py_requirements(call)) == ["a", "b"]


@pytest.mark.parametrize(("data", "value"), [(b"\x00", 0), (b"\x7f", 127), (b"\x80\x00", 128), (b"\x80\x01", 129)])
def test_offsets_of_an_index(data: bytes, value: int) -> None:
    assert offset_varint(data, 0) == (value, len(data))


@pytest.mark.parametrize(
    ("config", "means"),
    [
        ("", True),
        ("[core]\n\tfileMode = false\n", False),
        ("[core]\nfilemode=true\n", True),
        ("[other]\nfilemode = false\n", True),
        ("[core]\nfilemode = no\nfilemode = yes\n", True),
    ],
)
def test_whether_executable_bits_mean_something(tmp_path: Path, config: str, means: bool) -> None:
    (tmp_path / "config").write_text(config)
    assert means_file_mode(tmp_path) is means


def test_a_hello_is_put_together_from_its_records() -> None:
    def record(data: bytes) -> bytes:
        return b"\x16\x03\x01" + len(data).to_bytes(2, "big") + data

    message = b"\x01\x00\x00\x04body"
    assert client_hello(record(message)) == b"body"
    assert client_hello(record(message[:5]) + record(message[5:])) == b"body"
    assert client_hello(record(message)[:-1]) is None
    for odd in (b"GET / HTTP/1.1", record(b"\x02\x00\x00\x00")):
        with pytest.raises(NoPassage):
            client_hello(odd)
