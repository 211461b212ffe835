"""Hidden tests of a case, run on a tree that an agent made: the only judge that counts.

The files that the tests' patch touches are put back to what they were on the base before the patch is applied, whatever
the agent did to them. The patch is applied inside the sandbox: git reads nothing of strangers outside it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field

from domain import CommandRun, value
from domain.acceptance import environment
from sandbox import REPO, Store, Workspace, Workspaces
from service.eval.test_statuses import TestStatus, test_statuses

LOG: Final = "/work/hidden-tests.end"
"""Beside the checkout."""
LOG_BYTES: Final = 8 << 20
APPLY_S: Final = 60.0
_HEADER = re.compile(r"^diff --git a/(.{1,1000}) b/(.{1,1000})$", re.MULTILINE)
_PLUS = re.compile(r"^(?:---|\+\+\+) (?:a|b)/([^\t\n]{1,1000})", re.MULTILINE)

HiddenEnd = Literal["ran", "change_failed", "patch_failed", "timeout", "killed"]
"""``change_failed``: the change that is judged does not apply; ``patch_failed``: that of the tests does not."""


@value
class HiddenRun:
    """What the hidden tests came to on one tree."""

    end: HiddenEnd
    command: str
    code: int = 0
    statuses: Mapping[str, TestStatus] = Field(default_factory=dict[str, TestStatus])
    message: str = ""
    """Why a patch does not apply, or the end of an output in which no test was found."""
    seconds: float = 0.0
    """Of the command alone."""


def patched_paths(patch: str) -> tuple[str, ...]:
    """Return the paths that a unified diff touches, in their order."""
    paths = [path for match in _HEADER.finditer(patch) for path in match.groups()]
    return tuple(dict.fromkeys([*paths, *(match[1] for match in _PLUS.finditer(patch))]))


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenTests:
    """Runs the tests that an agent did not see."""

    store: Store
    workspaces: Workspaces
    """Not those of a run's engine: no run is under way any more, so there is no lease to hold."""

    async def __call__(
        self,
        run: str,
        tree: str,
        command: str,
        *,
        change: str = "",
        test_patch: str = "",
        files: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> HiddenRun:
        """Lay patches and files over a tree of a run, and run the tests once.

        Args:
            run: whose files and environment they are.
            tree: what is judged.
            command: shell, whose output names the tests.
            change: a unified diff that is judged with the tree; what it does to files of the tests is left out.
            test_patch: a unified diff with the tests.
            files: whole files of tests, laid over in the end.
            timeout_s: seconds the command may take.

        Raises:
            Refused: there is no sandbox for it, ``image_missing`` for one.
            SandboxLost: it did not work this time.
        """
        pinned = self.store.pinned(run)
        touched = patched_paths(test_patch)
        base = await self.store.with_files(run, tree, pinned.tree, touched) if touched else tree
        workspace = await self.workspaces.open(run, pinned, self.store.whole(run, base), lane="hidden")
        try:
            if (why := await _not_applied(workspace, change, touched)) is not None:
                return HiddenRun(end="change_failed", command=command, message=why)
            if (why := await _not_applied(workspace, test_patch, ())) is not None:
                return HiddenRun(end="patch_failed", command=command, message=why)
            for path, text in (files or {}).items():
                await workspace.write(f"{REPO}/{path}", text.encode())
            paths = (*await self.store.files(run, base), *touched)
            ran = await workspace.shell(
                f"{{ {command}\n}} >../hidden-tests.log 2>&1", timeout_s=timeout_s, env=environment(paths, REPO)
            )
            output = ""
            if ran.ended == "exit":
                # Of a log that is too long its end has the summary.
                await workspace.shell(
                    f"tail -c {LOG_BYTES} ../hidden-tests.log >../hidden-tests.end", timeout_s=APPLY_S
                )
                output = (await workspace.read(LOG, limit=LOG_BYTES)).decode(errors="replace")
        finally:
            await self.workspaces.leave(run, "hidden")
        return _outcome(command, ran, output)


async def _not_applied(workspace: Workspace, patch: str, excluded: Sequence[str]) -> str | None:
    """Apply a patch in the sandbox; say why it cannot be."""
    if not patch.strip():
        return None
    words = [f"--exclude={path}" for path in excluded]
    data = patch.encode(errors="surrogateescape")
    applied = await workspace.run(["git", "apply", "--whitespace=nowarn", *words, "-"], stdin=data, timeout_s=APPLY_S)
    return None if applied.ok else applied.stderr.text().strip()[-500:] or applied.ended


def _outcome(command: str, ran: CommandRun, output: str) -> HiddenRun:
    if ran.ended != "exit":
        end: HiddenEnd = "timeout" if ran.ended == "timeout" else "killed"
        return HiddenRun(end=end, command=command, code=ran.code, seconds=ran.duration_ms / 1_000, message=ran.ended)
    statuses = test_statuses(output)
    message = "" if statuses else output.strip()[-500:]
    return HiddenRun(
        end="ran",
        command=command,
        code=ran.code,
        statuses=statuses,
        message=message,
        seconds=ran.duration_ms / 1_000,
    )


def fail_to_pass(before: Mapping[str, TestStatus], after: Mapping[str, TestStatus]) -> tuple[str, ...]:
    """Return the tests that pass with a change and did not without it."""
    return tuple(sorted(name for name, status in after.items() if status == "passed" and before.get(name) != "passed"))


def pass_to_pass(before: Mapping[str, TestStatus], after: Mapping[str, TestStatus]) -> tuple[str, ...]:
    """Return the tests that pass with a change as they did without it."""
    return tuple(sorted(name for name, status in after.items() if status == "passed" and before.get(name) == "passed"))


def pytest_of(paths: Sequence[str]) -> str:
    """Return the command that runs test files with pytest and names every test."""
    quoted = " ".join(f"'{path}'" for path in paths)
    return f"python3 -m pytest -rA --tb=no -q -p no:cacheprovider {quoted}"
