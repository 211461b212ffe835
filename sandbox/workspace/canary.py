"""Self check of the host: repositories that try to run a program when they are read or delivered into.

A canary is a file that such a program would write. git itself, asked in one of these folders, writes it.
"""

import asyncio
import shlex
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from domain import Refused
from sandbox.contract import Check
from sandbox.git import create, write_object
from sandbox.source.index_file import IndexEntry, write_index
from sandbox.workspace.delivery import Delivery
from sandbox.workspace.recent_changes import recent_changes
from sandbox.workspace.store import WHO, Store

NAME = "foreign_repository_runs_nothing"
_HOOKS = ("post-checkout", "post-index-change", "pre-commit", "reference-transaction", "post-commit", "post-update")
_KEYS = (
    "core.fsmonitor",
    "core.hooksPath",
    "core.sshCommand",
    "core.pager",
    "core.alternateRefsCommand",
    "core.gitProxy",
    "credential.helper",
    "diff.external",
    "diff.x.textconv",
    "diff.x.command",
    "filter.x.clean",
    "filter.x.smudge",
    "filter.x.process",
    "gpg.program",
    "uploadpack.packObjectsHook",
    "filter.a=b.clean",
    "filter.a=b.smudge",
    "filter.a\vb.clean",
    "filter.a\u2028b.clean",
    "remote.origin.uploadpack",
)
_AT = datetime(2026, 1, 1, tzinfo=UTC)


async def foreign_repository_canary() -> Check:
    """Pin prepared repositories and deliver into them; nothing of theirs may run. Takes about a second."""
    with tempfile.TemporaryDirectory(prefix="signoff-canary-") as place:
        folder = Path(place)
        canary = folder / "ran"
        for number, (name, files) in enumerate(repositories(folder, canary).items()):
            repo = folder / f"repo-{number}"
            await asyncio.to_thread(_write, repo, files)
            try:
                store = Store(folder / f"store-{number}")
                pinned = await store.pin("run", str(repo))
                await recent_changes(pinned)
                blob = write_object(store.path("run"), "blob", b"changed\n")
                tree = write_object(store.path("run"), "tree", _tree(blob))
                delivery = Delivery(store)
                await delivery.branch("run", pinned, tree, "canary\n", "signoff/canary", at=_AT)
                await delivery.commit("run", pinned, tree, "canary\n", at=_AT)
            except Refused as refused:
                detail = f"the prepared repository could not be read ({name}): {refused.message}"
                return Check(name=NAME, ok=False, detail=detail, hint="Report it: the check itself is broken.")
            if canary.exists():
                hint = "Use no repository that you do not trust; report this."
                return Check(
                    name=NAME, ok=False, detail=f"a program of a repository ran on this host: {name}", hint=hint
                )
    return Check(
        name=NAME, ok=True, detail="What a repository's configuration, hooks and filters name never runs here."
    )


def _tree(blob: str) -> bytes:
    return b"100644 a.py\0" + bytes.fromhex(blob)


def repositories(folder: Path, canary: Path) -> Mapping[str, Mapping[str, str]]:
    """Return what lies in ``.git`` and beside it, for each way to name a program."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n: >{shlex.quote(str(canary))}\ncat\n", encoding="utf-8")
    program.chmod(0o755)
    everything = ""
    for key in _KEYS:
        section, _, rest = key.partition(".")
        sub, _, name = rest.rpartition(".")
        everything += (f'[{section} "{sub}"]' if sub else f"[{section}]") + f"\n\t{name} = {program}\n"
    attributes = "* filter=x diff=x\n*.py filter=a=b\n"
    hooks = {f".git/hooks/{hook}": program.read_text(encoding="utf-8") for hook in _HOOKS}
    return {
        "its configuration": {".git/config": everything, ".gitattributes": attributes},
        "an included configuration": {
            ".git/config": "[include]\n\tpath = ../more\n",
            "more": everything,
            ".git/info/attributes": attributes,
        },
        "the configuration of a work tree": {
            ".git/config": "[extensions]\n\tworktreeConfig = true\n",
            ".git/config.worktree": everything,
            ".gitattributes": attributes,
        },
        "its hooks": hooks,
    }


def _write(repo: Path, files: Mapping[str, str]) -> None:
    """Make a repository with one commit, by hand."""
    dot = repo / ".git"
    create(dot)
    config = f"[core]\n\trepositoryformatversion = 1\n\tbare = false\n{files.get('.git/config', '')}"
    for name, text in {**files, ".git/config": config, "a.py": "x\n"}.items():
        place = repo / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        if "/hooks/" in name:
            place.chmod(0o755)
    blob = write_object(dot, "blob", b"x\n")
    tree = write_object(dot, "tree", _tree(blob))
    (dot / "index").write_bytes(write_index([IndexEntry(b"a.py", 0o100644, blob)]))
    stamp = f"{WHO} {int(_AT.timestamp())} +0000"
    commit = write_object(dot, "commit", f"tree {tree}\nauthor {stamp}\ncommitter {stamp}\n\nx\n".encode())
    (dot / "HEAD").write_text("ref: refs/heads/main\n", encoding="ascii")
    (dot / "refs" / "heads" / "main").write_text(f"{commit}\n", encoding="ascii")
