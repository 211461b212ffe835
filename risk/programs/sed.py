"""The language of ``sed``, as far as needed to prove that a script only prints and changes text. Pure."""

import re
from collections.abc import Iterator
from typing import Final

from risk.bash.quoting import HOLE
from risk.bash.script import Invocation
from risk.bash.words import Word
from risk.contract import Rater
from risk.grammar import ProgramGrammar
from risk.programs.arguments import NotedEffect, Part, read_arguments
from risk.signals import Signal, shown

_ADDRESS: Final = r"(?:\d+(?:~\d+)?|\$|/(?:\\.|\[[^\]]*\]|[^/\\\n])*/[IM]*)"
_LEAD = re.compile(rf"[\s;{{}}]*(?:{_ADDRESS}(?:\s*,\s*(?:[+~]?\d+|{_ADDRESS}))?)?\s*!*\s*")
_REST = (
    (re.compile(r"[pdDnNPgGhHxlFz=;{}\n]"), ""),
    (re.compile(r"[qQlL]\s*\d*"), ""),
    (re.compile(r"[bt:T][^;\n}]*"), ""),
    (re.compile(r"[aic](?:\\\n|[^\n])*|#[^\n]*"), ""),
    (re.compile(r"[rR]([^\n]*)"), "read"),
    (re.compile(r"[wW]([^\n]*)"), "write"),
    (re.compile(r"e([^\n]*)"), "execute"),
)
"""Commands other than ``s`` and ``y``, and what they do with what stands after them."""
_CLASS = re.compile(r"\[\^?\]?(?:\[[:.=][^\]]*[:.=]\]|[^\]\n])*\]")
_HALVES: Final = 2


def sed(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``sed [-i] script files``."""
    arguments = read_arguments(grammar, call.words[1:], name)
    parts = [each for each in arguments if isinstance(each, Part)]
    programs = [part.word for part in parts if part.kind == "program"]
    plain = [part.word for part in parts if part.kind == "operand"]
    from_file = any(part.kind == "file" for part in parts)
    # Without ``-e`` and ``-f`` the first word is the script (sed(1)).
    if not programs and not from_file:
        programs, plain = plain[:1], plain[1:]
    changes = any(isinstance(each, NotedEffect) and each.effect == "write" for each in arguments)
    yield from (Signal(each.effect, shown(each.what)) for each in arguments if isinstance(each, NotedEffect))
    yield from (sign for part in parts if part.kind == "file" for sign in rater.part("read", part.word, call))
    for file in plain:
        yield from rater.paths.signs(file, "read")
        yield from rater.paths.signs(file, "write") if changes else ()
    for program in programs:
        if HOLE in program.text:
            yield Signal("computed", "a script of sed with a variable in it")
        at = 0
        while at < len(program.text):
            lead = _LEAD.match(program.text, at)
            at = lead.end() if lead else at
            if program.text[at : at + 1] in {"s", "y"}:
                end, signs = substitution(rater, program.text[at + 1 :])
                yield from signs
                at = at + 1 + end if end else len(program.text)
            elif at < len(program.text):
                at = yield from _command(rater, program.text, at)


def _command(rater: Rater, text: str, at: int) -> Iterator[Signal]:
    """Read one command; the generator returns where the next one starts."""
    for pattern, action in _REST:
        if match := pattern.match(text, at):
            yield from _acting(rater, action, match[1].strip()) if action else ()
            return match.end()
    yield Signal("unknown", f"the command {shown(text[at])} of sed")
    return len(text)


def _acting(rater: Rater, action: str, argument: str) -> Iterator[Signal]:
    if action == "read":
        yield from rater.paths.signs(Word(argument), "read")
    elif action == "execute":
        yield Signal("hidden", "sed starts a program", "shell.sed_execute")
        yield from rater.script(argument)
    elif argument not in {"/dev/stdout", "/dev/stderr"}:
        yield Signal("write", f"sed writes {shown(argument)}")
        yield from rater.paths.signs(Word(argument), "write")


def substitution(rater: Rater, rest: str) -> tuple[int, list[Signal]]:
    """``s/a/b/flags``: how much of it was read (0: all of it, or it makes no sense), and what it does."""
    at = end_of_halves(rest)
    if at == 0:
        return 0, [Signal("unknown", "a substitution of sed without an end")]
    while rest[at : at + 1] and rest[at] in "gpiImM0123456789":
        at += 1
    match rest[at : at + 1]:
        case "e":
            return 0, [Signal("hidden", "sed starts what a substitution makes", "shell.sed_execute")]
        case "w":
            path = rest[at + 1 :].partition("\n")[0]
            return at + 1 + len(path), list(_acting(rater, "write", path.strip()))
        case "" | ";" | "\n" | "}" | " " | "#":
            return at or len(rest), []
        case strange:
            return 0, [Signal("unknown", f"the flag {shown(strange)} of sed")]


def end_of_halves(rest: str) -> int:
    """Where both halves of ``/a/b/`` end; 0 when they do not."""
    mark, at, halves = rest[:1], 1, 0
    if not mark or mark in "\n\\":
        return 0
    while at < len(rest):
        inner = _CLASS.match(rest, at) if rest[at] == "[" and not halves and mark != "[" else None
        if rest[at] == "\\":
            at += 1
        elif inner and mark in inner[0]:
            return 0  # seds disagree whether this ends the expression
        elif inner:
            at = inner.end() - 1
        elif rest[at] == mark:
            halves += 1
        at += 1
        if halves == _HALVES:
            return at
    return 0
