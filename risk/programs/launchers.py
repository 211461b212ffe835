"""Launchers: programs that start others or hand them their arguments. What they start is what counts. Pure.

Shells, env, sudo, eval, xargs, npx, watch, and those that are not known well.
"""

import re
from collections.abc import Iterator
from typing import Final

from risk.bash.pipes import listed, printed
from risk.bash.quoting import HOLE
from risk.bash.script import Invocation
from risk.bash.words import Word, joined
from risk.contract import Rater
from risk.grammar import ProgramGrammar
from risk.paths import SYSTEM, deploys, glob_expression, normal
from risk.programs.arguments import NotedEffect, Part, read_arguments
from risk.signals import Signal, shown

_MOST: Final = 40
_FEW: Final = 8


def xargs(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``… | xargs cmd``: the command gets words from a pipe."""
    marks = [""]
    for argument in read_arguments(grammar, call.words[1:], name):
        if isinstance(argument, NotedEffect):
            yield Signal(argument.effect, shown(argument.what))
        elif argument.kind == "placeholder":
            marks.append(argument.word.text or "{}")
        elif argument.kind == "argv":
            words = (argument.word, *argument.rest)
            mark = marks[-1]
            piped = [word for source in call.sources for word in listed(source)] or [Word(HOLE, variable=True)]
            inner = Invocation((), (), (), call.sinks, call.within)
            if mark and any(mark in word.text for word in words):
                # A few stand for all: each is one more reading of the whole command.
                for each in piped[:_FEW]:
                    command = tuple(
                        Word(w.text.replace(mark, each.text), w.glob or each.glob, w.variable) if mark in w.text else w
                        for w in words
                    )
                    yield from rater.started(command, inner)
            else:
                # Both ways: GNU xargs runs the command once even when nothing comes in.
                yield from rater.started(words, inner)
                yield from rater.started((*words, *piped), inner)
        else:
            yield from rater.part(argument.kind, argument.word, call)


def tool(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``npx tool``: a tool of the project when it is a known one, else something that is downloaded."""
    known = False
    fetched: list[Signal] = []
    for argument in read_arguments(grammar, call.words[1:], name):
        if isinstance(argument, Part) and argument.kind == "argv":
            started = rater.grammar(argument.word.text)
            known = started is not None and started.effect in {"run", "write"}
            yield Signal("run", f"{name} {shown(argument.word.text)}")
            yield from rater.started((argument.word, *argument.rest), call)
        elif isinstance(argument, Part):
            yield from rater.part(argument.kind, argument.word, call)
        elif argument.what == name:
            fetched.append(Signal(argument.effect, f"{name} downloads what is not there"))
        else:
            yield Signal(argument.effect, shown(argument.what))
    if not known:
        yield from fetched


def fuzzy(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """A program that may start any of its arguments."""
    yield Signal(grammar.effect, name)
    yield from embedded(rater, call)


def embedded(rater: Rater, call: Invocation) -> Iterator[Signal]:
    """Rate whatever could be a command among the arguments of a program that is not known well."""
    words = call.words[1:_MOST]
    yield from rater.touched(words)
    for n, word in enumerate(words):
        text = word.text.strip(" !:;|&")
        yield from deploys(word.text) if "/" in word.text and " " not in word.text else ()
        # A launcher that is not known starts its arguments from one of them on, and only it knows which.
        if word.known and startable(rater, word):
            yield from _worse(rater.started(words[n:], call))
        elif text and " " in text and rater.grammar(text.split()[0].rsplit("/", 1)[-1]):
            yield from _worse(rater.script(text))


def startable(rater: Rater, word: Word) -> bool:
    """Tell whether a word could name a program: one that is known or ruled, or a pattern that finds one."""
    folder, _, name = word.text.rpartition("/")
    if not word.glob:
        return len(name) > 1 and (rater.grammar(name) is not None or name in rater.rules.commands)
    if any(glob_expression(f"{folder}/").fullmatch(place) for place in SYSTEM):
        return True
    pattern = glob_expression(name)
    literal = re.search(r"\w", re.sub(r"\[[^\]]*\]", "", name))
    return not folder and bool(literal) and any(pattern.fullmatch(known) for known in rater.rules.programs)


def _worse(signs: Iterator[Signal]) -> Iterator[Signal]:
    return (sign for sign in signs if sign.effect not in {"read", "unknown", "look", "setting"})


def in_one_line(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``watch words``: options first, then words that become one script."""
    rest: tuple[Word, ...] = ()
    for argument in read_arguments(grammar, call.words[1:], name):
        if isinstance(argument, NotedEffect):
            yield Signal(argument.effect if argument.effect != "unknown" else "read", shown(argument.what))
    words = call.words[1:]
    starts = next((n for n, w in enumerate(words) if not w.text.startswith("-") and not w.text.isdigit()), len(words))
    rest = tuple(words[starts:])
    yield from rater.script(joined(rest), call.sources)


_NAMED = re.compile(r"([A-Za-z_]\w*)(\[[^\]]*\])?\+?=(.*)", re.DOTALL)
_SHELL_VALUES = ("-o", "+o", "-O", "+O", "--rcfile", "--init-file")


def reading(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """By the grammar alone."""
    for argument in read_arguments(grammar, call.words[1:], name):
        if isinstance(argument, NotedEffect):
            yield Signal(argument.effect, shown(argument.what))
        elif argument.kind == "argv":
            yield from rater.started((argument.word, *argument.rest), call)
        elif argument.kind == "command":
            words = (argument.word, *argument.rest)
            inner = Invocation(words, (), call.sources, call.sinks, call.within)
            yield from rater.judged(argument.grammar, f"{name} {argument.word.text}", inner)
        elif argument.kind == "perhaps":
            yield from embedded(
                rater, Invocation((argument.word, *argument.rest), (), call.sources, call.sinks, call.within)
            )
        elif argument.kind == "module":
            yield from module_signs(rater, argument, call)
        elif argument.kind == "joined":
            yield from rater.script(joined((argument.word, *argument.rest)), call.sources)
        else:
            yield from rater.part(argument.kind, argument.word, call, argument.grammar.language)
            yield from rater.touched(argument.rest)


def module_signs(rater: Rater, part: Part, call: Invocation) -> Iterator[Signal]:
    """``python -m name …`` is the program of that name, if there is one."""
    name = part.word.text
    known = next((each for each in (name, name.replace("_", "-"), name.split(".")[0]) if rater.grammar(each)), None)
    if known is None:
        yield Signal("unknown", f"the module {shown(name.replace(HOLE, '…'))}")
        yield from rater.touched(part.rest)
    else:
        yield from rater.started((Word(known), *part.rest), call)


def env(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``env A=1 cmd``, ``sudo A=1 cmd``: variables first, then the command."""
    for argument in read_arguments(grammar, call.words[1:], name):
        if isinstance(argument, Part) and argument.kind == "argv":
            words = (argument.word, *argument.rest)
            while words and (assignment := _NAMED.match(words[0].text)):
                yield from variable(rater, assignment[1])
                words = words[1:]
            if words and words[0].text != "-":
                yield from rater.started(words, call)
            elif not words and name == "env":
                yield Signal("dump", name)
        elif isinstance(argument, Part):
            if argument.kind == "cd" and (not argument.word.known or normal(argument.word.text) != "."):
                yield Signal(
                    "run", f"{name} in {shown(argument.word.text)}", "shell.other_repository", "starts elsewhere"
                )
            yield from rater.part(argument.kind, argument.word, call)
        else:
            yield Signal(argument.effect, shown(argument.what))


def variable(rater: Rater, name: str) -> Iterator[Signal]:
    """Rate the name of a variable that the next program will see."""
    ruled = [Signal(rule.effect, name, rule.rule, rule.message) for rule in rater.rules.of("variable", name)]
    effect = "setting" if name in rater.rules.settings else "unknown"
    yield from ruled or [Signal(effect, f"sets {shown(name)}")]


def shell(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``sh -c script``, ``sh file``, or a script on standard input."""
    words, inline = list(call.words[1:]), False
    while words and words[0].text.startswith(("-", "+")) and words[0].text not in {"-", "--"}:
        text = words.pop(0).text
        inline = inline or (text.startswith("-") and not text.startswith("--") and "c" in text)
        if text in _SHELL_VALUES or (text[0] in "-+" and text[1:2] != "-" and text[-1:] in "oO"):
            value = words.pop(0) if words else Word("")
            yield from rater.part("script" if text.startswith("--") else "text", value, call)
        if text in {"--version", "--help"} and not words:
            yield Signal("read", f"{name} {text}")
            return
    if words and words[0].text in {"-", "--"}:
        words.pop(0)
    # bash's grammar says nothing about these.
    if name in {"pwsh", "powershell", "nu", "yash"} and not (words and not inline):
        yield Signal("hidden", f"{name} has a language of its own")
    if inline and words:
        yield from rater.script(words[0].text, call.sources)
        yield from rater.touched(tuple(words[1:]))
    # ``sh -s words`` reads its script from standard input, whatever else stands there.
    elif words and not any("s" in w.text for w in call.words[1:] if re.fullmatch(r"-[a-z]*s[a-z]*", w.text)):
        yield Signal(grammar.effect, f"{name} {shown(words[0].text.replace(HOLE, '…'))}")
        yield from rater.part("script", words[0], call)
        yield from rater.touched(tuple(words[1:]))
    else:
        yield from stdin(rater, "shell", name, call)


def stdin(rater: Rater, language: str, name: str, call: Invocation) -> Iterator[Signal]:
    """Rate code that a program reads from its standard input."""
    if not call.sources:
        yield Signal("hidden" if rater.depth else "unknown", f"{name} reads commands from somebody")
    for source in call.sources:
        text = printed(source)
        if text is not None:
            yield from rater.script(text) if language == "shell" else rater.code(language, text)
        if source.file is not None:
            yield Signal("run", f"{name} runs {shown(source.file.text)}")
        elif source.text is None:
            yield Signal("hidden", f"{name} runs what a pipe brings", "shell.piped_code")


def interpreter(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``python file``, ``python -c code``, or code on standard input."""
    arguments = read_arguments(grammar, call.words[1:], name)
    kinds = {part.kind for part in arguments if isinstance(part, Part)}
    yield from reading(rater, grammar, name, call)
    only_asks = any(w.text in {"-v", "-V", "-h", "--version", "--help", "--test"} for w in call.words[1:])
    if not kinds & {"code", "script", "module", "target"} and not only_asks:
        yield from stdin(rater, grammar.language, name, call)


def evaluated(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``eval words``: the words are a script."""
    yield Signal(grammar.effect, name)
    yield from rater.script(joined(call.words[1:]), call.sources)


def sourced(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``source file`` runs it in this very shell."""
    yield Signal(grammar.effect, f"{name} {shown(joined(call.words[1:2]).replace(HOLE, '…'))}")
    if call.words[1:]:
        yield from rater.part("script", call.words[1], call)


def aliased(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``alias ls='…'``: the text runs when somebody types the name."""
    yield Signal(grammar.effect if call.words[1:] else grammar.bare, name)
    for word in call.words[1:]:
        _, sign, text = word.text.partition("=")
        if sign:
            yield from rater.script(text)
