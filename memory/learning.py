"""Learning: what is known of a repository after one more run has ended. Rules over evidence, no model. Pure.

A fact is taken from a command that ran in the sandbox, from a proof, or from files that were changed together, and
never from what a model said. What a person wrote or pinned is written over by no run.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from domain.acceptance import MANIFESTS
from domain.weakening import is_test
from memory.records import MOST_TEXT, Citation, EndedRun, Memory, RanCommand, memory_id

MOST_EPISODES, MOST_FACTS = 200, 60
"""Of one repository; the oldest go first, and those of persons last."""
MOST_COMMAND = 200
"""A longer command, or one of several lines, was written for its occasion."""
_COMMANDS = 6
"""New ones that one run may add."""
_TRIED = 12
_TITLE = 200
NOT_FOUND = (126, 127)
_LOOKING = frozenset(
    (
        *(
            "[",
            "awk",
            "cat",
            "cd",
            "cut",
            "diff",
            "du",
            "echo",
            "egrep",
            "env",
            "false",
            "fgrep",
            "file",
            "find",
            "git",
        ),
        *("grep", "head", "hostname", "id", "less", "ls", "more", "printenv", "printf", "pwd", "readlink", "rg", "sed"),
        *("sleep", "sort", "stat", "tail", "test", "tr", "tree", "true", "type", "uname", "uniq", "wc", "which"),
    )
)
"""Programs that say nothing about how one works in a repository."""
_CHANGING = frozenset(("chmod", "cp", "curl", "install", "kill", "ln", "mkdir", "mv", "rm", "rmdir", "tee", "touch"))
_SET_UP = {
    "pip": ("install",),
    "pip3": ("install",),
    "uv": ("sync", "pip"),
    "poetry": ("install",),
    "npm": ("ci", "install"),
    "yarn": ("install",),
    "pnpm": ("install",),
    "bundle": ("install",),
    "composer": ("install",),
    "go": ("mod", "generate"),
    "cargo": ("fetch",),
    "make": ("build", "install", "setup", "generate"),
}


def learned(known: Mapping[str, Memory], ended: EndedRun) -> dict[str, Memory]:
    """Return all memories of a repository, by their id, after a run has ended.

    Args:
        known: those before, of the same repository.
        ended: the run.
    """
    memories = {id_: each for id_, each in known.items() if each.by_person or not contradicted(each, ended)}
    for fresh in (episode(ended), *facts(ended)):
        before = memories.get(fresh.id)
        if before is not None and before.by_person:
            continue
        again = before is not None and before.run != fresh.run
        memories[fresh.id] = replace(fresh, runs=before.runs + again if before is not None else 1)
    kept: dict[str, Memory] = {}
    for kind, most in (("episodic", MOST_EPISODES), ("semantic", MOST_FACTS)):
        own = [each for each in memories.values() if each.kind == kind]
        own.sort(key=lambda each: (each.by_person, each.learnt_at, each.id), reverse=True)
        kept |= {each.id: each for each in own[:most]}
    return kept


def episode(ended: EndedRun) -> Memory:
    """What a run was asked for, what it tried, what proved it, and what people refused."""
    lines = [f"Task: {ended.task.strip()[:1_000]}"]
    how = {"nothing_to_do": "nothing to do"}.get(ended.status, ended.status)
    why = f" ({ended.code}): {ended.message.strip()[:400]}" if ended.code else ""
    lines.append(f"Ended: {how}{why}")
    if ended.proof:
        lines.append(f"Proof: {ended.proof}")
    if ended.changed:
        paths = [each.path for each in ended.changed]
        more = f" and {len(paths) - 12} more" if len(paths) > 12 else ""  # noqa: PLR2004
        lines.append(f"Changed: {', '.join(paths[:12])}{more}")
    if ended.tried:
        skipped = len(ended.tried) - _TRIED
        lines.append("Tried:" if skipped <= 0 else f"Tried ({skipped} more before):")
        lines += [f"- {line[:200]}" for line in ended.tried[-_TRIED:]]
    cites = tuple(
        Citation(path=each.path, contents=tuple(dict.fromkeys((each.before, each.after))))
        for each in ended.changed[:60]
        if len(each.path) <= 1_000  # noqa: PLR2004
    )
    return Memory(
        id=memory_id(ended.repo, "episodic", ended.run),
        kind="episodic",
        title=(ended.task.strip().splitlines() or ["(no words)"])[0][:_TITLE],
        text="\n".join(lines)[:MOST_TEXT],
        subject=ended.run,
        cites=cites,
        status=ended.status,
        rejections=ended.rejections[:20],
        **_source(ended),
    )


def facts(ended: EndedRun) -> tuple[Memory, ...]:
    """What the commands and the proof of a run show about its repository; nothing where a person refused its work."""
    own: dict[str, Memory] = {}
    for fact in () if ended.status == "rejected" else (*_of_commands(ended), *places(ended)):
        own.setdefault(fact.subject, fact)
    return tuple(own.values())


def _of_commands(ended: EndedRun) -> Iterator[Memory]:
    if ended.accept and ended.proof:
        text = f"The acceptance command was: {ended.accept}\nOn a clean checkout: {ended.proof}"
        yield _fact(ended, "acceptance", "Acceptance command", text, ended.accept)
    worked = list[str]()
    for ran in ended.commands:
        words = words_of(ran)
        if not words or words[0] in _LOOKING | _CHANGING or "-c" in words or "-e" in words:
            continue
        if ran.code in NOT_FOUND:
            text = f"It cannot be run in the sandbox (exit code {ran.code}): {ran.command}"
            yield replace(
                _fact(ended, f"command {ran.command}", f"Cannot be run: {ran.command}", text, ran.command), works=False
            )
        if ran.code != 0:
            continue
        if len(tests_in(ran, ended.files)) == 1:
            text = f"One test file is run by: {ran.command}"
            yield _fact(ended, "one test", "How one test file is run", text, ran.command)
        if len(words) > 1 and words[1] in _SET_UP.get(words[0], ()):
            yield _fact(ended, "set-up", "Set-up", f"It worked in the sandbox: {ran.command}", ran.command)
        worked.append(ran.command)
    for command in [each for each in dict.fromkeys(worked) if each != ended.accept][:_COMMANDS]:
        text = f"It worked in the sandbox (exit code 0): {command}"
        yield _fact(ended, f"command {command}", f"Command that worked: {command}", text, command)


def places(ended: EndedRun) -> Iterator[Memory]:
    """Which tests judged the files that were changed, where the change was proved."""
    sources = [each for each in ended.changed if each.after and not is_test(each.path)]
    written = (each.path for each in ended.changed if each.after and is_test(each.path))
    ran = (path for each in ended.commands if each.code == 0 for path in tests_in(each, ended.files))
    judging = dict.fromkeys((*written, *ran))
    if not ended.proof or not judging or len(sources) > 5 or len(judging) > 5:  # noqa: PLR2004  it is about everything
        return
    for source in sources:
        text = f"{source.path} is tested by {', '.join(judging)}: they ran on a change of it that was proved."
        fact = _fact(ended, f"tests of {source.path}", f"Tests of {source.path}", text, "")
        contents = {each.path: tuple(dict.fromkeys((each.before, each.after))) for each in ended.changed}
        # The file itself changes with each task; that it is there, and its tests are, is what this rests on.
        cites = tuple(
            Citation(path=path, contents=contents.get(path, (ended.files.get(path, ""),))) for path in judging
        )
        yield replace(fact, cites=cites)


def _fact(ended: EndedRun, subject: str, title: str, text: str, command: str) -> Memory:
    """A fact that holds as long as the manifests, and the files that its command names, are what they were."""
    changed = {each.path: tuple(dict.fromkeys((each.before, each.after))) for each in ended.changed}
    words = words_of(RanCommand(command=command, code=0)) if command else ()
    paths = dict.fromkeys((*MANIFESTS, *map(path_in, words)))
    cites = tuple(
        Citation(path=path, contents=changed.get(path, (ended.files[path],)))
        for path in paths
        if path in ended.files and len(path) <= 1_000  # noqa: PLR2004
    )
    return Memory(
        id=memory_id(ended.repo, "semantic", subject),
        kind="semantic",
        title=title[:_TITLE],
        text=text[:MOST_TEXT],
        subject=subject[:2_000],
        command=command,
        cites=cites[:20],
        status=ended.status,
        **_source(ended),
    )


def _source(ended: EndedRun) -> dict[str, Any]:
    return {
        "repo": ended.repo,
        "run": ended.run,
        "commit": ended.commit,
        "person": ended.person,
        "outside": ended.outside,
        "learnt_at": ended.ended_at,
    }


def words_of(ran: RanCommand) -> tuple[str, ...]:
    """The words of a command behind assignments and ``cd``; nothing of one that is too long or cannot be read."""
    if len(ran.command) > MOST_COMMAND or "\n" in ran.command:
        return ()
    try:
        words = shlex.split(ran.command)
    except ValueError:
        return ()
    if words[:1] == ["cd"] and "&&" in words:
        words = words[words.index("&&") + 1 :]
    while words and "=" in words[0].partition("/")[0]:
        words = words[1:]
    return tuple(words)


def tests_in(ran: RanCommand, files: Mapping[str, str]) -> tuple[str, ...]:
    """The test files that a command names."""
    paths = dict.fromkeys(map(path_in, words_of(ran)))
    return tuple(path for path in paths if path in files and is_test(path))


def path_in(word: str) -> str:
    """The path that a word of a command may be: of a test's id, or behind the name of an option or a variable."""
    return word.rpartition("=")[2].partition("::")[0]


def contradicted(memory: Memory, ended: EndedRun) -> bool:
    """Whether a command of the run shows the opposite of a fact."""
    return bool(memory.command) and any(
        ran.command == memory.command and (ran.code not in NOT_FOUND) != memory.works for ran in ended.commands
    )


def forgotten(memory: Memory, person: str, pseudonym: str) -> Memory | None:
    """What is left of a memory once a person is to be forgotten; None: nothing, its words were theirs."""
    if memory.edited_by == person:
        return None
    return replace(
        memory,
        rejections=tuple(
            replace(each, by=pseudonym, reason="") if each.by == person else each for each in memory.rejections
        ),
        person=pseudonym if memory.person == person else memory.person,
        pinned_by=pseudonym if memory.pinned_by == person else memory.pinned_by,
    )
