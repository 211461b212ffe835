"""git's index is read and written as git does, and no bytes do more than be refused."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.source.index_file import IndexEntry, IndexInvalid, read_index, write_index

_WORDS = st.integers(0, 2**32 - 1)
_PATHS = st.binary(min_size=1, max_size=300).map(lambda raw: raw.replace(b"\0", b"x").strip(b"/") or b"x")
_ENTRIES = st.builds(
    IndexEntry,
    path=_PATHS,
    mode=st.sampled_from([0o100644, 0o100755, 0o120000, 0o160000]),
    id=st.binary(min_size=20, max_size=20).map(bytes.hex),
    stat=st.tuples(*[_WORDS] * 9),
    flags=st.sampled_from([0, 0x8000, 0x1000, 0x2000]),
    more=st.sampled_from([0, 0x4000, 0x2000]),
)


@given(st.lists(_ENTRIES, max_size=20, unique_by=lambda entry: (entry.path, entry.stage)))
def test_what_is_written_is_read_again(entries):
    assert read_index(write_index(entries)).entries == tuple(sorted(entries, key=lambda e: (e.path, e.stage)))


@given(st.binary(max_size=400), st.sampled_from([2, 3, 4]), st.integers(0, 2**32 - 1))
def test_odd_bytes_are_refused_and_nothing_else(raw, version, count):
    body = b"DIRC" + version.to_bytes(4, "big") + count.to_bytes(4, "big") + raw
    for data in (raw, body, body + hashlib.sha1(body, usedforsecurity=False).digest()):
        try:
            read_index(data)
        except IndexInvalid:
            continue


def test_names_that_share_megabytes_are_refused():
    """A hundred bytes of version 4 could claim a hundred megabytes."""
    fixed = bytes(40) + bytes(20) + b"\0\0"
    body = b"DIRC" + (4).to_bytes(4, "big") + (10_000).to_bytes(4, "big")
    body += fixed + b"\0" + b"a" * 4_000 + b"\0" + (fixed + b"\0b\0") * 9_999
    with pytest.raises(IndexInvalid, match="longer than the file"):
        read_index(body + bytes(20))


class Repo:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet")

    def git(self, *args: str, data: bytes = b"") -> bytes:
        command = ["git", "-C", self.path, "-c", "user.name=a", "-c", "user.email=a@b.invalid", *args]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    def staged(self) -> list[tuple[bytes, int, str, int]]:
        lines = (line.split(b"\t", 1) for line in self.git("ls-files", "--stage", "-z").split(b"\0")[:-1])
        rows = ((path, *meta.split()) for meta, path in lines)
        return [(path, int(mode, 8), name.decode(), int(stage)) for path, mode, name, stage in rows]

    @property
    def index(self) -> Path:
        return self.path / ".git" / "index"


@pytest.fixture(params=["2", "3", "4"])
def repo(request, tmp_path) -> Repo:
    made = Repo(tmp_path / "repo")
    for n in range(40):
        path = made.path / f"folder {n % 3}" / f"ünï-{'x' * n}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{n}\n")
    (made.path / "run").write_text("x")
    (made.path / "run").chmod(0o755)
    (made.path / "link").symlink_to("run")
    made.git("add", "--all")
    made.git("commit", "--quiet", "--message", "x")
    if request.param == "3":
        (made.path / "later").write_text("y")
        made.git("add", "--intent-to-add", "later")
        made.git("update-index", "--skip-worktree", "run")
    made.git("update-index", "--index-version", request.param)
    return made


def test_every_version_is_read_as_git_reads_it(repo):
    index = read_index(repo.index.read_bytes())
    assert [(e.path, e.mode, e.id, e.stage) for e in index.entries] == repo.staged()
    assert index.partial == ""


def test_git_reads_what_is_written(repo):
    before, debug = repo.staged(), repo.git("ls-files", "--debug")
    repo.index.write_bytes(write_index(read_index(repo.index.read_bytes()).entries))
    assert repo.staged() == before
    assert repo.git("ls-files", "--debug") == debug
    assert repo.git("status", "--porcelain") in {b"", b" A later\n"}


def test_files_are_known_again_by_what_they_look_like(repo):
    entries = {entry.path: entry for entry in read_index(repo.index.read_bytes()).entries}
    seen = (repo.path / "run").lstat()
    assert entries[b"run"].matches(seen)
    (repo.path / "run").write_text("longer than before")
    assert not entries[b"run"].matches((repo.path / "run").lstat())
    assert entries[b"run"].seen((repo.path / "run").lstat()).matches((repo.path / "run").lstat())


def test_what_cannot_be_written_anew_says_why(tmp_path):
    made = Repo(tmp_path / "repo")
    (made.path / "a").write_text("a")
    made.git("add", "a")
    made.git("update-index", "--split-index")
    assert "split" in read_index(made.index.read_bytes()).partial
