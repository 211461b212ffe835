"""Programs that start others: shells, env and sudo, eval, xargs, npx. What they start is what counts. Pure."""

import re
from collections.abc import Iterator

from risk.arguments import Noted, Part, read_arguments
from risk.grammar import Grammar
from risk.paths import normal
from risk.quoting import HOLE
from risk.rater import Rater
from risk.script import Invocation
from risk.signs import Sign, shown
from risk.streams import printed
from risk.words import Word, joined
from risk.wrappers import embedded

_NAMED = re.compile(r"([A-Za-z_]\w*)(\[[^\]]*\])?\+?=(.*)", re.DOTALL)
_SHELL_VALUES = ("-o", "+o", "-O", "+O", "--rcfile", "--init-file")


def reading(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """By the grammar alone."""
    for found in read_arguments(grammar, call.words[1:], name):
        if isinstance(found, Noted):
            yield Sign(found.effect, shown(found.what))
        elif found.kind == "argv":
            yield from rater.started((found.word, *found.rest), call)
        elif found.kind == "command":
            words = (found.word, *found.rest)
            inner = Invocation(words, (), call.sources, call.sinks, call.within)
            yield from rater.judged(found.grammar, f"{name} {found.word.text}", inner)
        elif found.kind == "perhaps":
            yield from embedded(rater, Invocation((found.word, *found.rest), (), call.sources, call.sinks, call.within))
        elif found.kind == "module":
            yield from _module(rater, found, call)
        elif found.kind == "joined":
            yield from rater.script(joined((found.word, *found.rest)), call.sources)
        else:
            yield from rater.part(found.kind, found.word, call, found.grammar.language)
            yield from rater.touched(found.rest)


def _module(rater: Rater, part: Part, call: Invocation) -> Iterator[Sign]:
    """``python -m name …`` is the program of that name, if there is one."""
    name = part.word.text
    known = next((each for each in (name, name.replace("_", "-"), name.split(".")[0]) if rater.grammar(each)), None)
    if known is None:
        yield Sign("unknown", f"the module {shown(name.replace(HOLE, '…'))}")
        yield from rater.touched(part.rest)
    else:
        yield from rater.started((Word(known), *part.rest), call)


def env(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``env A=1 cmd``, ``sudo A=1 cmd``: variables first, then the command."""
    for found in read_arguments(grammar, call.words[1:], name):
        if isinstance(found, Part) and found.kind == "argv":
            words = (found.word, *found.rest)
            while words and (made := _NAMED.match(words[0].text)):
                yield from variable(rater, made[1])
                words = words[1:]
            if words and words[0].text != "-":
                yield from rater.started(words, call)
            elif not words and name == "env":
                yield Sign("dump", name)
        elif isinstance(found, Part):
            if found.kind == "cd" and (not found.word.known or normal(found.word.text) != "."):
                yield Sign("run", f"{name} in {shown(found.word.text)}", "shell.other_repository", "starts elsewhere")
            yield from rater.part(found.kind, found.word, call)
        else:
            yield Sign(found.effect, shown(found.what))


def variable(rater: Rater, name: str) -> Iterator[Sign]:
    """Rate the name of a variable that the next program will see."""
    ruled = [Sign(rule.effect, name, rule.rule, rule.message) for rule in rater.rules.of("variable", name)]
    effect = "setting" if name in rater.rules.settings else "unknown"
    yield from ruled or [Sign(effect, f"sets {shown(name)}")]


def shell(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``sh -c script``, ``sh file``, or a script on standard input."""
    words, inline = list(call.words[1:]), False
    while words and words[0].text.startswith(("-", "+")) and words[0].text not in {"-", "--"}:
        text = words.pop(0).text
        inline = inline or (text.startswith("-") and not text.startswith("--") and "c" in text)
        if text in _SHELL_VALUES or (text[0] in "-+" and text[1:2] != "-" and text[-1:] in "oO"):
            given = words.pop(0) if words else Word("")
            yield from rater.part("script" if text.startswith("--") else "text", given, call)
        if text in {"--version", "--help"} and not words:
            yield Sign("read", f"{name} {text}")
            return
    if words and words[0].text in {"-", "--"}:
        words.pop(0)
    if name in {"pwsh", "powershell", "nu", "yash"} and not (words and not inline):
        yield Sign("hidden", f"{name} has a language of its own")
    if inline and words:
        yield from rater.script(words[0].text, call.sources)
        yield from rater.touched(tuple(words[1:]))
    elif words and not any("s" in w.text for w in call.words[1:] if re.fullmatch(r"-[a-z]*s[a-z]*", w.text)):
        yield Sign(grammar.effect, f"{name} {shown(words[0].text.replace(HOLE, '…'))}")
        yield from rater.part("script", words[0], call)
        yield from rater.touched(tuple(words[1:]))
    else:
        yield from stdin(rater, "shell", name, call)


def stdin(rater: Rater, language: str, name: str, call: Invocation) -> Iterator[Sign]:
    """Rate code that a program reads from its standard input."""
    if not call.sources:
        yield Sign("hidden" if rater.depth else "unknown", f"{name} reads commands from somebody")
    for source in call.sources:
        text = printed(source)
        if text is not None:
            yield from rater.script(text) if language == "shell" else rater.code(language, text)
        if source.file is not None:
            yield Sign("run", f"{name} runs {shown(source.file.text)}")
        elif source.text is None:
            yield Sign("hidden", f"{name} runs what a pipe brings", "shell.piped_code")


def interpreter(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``python file``, ``python -c code``, or code on standard input."""
    found = read_arguments(grammar, call.words[1:], name)
    kinds = {part.kind for part in found if isinstance(part, Part)}
    yield from reading(rater, grammar, name, call)
    told = any(w.text in {"-v", "-V", "-h", "--version", "--help", "--test"} for w in call.words[1:])
    if not kinds & {"code", "script", "module", "target"} and not told:
        yield from stdin(rater, grammar.language, name, call)


def evaluated(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``eval words``: the words are a script."""
    yield Sign(grammar.effect, name)
    yield from rater.script(joined(call.words[1:]), call.sources)


def sourced(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``source file`` runs it in this very shell."""
    yield Sign(grammar.effect, f"{name} {shown(joined(call.words[1:2]).replace(HOLE, '…'))}")
    if call.words[1:]:
        yield from rater.part("script", call.words[1], call)


def aliased(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``alias ls='…'``: the text runs when somebody types the name."""
    yield Sign(grammar.effect if call.words[1:] else grammar.bare, name)
    for word in call.words[1:]:
        _, sign, text = word.text.partition("=")
        if sign:
            yield from rater.script(text)
