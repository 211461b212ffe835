"""Repositories made by somebody who wants their programs to run on the host, or the host to wait for ever."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HOOKS = (
    "applypatch-msg",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-receive",
    "post-rewrite",
    "post-update",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "pre-receive",
    "prepare-commit-msg",
    "proc-receive",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
    "update",
    "fsmonitor-watchman",
)
PROGRAMS = (
    "core.fsmonitor",
    "core.sshCommand",
    "core.pager",
    "core.editor",
    "core.askPass",
    "core.gitProxy",
    "core.alternateRefsCommand",
    "credential.helper",
    "diff.external",
    "diff.x.command",
    "diff.x.textconv",
    "merge.x.driver",
    "filter.x.clean",
    "filter.x.smudge",
    "filter.x.process",
    "gpg.program",
    "gpg.ssh.program",
    "gpg.x509.program",
    "uploadpack.packObjectsHook",
    "interactive.diffFilter",
    "sequence.editor",
    "pager.log",
    "pager.status",
    "alias.log",
    "alias.status",
    "remote.origin.uploadpack",
    "remote.origin.receivepack",
    "remote.origin.vcs",
    "trailer.x.command",
    "submodule.x.update",
    "init.templateDir",
    "core.hooksPath",
)
NAMES = (
    "x",
    "a=b",
    "a.b",
    "a b",
    "a\tb",
    "a\vb",
    "a\u2028b",
    "a\u0085b",
    "a\x1cb",
    "ünï",
    "a=b=c",
    "=",
    ".",
    "-",
    "a]b",
    "core.fsmonitor",
)
"""Of filter drivers: what splits at ``=``, at lines of Unicode, or at dots, loses some."""


@dataclass
class Trap:
    """A repository at ``path``, and the program that must never run."""

    path: Path
    canary: Path
    program: Path

    def git(self, *args: str) -> str:
        command = [
            "git",
            "-C",
            self.path,
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.invalid",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            *args,
        ]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()

    @property
    def dot(self) -> Path:
        return self.path / ".git"

    def raw(self, *command: str, data: str = "", check: bool = True) -> str:
        """Run a program as the user would, traps and all."""
        done = subprocess.run(command, input=data, capture_output=True, check=check, text=True)
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        place = self.path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def configure(self, text: str, name: str = "config") -> None:
        with (self.dot / name).open("a") as file:
            file.write(text)

    def programs(self) -> str:
        """A configuration in which everything names the program."""
        lines = []
        for key in PROGRAMS:
            section, _, rest = key.partition(".")
            sub, _, name = rest.rpartition(".")
            lines.append(f'[{section} "{sub}"]' if sub else f"[{section}]")
            lines.append(f"\t{name} = {self.program}")
        lines += ["[log]", "\tshowSignature = true", "[core]", "\tuntrackedCache = true", "[diff]", "\tsubmodule = log"]
        return "\n".join(lines) + "\n"

    def sprung(self) -> str:
        return self.canary.read_text() if self.canary.exists() else ""


def trap(folder: Path) -> Trap:
    """Make an innocent repository with two commits, and the program beside it."""
    program, canary = folder / "program.sh", folder / "sprung"
    program.write_text(f'#!/bin/sh\necho "$0 $*" >>{canary}\ncat\n')
    program.chmod(0o755)
    made = Trap(folder / "repo", canary, program)
    made.path.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    made.write("a.py", "x = 1\n")
    made.write("deep/b.py", "y = 1\n")
    made.git("add", "--all")
    made.git("commit", "--quiet", "--message", "one")
    made.write("a.py", "x = 2\n")
    made.git("commit", "--quiet", "--all", "--message", "two")
    return made


def _everything(made: Trap) -> None:
    made.configure(made.programs())
    made.write(".gitattributes", "* filter=x diff=x merge=x\n")


def _names(made: Trap) -> None:
    keys = "".join(f"\t{key} = {made.program}\n" for key in ("clean", "smudge", "process"))
    for name in NAMES:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        made.configure(f'[filter "{escaped}"]\n{keys}\trequired = true\n')
    made.write(".gitattributes", "".join(f"* filter={name}\n" for name in NAMES))
    (made.dot / "info").mkdir(exist_ok=True)
    (made.dot / "info" / "attributes").write_text("*.py filter=a=b\n")


def _worktree_config(made: Trap) -> None:
    made.configure("[extensions]\n\tworktreeConfig = true\n[core]\n\trepositoryformatversion = 1\n")
    made.configure(made.programs(), "config.worktree")
    made.write(".gitattributes", "* filter=x diff=x\n")


def _includes(made: Trap) -> None:
    made.write("evil.cfg", made.programs())
    made.git("add", "evil.cfg")
    made.git("commit", "--quiet", "--message", "three")
    made.write(".gitattributes", "* filter=x diff=x\n")
    made.configure(
        "[include]\n\tpath = ../evil.cfg\n"
        f'[includeIf "gitdir:{made.path}/"]\n\tpath = ../evil.cfg\n'
        '[includeIf "onbranch:main"]\n\tpath = ../evil.cfg\n'
        '[includeIf "hasconfig:remote.*.url:*"]\n\tpath = ../evil.cfg\n'
    )


def _promisor(made: Trap) -> None:
    """What is missing would be asked for, by their program."""
    made.configure(
        "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n"
        f'[remote "origin"]\n\turl = git://127.0.0.1:9/x\n\tpromisor = true\n\tuploadpack = {made.program}\n'
        f"[core]\n\tgitProxy = {made.program}\n[credential]\n\thelper = {made.program}\n"
    )


def _promisor_that_lacks_something(made: Trap) -> None:
    _promisor(made)
    blob = made.git("rev-parse", "HEAD:deep/b.py")
    (made.dot / "objects" / blob[:2] / blob[2:]).unlink()


def _promisor_by_path(made: Trap) -> None:
    _promisor_that_lacks_something(made)
    made.configure(f'[remote "origin"]\n\turl = {made.path}\n\tvcs = ext\n[protocol]\n\tallow = always\n')


def _hooks(made: Trap) -> None:
    (made.dot / "hooks").mkdir(exist_ok=True)
    for hook in HOOKS:
        place = made.dot / "hooks" / hook
        place.unlink(missing_ok=True)
        place.symlink_to(made.program)


def _git_file(made: Trap) -> None:
    """``.git`` is a file that points to a folder of the work tree."""
    _everything(made)
    _hooks(made)
    (made.path / ".git").rename(made.path / "innocent")
    (made.path / ".git").write_text("gitdir: innocent\n")
    made.path.joinpath("innocent").joinpath("info").mkdir(exist_ok=True)


def _linked_work_tree(made: Trap) -> None:
    _worktree_config(made)
    other = made.path.with_name("linked")
    made.git("worktree", "add", "--quiet", "-b", "linked", str(other))
    (made.dot / "worktrees" / "linked" / "config.worktree").write_text(made.programs())
    made.path = other


def _other_work_tree(made: Trap) -> None:
    _everything(made)
    made.configure("[core]\n\tworktree = /etc\n\tbare = false\n")


def _bare_inside(made: Trap) -> None:
    """A bare repository, not tracked, in a folder of a work tree."""
    inner = made.path / "inner"
    subprocess.run(["git", "clone", "--quiet", "--bare", made.path, inner], check=True, capture_output=True)
    (inner / "config").write_text((inner / "config").read_text() + made.programs())
    (inner / "hooks").mkdir(exist_ok=True)
    for hook in HOOKS:
        (inner / "hooks" / hook).unlink(missing_ok=True)
        (inner / "hooks" / hook).symlink_to(made.program)
    made.path = inner


def _odd_configuration(made: Trap) -> None:
    config = made.dot / "config"
    config.write_bytes(b"\xef\xbb\xbf" + config.read_bytes().replace(b"\n", b"\r\n") + made.programs().encode())
    made.write(".gitattributes", "* filter=x diff=x\n")


def _broken_configuration(made: Trap) -> None:
    (made.dot / "config").write_bytes(b"\xff\xfe[\0c\0o\0r\0e\0]\0" + os.urandom(500))


def _templates(made: Trap) -> None:
    _hooks(made)
    made.configure(f"[init]\n\ttemplateDir = {made.dot}\n[core]\n\tattributesFile = {made.path}/attributes\n")
    made.write("attributes", "* filter=x\n")
    made.configure(f'[filter "x"]\n\tclean = {made.program}\n\tsmudge = {made.program}\n')


TRAPS: dict[str, Callable[[Trap], None]] = {
    name.strip("_"): make
    for name, make in list(globals().items())
    if name.startswith("_") and callable(make) and getattr(make, "__module__", "") == __name__
}


FIFOS = (
    "config",
    "config.worktree",
    "evil.cfg",
    "info/exclude",
    "info/attributes",
    "info/grafts",
    "index",
    "packed-refs",
    "shallow",
    "commondir",
    "refs/heads/topic",
    "refs/heads/main",
    "HEAD",
    "ORIG_HEAD",
    "objects/info/alternates",
    "objects/info/commit-graph",
    "objects/pack/multi-pack-index",
    "objects/pack/pack-" + "1" * 40 + ".idx",
    "objects/11/" + "1" * 38,
    "logs/HEAD",
    "hooks/post-commit",
    "modules",
    "../.gitignore",
    "../.gitattributes",
    "../a.py",
    "../.gitmodules",
    "../deep/.gitignore",
    "../fifo",
    "../deep/b.py",
)
"""Where a FIFO would be waited for, seen from the git folder."""


def with_fifo(made: Trap, where: str) -> None:
    """Put a FIFO there, in place of what was there."""
    if where == "evil.cfg":
        made.configure("[include]\n\tpath = evil.cfg\n")
    place = made.dot / where
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)
