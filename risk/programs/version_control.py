"""Version control that obeys the settings of a folder: git and its kin start what a repository's files name. Pure.

Only the workspace's own ``.git`` is ours; no commit and no edit can put a ``.git`` there. Any other folder may hold
a repository that the change itself wrote (CVE-2022-24765, and git's own manual: core.fsmonitor, gpg.program).
"""

import re
from collections.abc import Iterator
from typing import Final

from risk.bash.script import Invocation
from risk.bash.words import Word
from risk.contract import Rater
from risk.grammar import ProgramGrammar
from risk.paths import normal
from risk.programs.launchers import reading
from risk.signals import Signal, shown

_SIGNATURE = re.compile(r"%[-+ ]?G|log\.showsignature|%\(\*?[^)]*signature|%\(\*?raw\b", re.IGNORECASE)
"""Placeholders of formats that are answered by ``gpg.program`` (git-log(1), git-for-each-ref(1))."""
_VALUED: Final = frozenset(
    (
        "-C",
        "-c",
        "--git-dir",
        "--work-tree",
        "--namespace",
        "--config-env",
        "--super-prefix",
        "--attr-source",
        "--exec-path",
    )
)
"""Options of git itself that may take the next word as their value."""
_ASKS: Final = (["config", "user.name"], ["config", "user.email"], ["config", "core.autocrlf"])


def elsewhere(folder: Word) -> bool:
    """Tell whether a folder is any other than the workspace's own."""
    return not folder.known or folder.glob or normal(folder.text) != "."


def git(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``git`` by its grammar; and what the repository it finds would make it start."""
    words = call.words[1:]
    if [word.text for word in words if word.text != "--get"] in _ASKS:
        yield Signal("read", "git config")
    else:
        yield from reading(rater, grammar, name, call)
    at = 0
    while at < len(words) and words[at].text.startswith("-"):
        value = words[at + 1] if at + 1 < len(words) else Word("")
        if words[at].text == "-C" and elsewhere(value):
            yield Signal(
                "run", f"git in {shown(value.text)}", "shell.other_repository", "obeys the settings of a folder"
            )
        at += 2 if words[at].text in _VALUED else 1
    if any(base and normal(base) != "." for base in rater.paths.bases):
        yield Signal("run", "git in another folder", "shell.other_repository", "obeys the settings of a folder")
    command = words[at].text if at < len(words) else ""
    # What ``git grep`` looks for is a text and no format.
    formats = words if command != "grep" else words[:at]
    if any(_SIGNATURE.search(word.text) for word in formats):
        yield Signal(
            "run", f"git {shown(command)} checks signatures", "shell.signature", "starts what gpg.program names"
        )
