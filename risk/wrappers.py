"""Programs that hand their arguments to others: xargs, npx, watch, and those that are not known well. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from risk.arguments import Noted, Part, read_arguments
from risk.grammar import Grammar
from risk.paths import SYSTEM, deploys, glob_expression
from risk.quoting import HOLE
from risk.rater import Rater
from risk.script import Invocation
from risk.signs import Sign, shown
from risk.streams import listed
from risk.words import Word, joined

_MOST: Final = 40
_FEW: Final = 8


def xargs(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``… | xargs cmd``: the command gets words from a pipe."""
    marks = [""]
    for found in read_arguments(grammar, call.words[1:], name):
        if isinstance(found, Noted):
            yield Sign(found.effect, shown(found.what))
        elif found.kind == "placeholder":
            marks.append(found.word.text or "{}")
        elif found.kind == "argv":
            yield from _fed(rater, (found.word, *found.rest), marks[-1], call)
        else:
            yield from rater.part(found.kind, found.word, call)


def _fed(rater: Rater, words: tuple[Word, ...], mark: str, call: Invocation) -> Iterator[Sign]:
    given = [word for source in call.sources for word in listed(source)] or [Word(HOLE, variable=True)]
    inner = Invocation((), (), (), call.sinks, call.within)
    if mark and any(mark in word.text for word in words):
        for each in given[:_FEW]:
            made = tuple(Word(w.text.replace(mark, each.text), w.glob or each.glob, w.variable) if mark in w.text else w
                         for w in words)  # fmt: skip
            yield from rater.started(made, inner)
    else:
        yield from rater.started(words, inner)
        yield from rater.started((*words, *given), inner)


def tool(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``npx tool``: a tool of the project when it is a known one, else something that is downloaded."""
    known = False
    fetched: list[Sign] = []
    for found in read_arguments(grammar, call.words[1:], name):
        if isinstance(found, Part) and found.kind == "argv":
            started = rater.grammar(found.word.text)
            known = started is not None and started.effect in {"run", "write"}
            yield Sign("run", f"{name} {shown(found.word.text)}")
            yield from rater.started((found.word, *found.rest), call)
        elif isinstance(found, Part):
            yield from rater.part(found.kind, found.word, call)
        elif found.what == name:
            fetched.append(Sign(found.effect, f"{name} downloads what is not there"))
        else:
            yield Sign(found.effect, shown(found.what))
    if not known:
        yield from fetched


def fuzzy(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """A program that may start any of its arguments."""
    yield Sign(grammar.effect, name)
    yield from embedded(rater, call)


def embedded(rater: Rater, call: Invocation) -> Iterator[Sign]:
    """Rate whatever could be a command among the arguments of a program that is not known well."""
    words = call.words[1:_MOST]
    yield from rater.touched(words)
    for n, word in enumerate(words):
        text = word.text.strip(" !:;|&")
        yield from deploys(word.text) if "/" in word.text and " " not in word.text else ()
        if word.known and _startable(rater, word):
            yield from _worse(rater.started(words[n:], call))
        elif text and " " in text and rater.grammar(text.split()[0].rsplit("/", 1)[-1]):
            yield from _worse(rater.script(text))


def _startable(rater: Rater, word: Word) -> bool:
    """Tell whether a word could name a program: one that is known or ruled, or a pattern that finds one."""
    folder, _, name = word.text.rpartition("/")
    if not word.glob:
        return len(name) > 1 and (rater.grammar(name) is not None or name in rater.rules.commands)
    if any(glob_expression(f"{folder}/").fullmatch(place) for place in SYSTEM):
        return True
    pattern = glob_expression(name)
    literal = re.search(r"\w", re.sub(r"\[[^\]]*\]", "", name))
    return not folder and bool(literal) and any(pattern.fullmatch(known) for known in rater.rules.programs)


def _worse(signs: Iterator[Sign]) -> Iterator[Sign]:
    return (sign for sign in signs if sign.effect not in {"read", "unknown", "look", "setting"})


def in_one_line(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``watch words``: options first, then words that become one script."""
    rest: tuple[Word, ...] = ()
    for found in read_arguments(grammar, call.words[1:], name):
        if isinstance(found, Noted):
            yield Sign(found.effect if found.effect != "unknown" else "read", shown(found.what))
    words = call.words[1:]
    starts = next((n for n, w in enumerate(words) if not w.text.startswith("-") and not w.text.isdigit()), len(words))
    rest = tuple(words[starts:])
    yield from rater.script(joined(rest), call.sources)
