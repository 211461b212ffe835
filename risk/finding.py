"""``find`` and ``fd``: tests are harmless, actions are not. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from risk.arguments import Noted, read_arguments
from risk.grammar import Grammar
from risk.quoting import HOLE
from risk.rater import Rater
from risk.script import Invocation
from risk.signs import Sign, names, shown
from risk.words import Word

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
_RUNS: Final = frozenset(("-exec", "-execdir", "-ok", "-okdir"))
_WRITES: Final = frozenset(("-fprint", "-fprint0", "-fls", "-fprintf"))
_PERMISSIONS: Final = frozenset(("-perm",))
_NARROWS: Final = _NAMES | names("-empty -mtime -mmin -size -newer -regex -iregex")


def find(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
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
    yield Sign(grammar.effect, name)
    yield from _expression(rater, words, roots, call)


def _expression(rater: Rater, words: list[Word], roots: list[Word], call: Invocation) -> Iterator[Sign]:
    narrowed = any(word.text in _NARROWS for word in words)
    while words:
        test = words.pop(0)
        if test.text in _RUNS:
            yield from _executed(rater, words, roots, narrowed, call)
        elif test.text == "-delete":
            yield Sign("write", "find -delete")
            yield from (s for root in roots for s in rater.paths.signs(_below(root, narrowed), "delete"))
        elif test.text in _WRITES | _NAMES | _PERMISSIONS | _VALUED:
            given = words.pop(0) if words else Word(HOLE)
            if test.text == "-fprintf" and words:
                words.pop(0)
            yield from _given(rater, test.text, given, call)
        elif test.text not in _PLAIN and not re.fullmatch(r"-newer[aBcmt]{2}|-O\d", test.text):
            yield Sign("unknown" if test.known else "computed", f"find {shown(test.text.replace(HOLE, '…'))}")


def _given(rater: Rater, test: str, value: Word, call: Invocation) -> Iterator[Sign]:
    """Rate the value of a test or an action."""
    if test in _WRITES:
        yield Sign("write", f"find {test}")
        yield from rater.paths.signs(value, "write")
    elif test in _NAMES:
        yield from rater.part("pattern", value, call)
    elif test in _PERMISSIONS and re.search(r"[-/+]?0*[2467][0-7]{3}|s", value.text):
        yield Sign("look", f"-perm {shown(value.text)}", "shell.setuid_search", "looks for programs with more rights")


def _executed(rater: Rater, words: list[Word], roots: list[Word], narrowed: bool, call: Invocation) -> Iterator[Sign]:
    inner: list[Word] = []
    while words:
        word = words.pop(0)
        if word.text == ";" or (word.text == "+" and inner and "{}" in inner[-1].text):
            break
        inner.append(word)
    if not inner:
        yield Sign("unread", "find -exec without a command")
    for root in roots if inner else ():
        target = _below(root, narrowed).text
        made = tuple(_filled(word, target, root) for word in inner)
        if "{}" in inner[0].text:
            yield Sign("hidden", "find -exec {}", "shell.computed_program")
        yield from rater.started(made, call)


def _filled(word: Word, target: str, root: Word) -> Word:
    if "{}" not in word.text:
        return word
    return Word(word.text.replace("{}", target), word.glob or root.glob, word.variable or root.variable)


def _below(root: Word, narrowed: bool) -> Word:
    """The path that stands for everything found below a root; inside the workspace only what the tests select."""
    inside = not root.text.startswith(("/", "~", "..", HOLE)) or root.text.startswith(("/tmp/", "/work/"))  # noqa: S108
    if inside and narrowed:
        return Word(f"{root.text.rstrip('/') or '.'}/selected", variable=root.variable)
    return root


def fd(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """The command after ``-x`` gets every name that was found."""
    found = read_arguments(grammar, call.words[1:], name)
    roots = [p.word for p in found if not isinstance(p, Noted) and p.kind == "list"] or [Word("./selected")]
    for each in found:
        if isinstance(each, Noted):
            yield Sign(each.effect, shown(each.what))
        elif each.kind == "argv":
            words = (each.word, *each.rest)
            given = words if any("{" in w.text for w in words) else (*words, *roots)
            made = tuple(Word(w.text.replace("{}", roots[0].text), w.glob, w.variable) for w in given)
            yield from rater.started(made, call)
        else:
            yield from rater.part(each.kind, each.word, call)
