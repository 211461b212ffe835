"""The language of ``awk``, as far as needed to prove that a program only prints. Pure."""

import re
from collections.abc import Iterator

from risk.arguments import Noted, Part, read_arguments
from risk.grammar import Grammar
from risk.quoting import HOLE
from risk.rater import Rater
from risk.script import Invocation
from risk.signs import Sign, shown
from risk.words import Word

_STRING = re.compile(r'"(?:\\.|[^"\\\n])*"?')
_REGEX = re.compile(r"/(?:\\.|\[\^?\]?[^\]\n]*\]|[^/\\\n])*/?")
_BEFORE_REGEX = re.compile(r"(?:^|[({,~!;&|}\n=?:]|\b(?:if|while|return|print|in|case|else|do))\s*$")
_STARTED = re.compile(r'(?:system\s*\(|\|&?)\s*"((?:\\.|[^"\\])*)"|"((?:\\.|[^"\\])*)"\s*\|')
_TARGET = re.compile(r'>\s*"((?:\\.|[^"\\])*)"')
_SIGNS = (
    (re.compile(r"\bsystem\b|(?<!\|)\|&?(?!\|)|@"), Sign("hidden", "awk starts a program", "shell.awk_execute")),
    (re.compile(r"\bgetline\b"), Sign("computed", "awk reads a file of its own choice")),
    (re.compile(r"\bENVIRON\b|\bPROCINFO\b|\bSYMTAB\b"), Sign("dump", "awk prints the environment")),
)


def awk(rater: Rater, grammar: Grammar, name: str, call: Invocation) -> Iterator[Sign]:
    """``awk program files``."""
    found = read_arguments(grammar, call.words[1:], name)
    parts = [each for each in found if isinstance(each, Part)]
    programs = [part.word for part in parts if part.kind == "program"]
    plain = [part.word for part in parts if part.kind == "operand"]
    if not programs and not any(part.kind == "file" for part in parts):
        programs, plain = plain[:1], plain[1:]
    yield from (Sign(each.effect, shown(each.what)) for each in found if isinstance(each, Noted))
    for word in (*plain, *(part.word for part in parts if part.kind == "file")):
        yield from rater.paths.signs(word, "read")
    for program in programs:
        yield from _program(rater, program.text)


def _program(rater: Rater, text: str) -> Iterator[Sign]:
    if HOLE in text:
        yield Sign("computed", "a program of awk with a variable in it")
    for quoted in _STARTED.findall(text):
        yield from rater.script(next(filter(None, quoted), "").replace('\\"', '"'))
    bare = _bare(text)
    yield from (sign for pattern, sign in _SIGNS if pattern.search(bare))
    if re.search(r"\bsystem\s*\(", text) and "system" not in bare:
        yield Sign("computed", "awk speaks of system")
    if "/inet" in text:
        yield Sign("network", "awk opens a connection")
    flat = bare
    while (inner := re.sub(r"\([^()]*\)", "", flat)) != flat:
        flat = inner
    if any(">" in statement for statement in re.findall(r"\bprintf?\b([^;}\n]*)", flat)):
        yield Sign("write", "awk writes a file")
        for path in _TARGET.findall(text):
            yield from rater.paths.signs(Word(path), "write")


def _bare(text: str) -> str:
    """Leave strings and regular expressions out; a slash starts one only where a value is expected."""
    made, at = "", 0
    while at < len(text):
        string = _STRING.match(text, at)
        regex = _REGEX.match(text, at) if text[at] == "/" and _BEFORE_REGEX.search(made[-40:]) else None
        found = string or regex
        made += ' "" ' if found else text[at]
        at = found.end() if found else at + 1
    return made
