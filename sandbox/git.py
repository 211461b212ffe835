"""git on the orchestrator's side: own repositories only, and nothing in them can make it run anything.

Hooks, file-system monitors, filters, external diffs and odd transports are off for every call, whatever
any configuration says. Sandboxes never get to write a repository that this module opens; what they
send is checked objects (``index-pack --strict``).
"""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

SAFE: Mapping[str, str] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.attributesFile": "/dev/null",
    "core.alternateRefsCommand": "true",
    "core.quotePath": "false",
    "core.bigFileThreshold": "32m",
    "diff.external": "",
    "gc.auto": "0",
    "core.fsyncMethod": "writeout-only",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
    "safe.directory": "*",
}
QUIET: Mapping[str, str] = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "LC_ALL": "C",
}
ALONE: Mapping[str, str] = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent",
                           "GIT_ALLOC_LIMIT": "1g"}  # fmt: skip
"""For our own repositories: nobody else's configuration, and no object that only claims to be a terabyte."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/bin"


class GitFailed(Exception):
    """git ended with an error; ``said`` is its stderr."""

    def __init__(self, args: tuple[str, ...], code: int, said: str) -> None:
        super().__init__(f"git {' '.join(args[:2])} ended with {code}: {said.strip()[-1_000:]}")
        self.code, self.said = code, said.strip()


async def git(
    folder: Path, *args: str, stdin: bytes = b"", own: bool = True, config: Iterable[tuple[str, str]] = ()
) -> bytes:
    """Run git with ``folder`` as the repository and return its stdout.

    Args:
        folder: the git folder when ``own``, else any folder of somebody's repository.
        args: the command and its arguments.
        stdin: what it reads.
        own: True for repositories of the store; False takes the user's own configuration into account.
        config: more settings, which win.

    Raises:
        GitFailed: it ended with anything but 0.
    """
    settings = [part for key, text in (*SAFE.items(), *config) for part in ("-c", f"{key}={text}")]
    if own:
        place, variables = [f"--git-dir={folder}"], [f"PATH={_PATH}", *_pairs(QUIET), *_pairs(ALONE)]
        start = ["env", "-i", *variables]
    else:
        place, start = ["-C", str(folder)], ["env", *_unset(), *_pairs(QUIET)]
    process = await asyncio.create_subprocess_exec(
        *start, "git", *place, *settings, *args,
        # Nothing to say, no pipe: under uvloop writing to a process that is already gone is an error.
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, said = await process.communicate(stdin or None)
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.wait()
        raise
    if process.returncode:
        raise GitFailed(args, process.returncode, said.decode(errors="replace"))
    return out


def _pairs(variables: Mapping[str, str]) -> list[str]:
    return [f"{name}={text}" for name, text in variables.items()]


def _unset() -> list[str]:
    """Drop variables that point git somewhere else, as when Signoff itself is started by a hook."""
    names = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_PREFIX")
    return [part for name in names for part in ("-u", name)]


def create(folder: Path) -> None:
    """Make an empty bare repository, without templates and their hooks. Does nothing where there is one."""
    if (folder / "HEAD").exists():
        return
    for part in ("objects/info", "objects/pack", "refs/heads"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n", encoding="ascii")
    (folder / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
