"""What is not committed is seen as git sees it, whatever happens to the files."""

import asyncio
import os
import subprocess
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox import Store

_NAMES = st.sampled_from(
    [
        "a.py",
        "b/c.py",
        "b/d/e.txt",
        "link",
        "run",
        "new.py",
        "new/deep/x.log",
        "out/x",
        "b/d",
        "x.log",
        "b/.gitignore",
        "ünï",
    ]
)
_ACTS = st.lists(
    st.tuples(st.sampled_from(["write", "same", "delete", "chmod", "link", "stage", "touch", "mkdir"]), _NAMES),
    max_size=4,
)


def make(path: Path) -> None:
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    for name, text in (("a.py", "x\n"), ("b/c.py", "y\n"), ("b/d/e.txt", "z\n"), (".gitignore", "*.log\nout/\n")):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    (path / "link").symlink_to("a.py")
    (path / "run").write_text("r\n")
    (path / "run").chmod(0o755)
    git(path, "add", "--all")
    git(path, "commit", "--quiet", "--message", "x")


def git(path: Path, *args: str) -> bytes:
    command = ["git", "-C", path, "-c", "user.name=a", "-c", "user.email=a@b.invalid", *args]
    return subprocess.run(command, capture_output=True, check=True).stdout


def act(path: Path, what: str, name: str) -> None:
    place = path / name
    try:
        match what:
            case "write":
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text("changed\n")
            case "same":
                place.write_bytes(place.read_bytes())
            case "delete":
                place.unlink()
            case "chmod":
                place.chmod(place.stat().st_mode ^ 0o111)
            case "link":
                place.unlink(missing_ok=True)
                place.symlink_to("somewhere")
            case "stage":
                git(path, "add", "--", name)
            case "touch":
                os.utime(place, ns=(1, 1))
            case _:
                place.mkdir(parents=True)
    except (OSError, subprocess.CalledProcessError):
        return  # there was nothing to do it with


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(acts=_ACTS)
def test_it_is_dirty_exactly_when_git_says_so(tmp_path_factory, acts):
    folder = tmp_path_factory.mktemp("tree")
    make(folder / "repo")
    for what, name in acts:
        act(folder / "repo", what, name)
    said = git(folder / "repo", "-c", "core.quotePath=false", "status", "--porcelain")
    pinned = asyncio.run(Store(folder / "store").pin("r", str(folder / "repo")))
    assert pinned.dirty == bool(said), (acts, said)
