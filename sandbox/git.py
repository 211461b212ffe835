"""git on the orchestrator's side: own repositories only, and nothing in them can make it run anything.

Hooks, file-system monitors, filters, external diffs and odd transports are off for every call, whatever
any configuration says. Sandboxes never get to write a repository that this module opens; what they
send is checked objects (``index-pack --strict``). The few small objects that a process each would be too slow
for are made by hand.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import signal
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SAFE: Mapping[str, str] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.attributesFile": "/dev/null",
    # A program that git runs in repositories whose objects are borrowed; this one prints no refs.
    "core.alternateRefsCommand": "true",
    # Files of theirs that only make git faster, and that it would have to believe.
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "core.quotePath": "false",
    # Larger blobs are streamed, not held in memory to look for deltas.
    "core.bigFileThreshold": "32m",
    "diff.external": "",
    "gc.auto": "0",
    "core.fsyncMethod": "writeout-only",
    "maintenance.auto": "false",
    # ``ext::sh -c …`` is an address that is a command.
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
    # Only folders of our own are opened, whoever owns the files in them.
    "safe.directory": "*",
}
QUIET: Mapping[str, str] = {
    "GIT_TERMINAL_PROMPT": "0",
    # Answers with nothing, where nobody sits to be asked.
    "GIT_ASKPASS": "true",
    "GIT_OPTIONAL_LOCKS": "0",
    # ``refs/replace`` would show other bytes under the id of a commit.
    "GIT_NO_REPLACE_OBJECTS": "1",
    # In a partial clone, git would fetch what is missing from wherever its configuration says.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "LC_ALL": "C",
}
ALONE: Mapping[str, str] = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "HOME": "/nonexistent",
    # No object that only claims to be a terabyte.
    "GIT_ALLOC_LIMIT": "1g",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin",
}
_ELSEWHERE = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
)
"""Variables that point git somewhere else, as when Signoff itself is started by a hook."""
_USER = ("env", *(part for name in _ELSEWHERE for part in ("-u", name)), *(f"{k}={v}" for k, v in QUIET.items()))
# Limits in the child itself: they hold when we have been killed and can end nothing any more.
_BOUNDED = 'ulimit -f "$1"; s=$2; shift 2; command -v timeout >/dev/null && exec timeout -k 5 "$s" "$@"; exec "$@"'
SECONDS = 300.0
"""As long as a command may take that nobody gave another limit."""
MOST = 4 << 30
"""Bytes that a command may print: a pack of a large repository."""
LISTING = 256 << 20
"""Bytes of a listing. A tree of a few kilobytes can name the same subtree so often that it lists without end."""
_ERRORS = 64 << 10


class GitFailed(Exception):
    """git ended with an error; ``said`` is the end of its stderr."""

    def __init__(self, args: tuple[str, ...], code: int, said: str) -> None:
        super().__init__(f"git {' '.join(args[:2])} ended with {code}: {said.strip()[-1_000:]}")
        self.code, self.said = code, said.strip()


class GitStopped(GitFailed):
    """git took longer, or printed more, than it may."""


async def git(
    folder: Path,
    *args: str,
    stdin: bytes = b"",
    config: Iterable[tuple[str, str]] = (),
    as_user: bool = False,
    variables: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    most: int = MOST,
    largest: int | None = None,
) -> bytes:
    """Run git on a git folder of ours and return its stdout.

    Args:
        folder: the git folder.
        args: the command and its arguments.
        stdin: what it reads.
        config: more settings, which win.
        as_user: read the configuration and the environment of the user we are, too (credentials, proxies, what to
            ignore everywhere): theirs, and no repository's.
        variables: more of its environment.
        seconds: how long it may take, with all that it starts.
        most: bytes that it may print.
        largest: bytes that a file which it writes may have; given for what talks to other hosts, and then it ends
            in time even when we are killed.

    Raises:
        GitFailed: it ended with anything but 0. ``GitStopped``: it was ended, because it took or printed too much.
    """
    pairs = [part for key, text in (*SAFE.items(), *config) for part in ("-c", f"{key}={text}")]
    command = ["git", f"--git-dir={folder}", *pairs, *args]
    if largest is not None:
        command = ["sh", "-c", _BOUNDED, "sh", str(largest >> 9), str(int(seconds) + 30), *command]
    more = variables or {}
    if as_user:
        command = [*_USER, *(f"{name}={text}" for name, text in more.items()), *command]
    env = None if as_user else {**QUIET, **ALONE, **more}
    code, out, complaint = await run_bounded(command, env=env, stdin=stdin, seconds=seconds, most=most)
    if code is None:
        raise GitStopped(args, -1, f"It took more than {seconds:g} s or printed more than {most >> 20} MB. {complaint}")
    if code:
        raise GitFailed(args, code, complaint)
    return out


async def run_bounded(
    command: list[str], *, env: Mapping[str, str] | None, stdin: bytes = b"", seconds: float, most: int
) -> tuple[int | None, bytes, str]:
    """Run a command in a process group of its own, which never outlives this call.

    Args:
        command: program and arguments.
        env: all of its environment; None: ours.
        stdin: what it reads; empty: nothing.
        seconds: how long it may take.
        most: bytes that it may print.

    Returns:
        exit status (None: it was ended), stdout, the end of stderr.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        # Nothing to say, no pipe: under uvloop writing to a process that is already gone is an error.
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=1 << 20,
    )
    out, complaint = bytearray(), bytearray()
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(
                _feed(process.stdin, stdin),
                _read(process.stdout, out, most, refuse=True),
                _read(process.stderr, complaint, _ERRORS, refuse=False),
            )
            code: int | None = await process.wait()
    except (TimeoutError, _TooMuchError):
        code = None
    finally:
        if process.returncode is None:
            # The whole group: what git started (remote helpers, ssh) would go on without it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return code, bytes(out), complaint.decode(errors="replace")


class _TooMuchError(Exception):
    """More was printed than may be."""


async def _feed(pipe: asyncio.StreamWriter | None, data: bytes) -> None:
    if pipe is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(data)
        await pipe.drain()
    pipe.close()


async def _read(pipe: asyncio.StreamReader | None, into: bytearray, most: int, *, refuse: bool) -> None:
    """Read to the end. What is over ``most`` is an error, or only the last part is kept."""
    while pipe is not None and (part := await pipe.read(1 << 20)):
        into += part
        if len(into) > most:
            if refuse:
                raise _TooMuchError
            del into[:-most]


def create(folder: Path) -> None:
    """Make an empty bare repository, without templates and their hooks. Does nothing where there is one."""
    if (folder / "HEAD").exists():
        return
    for part in ("objects/info", "objects/pack", "refs/heads"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n", encoding="ascii")
    # HEAD last: with it, the folder counts as made.
    (folder / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")


_ID = re.compile(r"^[0-9a-f]{40}$")


def object_id(name: str) -> str:
    """Return ``name`` when it is a full object id; anything else would be an argument to git.

    Raises:
        ValueError: it is not.
    """
    if not _ID.match(name):
        raise ValueError(f"{name[:60]!r} is not an object id")
    return name


def write_object(folder: Path, kind: Literal["blob", "commit", "tree"], data: bytes) -> str:
    """Put an object into a repository and return its id. Doing it twice is fine."""
    whole = f"{kind} {len(data)}\0".encode() + data
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = folder / "objects" / name[:2] / name[2:]
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        # Renamed when it is whole: neither a reader nor a crash sees half an object.
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(zlib.compress(whole, 1))
        part.replace(path)
    return name


def tree_of(folders: dict[str, str]) -> bytes:
    """Return the content of a tree whose entries are the trees given by name."""
    entries = (
        b"40000 " + name.encode() + b"\0" + bytes.fromhex(object_id(tree)) for name, tree in sorted(folders.items())
    )
    return b"".join(entries)


FILE, EXECUTABLE, LINK, FOLDER, SUBMODULE = b"100644", b"100755", b"120000", b"40000", b"160000"
"""Modes as tree objects have them; ``ls-tree`` prints a zero before that of a folder."""


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """What stands under one name of a tree."""

    mode: bytes
    id: str

    @property
    def is_folder(self) -> bool:
        return self.mode == FOLDER

    @property
    def is_file(self) -> bool:
        """A regular one; old repositories have modes like 100664."""
        return self.mode.startswith(b"100")

    @property
    def executable(self) -> bool:
        return self.is_file and int(self.mode, 8) & 0o100 != 0

    def same(self, other: "TreeEntry") -> bool:
        """True where git would see no difference."""
        alike = self.mode == other.mode or (self.is_file and other.is_file and self.executable == other.executable)
        return alike and self.id == other.id


def contents(printed: bytes, asked: Iterable[str]) -> dict[str, bytes]:
    """Read what ``cat-file --batch`` printed: by what was asked for, all of which is there. Pure."""
    by_name: dict[str, bytes] = {}
    at = 0
    for name in asked:
        head = printed.index(b"\n", at)
        size = int(printed[at:head].rsplit(b" ", 1)[-1])
        by_name[name] = printed[head + 1 : head + 1 + size]
        at = head + size + 2
    return by_name
