"""The language of ``awk``, as far as needed to prove that a program only prints. Pure."""

import re
from collections.abc import Iterator

from risk.bash.quoting import HOLE
from risk.bash.script import Invocation
from risk.bash.words import Word
from risk.contract import Rater
from risk.grammar import ProgramGrammar
from risk.programs.arguments import NotedEffect, Part, read_arguments
from risk.signals import Signal, shown

_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"?')
_REGEX = re.compile(r"/(?:\\.|\[\^?\]?[^\]\n]*\]|[^/\\\n])*/?")
_BEFORE_REGEX = re.compile(r"(?:^|[({,~!;&|}\n=?:]|\b(?:if|while|return|print|in|case|else|do))\s*$")
_STARTED = re.compile(r'(?:system\s*\(|\|&?)\s*"((?:\\.|[^"\\])*)"|"((?:\\.|[^"\\])*)"\s*\|')
_TARGET = re.compile(r'>\s*"((?:\\.|[^"\\])*)"')
_SIGNS = (
    (re.compile(r"\bsystem\b|(?<!\|)\|&?(?!\|)|@"), Signal("hidden", "awk starts a program", "shell.awk_execute")),
    (re.compile(r"\bgetline\b"), Signal("computed", "awk reads a file of its own choice")),
    (re.compile(r"\bENVIRON\b|\bPROCINFO\b|\bSYMTAB\b"), Signal("dump", "awk prints the environment")),
)


def awk(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``awk program files``."""
    arguments = read_arguments(grammar, call.words[1:], name)
    parts = [each for each in arguments if isinstance(each, Part)]
    programs = [part.word for part in parts if part.kind == "program"]
    plain = [part.word for part in parts if part.kind == "operand"]
    if not programs and not any(part.kind == "file" for part in parts):
        programs, plain = plain[:1], plain[1:]
    yield from (Signal(each.effect, shown(each.what)) for each in arguments if isinstance(each, NotedEffect))
    for word in (*plain, *(part.word for part in parts if part.kind == "file")):
        yield from rater.paths.signs(word, "read")
    for program in programs:
        yield from program_signs(rater, program.text)


def program_signs(rater: Rater, text: str) -> Iterator[Signal]:
    """Say what a program of awk starts, reads by its own choice, and writes."""
    if HOLE in text:
        yield Signal("computed", "a program of awk with a variable in it")
    for quoted in _STARTED.findall(text):
        yield from rater.script(next(filter(None, quoted), "").replace('\\"', '"'))
    # Without strings and regular expressions: a slash starts one only where a value is expected.
    bare, at = "", 0
    while at < len(text):
        string = _STRING.match(text, at)
        regex = _REGEX.match(text, at) if text[at] == "/" and _BEFORE_REGEX.search(bare[-40:]) else None
        literal = string or regex
        bare += ' "" ' if literal else text[at]
        at = literal.end() if literal else at + 1
    yield from (sign for pattern, sign in _SIGNS if pattern.search(bare))
    if re.search(r"\bsystem\s*\(", text) and "system" not in bare:
        yield Signal("computed", "awk speaks of system")
    if "/inet" in text:
        yield Signal("network", "awk opens a connection")
    flat = bare
    while (inner := re.sub(r"\([^()]*\)", "", flat)) != flat:
        flat = inner
    if any(">" in statement for statement in re.findall(r"\bprintf?\b([^;}\n]*)", flat)):
        yield Signal("write", "awk writes a file")
        for path in _TARGET.findall(text):
            yield from rater.paths.signs(Word(path), "write")
