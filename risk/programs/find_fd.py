"""``find`` and ``fd``: tests are harmless, actions are not. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from risk.bash.quoting import HOLE
from risk.bash.script import Invocation
from risk.bash.words import Word
from risk.contract import Rater
from risk.grammar import ProgramGrammar
from risk.programs.arguments import NotedEffect, read_arguments
from risk.signals import Signal, names, shown

_PLAIN: Final = names(
    "! ( ) , -a -and -o -or -not -true -false -print -print0 -ls -prune -quit -depth -d -mount -xdev -x "
    "-empty -executable -readable -writable -daystart -follow -noleaf -nouser -nogroup "
    "-noignore_readdir_race -ignore_readdir_race -nowarn -warn -H -L -P -E -X -s -help --help -version "
    "--version"
)
_VALUED: Final = names(
    "-amin -anewer -atime -cmin -cnewer -context -ctime -fstype -gid -group -ilname -inum -iregex -links "
    "-lname -maxdepth -mindepth -mmin -mtime -newer -printf -regex -regextype -samefile -size -type -uid "
    "-used -user -xtype -D -newermt -newerct -newerat -newermm"
)
_NAMES: Final = frozenset(("-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename"))
_FILE_NAMES: Final = frozenset(("-name", "-iname"))
_RUNS: Final = frozenset(("-exec", "-execdir", "-ok", "-okdir"))
_WRITES: Final = frozenset(("-fprint", "-fprint0", "-fls", "-fprintf"))
_PERMISSIONS: Final = frozenset(("-perm",))
_NARROWS: Final = names("-path -ipath -empty -mtime -mmin -size -newer -regex -iregex -name -iname")


def find(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """Read the expression from left to right; what is not known is not low."""
    words = list(call.words[1:])
    roots: list[Word] = []
    while words and words[0].text in {"-H", "-L", "-P"}:
        words.pop(0)
    while words and not words[0].text.startswith(("-", "(", "!", HOLE)):
        roots.append(words.pop(0))
    roots = roots or [Word(".")]
    for root in roots:
        yield from rater.paths.signs(root, "list")
    yield Signal(grammar.effect, name)
    yield from _expression(rater, words, roots, call)


def _expression(rater: Rater, words: list[Word], roots: list[Word], call: Invocation) -> Iterator[Signal]:
    targets = [below for root in roots for below in found_paths(root, words)]
    while words:
        test = words.pop(0)
        # The program finds settings there that the change itself may have written.
        if test.text in {"-execdir", "-okdir"}:
            yield Signal("run", f"find {test.text}", "shell.other_repository", "starts programs in other folders")
        if test.text in _RUNS:
            yield from _executed(rater, words, targets, call)
        elif test.text == "-delete":
            yield Signal("write", "find -delete")
            yield from (sign for target in targets for sign in rater.paths.signs(target, "delete"))
        elif test.text in _WRITES | _NAMES | _PERMISSIONS | _VALUED:
            value = words.pop(0) if words else Word(HOLE)
            if test.text == "-fprintf" and words:
                words.pop(0)
            yield from valued_test(rater, test.text, value, call)
        elif test.text not in _PLAIN and not re.fullmatch(r"-newer[aBcmt]{2}|-O\d", test.text):
            yield Signal("unknown" if test.known else "computed", f"find {shown(test.text.replace(HOLE, '…'))}")


def valued_test(rater: Rater, test: str, value: Word, call: Invocation) -> Iterator[Signal]:
    """Rate the value of a test or an action."""
    if test in _WRITES:
        yield Signal("write", f"find {test}")
        yield from rater.paths.signs(value, "write")
    elif test in _NAMES:
        yield from rater.part("pattern", value, call)
    elif test in _PERMISSIONS and re.search(r"[-/+]?0*[2467][0-7]{3}|s", value.text):
        yield Signal("look", f"-perm {shown(value.text)}", "shell.setuid_search", "looks for programs with more rights")


def _executed(rater: Rater, words: list[Word], targets: list[Word], call: Invocation) -> Iterator[Signal]:
    """``-exec cmd {} ;``, rated once for every path that may stand for what is found."""
    inner: list[Word] = []
    while words:
        word = words.pop(0)
        if word.text == ";" or (word.text == "+" and inner and "{}" in inner[-1].text):
            break
        inner.append(word)
    if not inner or "{}" in inner[0].text:
        yield Signal("hidden", "find starts what it finds", "shell.computed_program")
    for target in targets if inner else ():
        yield from rater.started(
            tuple(
                word
                if "{}" not in word.text
                else Word(
                    word.text.replace("{}", target.text), word.glob or target.glob, word.variable or target.variable
                )
                for word in inner
            ),
            call,
        )


def found_paths(root: Word, words: list[Word]) -> Iterator[Word]:
    """The paths that stand for everything found: by name where a test wants one, else the root itself."""
    names_tested = [
        words[n + 1].text
        for n, word in enumerate(words[:-1])
        if word.text in _FILE_NAMES and words[max(n - 1, 0)].text not in {"!", "-not"}
    ]
    start = root.text.rstrip("/") if root.text.strip("/") else ""
    loose = lets_others_through([word.text for word in words])
    if names_tested and not loose:
        globs = ((name, bool(re.search(r"[*?\[]", name))) for name in names_tested[:4])
        yield from (Word(f"{start}/{name}", glob=glob, variable=root.variable) for name, glob in globs)
        return
    inside = not root.text.startswith(("/", "~", "..", HOLE)) or root.text.startswith(("/tmp/", "/work/"))  # noqa: S108
    negated = any(word.text in {"!", "-not"} for word in words)
    if inside and not loose and not negated and any(word.text in _NARROWS for word in words):
        yield Word(f"{start or '.'}/selected", variable=root.variable)
    else:
        yield root


def lets_others_through(words: list[str]) -> bool:
    """Tell whether an ``-o`` may let something through that no name selects."""
    depth = 0
    for n, word in enumerate(words):
        depth += {"(": 1, ")": -1}.get(word, 0)
        alternative = word in {"-o", "-or", ","}
        if (alternative and not depth and words[n - 1] != "-prune") or (depth and word in {"!", "-not"}):
            return True
        if depth and word.startswith("-") and not alternative and word not in _FILE_NAMES and "-o" in words:
            return True
    return False


def fd(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """The command after ``-x`` gets every name that was found."""
    arguments = read_arguments(grammar, call.words[1:], name)
    roots = [p.word for p in arguments if not isinstance(p, NotedEffect) and p.kind == "list"] or [Word("./selected")]
    for each in arguments:
        if isinstance(each, NotedEffect):
            yield Signal(each.effect, shown(each.what))
        elif each.kind == "argv":
            words = (each.word, *each.rest)
            template = words if any("{" in w.text for w in words) else (*words, *roots)
            command = tuple(Word(w.text.replace("{}", roots[0].text), w.glob, w.variable) for w in template)
            yield from rater.started(command, call)
        else:
            yield from rater.part(each.kind, each.word, call)
