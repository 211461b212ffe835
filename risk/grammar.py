"""Grammar of programs: how their arguments are read, a small language of options and kinds in YAML. Pure.

    sort:
      effect: read
      options: "-b -d -f -n -r -u -k=text -o=write --reverse --output=write --files0-from=read --compress-program=shell"
      arguments: [read...]

An option is ``-x`` or ``--name``; ``=kind`` says that it takes a value, ``=?kind`` that it may carry
one (``--color=when``), ``:effect`` that its mere presence has an effect. ``*`` declares every other
option harmless. What is not written down is not known, and what is not known is not low.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final, cast

from risk.signals import names
from risk.yaml import LINE, bad, numbered

_KEYS: Final = {
    "effect",
    "options",
    "arguments",
    "commands",
    "single",
    "special",
    "language",
    "bare",
    "otherwise",
    "unless",
    "dry",
    "asks",
    LINE,
}
_OPTION = re.compile(r"(\+|--?[A-Za-z0-9?@#.%+_-]*)(?:(=\??)([a-z,]+))?(?::([a-z]+))?")
ASKS: Final = ("--version", "--help")
KINDS: Final = names(
    "text read list write delete replace cd argv shell code script url target module joined secretname "
    "mode ref pattern variable setting archive checkpoint shelltext evaluated date perl gitconfig package "
    "gopackage makefile hiddenshell cmakecommand upload sshoption vimcommand placeholder program file operand"
)


@dataclass(frozen=True, slots=True)
class Option:
    """What one option does."""

    value: str = ""
    """Kind of its value; empty: it takes none."""
    inline: bool = False
    """Takes its value only after ``=`` or in the same word."""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class ProgramGrammar:
    """One program, or one subcommand of a program."""

    effect: str = "unknown"
    options: Mapping[str, Option] = field(default_factory=dict[str, Option])
    lenient: bool = False
    """Options that are not listed are harmless."""
    arguments: tuple[str, ...] = ()
    """Kinds of the positional arguments; the last may end with ``...``."""
    commands: Mapping[str, "ProgramGrammar"] = field(default_factory=dict[str, "ProgramGrammar"])
    single: bool = False
    """Long options are written with one dash, as ``go test -run X``."""
    special: str = ""
    """A reader of its own, for languages that options cannot describe: find, sed, awk …"""
    language: str = ""
    bare: str = ""
    """The effect without any argument, where it differs."""
    otherwise: str = "unknown"
    """The effect of options and arguments that are not listed."""
    unless: frozenset[str] = frozenset()
    """Options that take the place of the first argument, as ``grep -e pattern``."""
    dry: frozenset[str] = frozenset()
    """Options with which nothing happens."""
    asks: tuple[str, ...] = ASKS
    """Alone on the line, they only make the program talk about itself."""

    def kind(self, number: int) -> str:
        """The kind of the positional argument with this number, from 0; empty when there must be none."""
        if number < len(self.arguments):
            return self.arguments[number].removesuffix("...")
        last = self.arguments[-1] if self.arguments else ""
        return last.removesuffix("...") if last.endswith("...") else ""


Programs = Mapping[str, ProgramGrammar]


def read_options(text: str, line: int) -> tuple[dict[str, Option], bool]:
    """The options of one line of a grammar, and whether all others are harmless. Raises ``bad_rules``."""
    options: dict[str, Option] = {}
    for word in text.split():
        if word == "*":
            continue
        match = _OPTION.fullmatch(word)
        if match is None:
            raise bad(f"{word!r} is not an option", line)
        name, sign, kind, effect = match[1], match[2], match[3] or "", match[4] or ""
        if kind and not set(kind.split(",")) <= KINDS:
            raise bad(f"{word!r}: there is no kind {kind!r}", line)
        options[name] = Option(value=kind, inline=sign == "=?", effect=effect)
    return options, "*" in text.split()


def _grammar(found: Any, line: int) -> ProgramGrammar:
    if isinstance(found, str):  # ``read | -a -b | text read...`` instead of a mapping
        effect, _, rest = found.partition("|")
        written, _, kinds = rest.partition("|")
        entry: dict[str, Any] = {"effect": effect.strip(), "options": written.strip(), "arguments": kinds.split()}
    else:
        entry = dict(found or {})
    line = int(entry.get(LINE, line))
    if unknown := sorted(set(entry) - _KEYS):
        raise bad(f"{unknown[0]!r} is not a word of the grammar", line)
    options, lenient = read_options(str(entry.get("options") or ""), line)
    arguments = entry.get("arguments") or []
    arguments = arguments.split() if isinstance(arguments, str) else arguments
    for kind in arguments:
        if kind.removesuffix("...") not in KINDS:
            raise bad(f"there is no kind {kind!r}", line)
    commands = cast("dict[str, Any]", entry.get("commands") or {})
    return ProgramGrammar(
        effect=str(entry.get("effect") or "unknown"),
        options=options,
        lenient=lenient,
        arguments=tuple(arguments),
        commands={
            name: subcommand
            for names, sub in commands.items()
            if names != LINE
            for subcommand in (_grammar(sub, line),)
            for name in str(names).split()
        },
        single=bool(entry.get("single")),
        special=str(entry.get("special") or ""),
        language=str(entry.get("language") or ""),
        bare=str(entry.get("bare") or ""),
        otherwise=str(entry.get("otherwise") or "unknown"),
        unless=frozenset(str(entry.get("unless") or "").split()),
        dry=frozenset(str(entry.get("dry") or "").split()),
        asks=tuple(str(entry["asks"]).split()) if "asks" in entry else ASKS,
    )


def _effects(grammar: ProgramGrammar) -> Iterator[str]:
    yield from (effect for effect in (grammar.effect, grammar.bare, grammar.otherwise) if effect)
    yield from (option.effect for option in grammar.options.values() if option.effect)
    for command in grammar.commands.values():
        yield from _effects(command)


def read_programs(text: str, effects: Mapping[str, object]) -> Programs:
    """Parse a file of grammars; one entry may have several names, separated by blanks.

    Raises:
        Refused: ``bad_rules`` with the line.
    """
    entries = numbered(text)
    programs: dict[str, ProgramGrammar] = {}
    for called, entry in entries.items():
        if called in {LINE, "version"}:
            continue
        line = int(cast("dict[str, Any]", entry).get(LINE, 0)) if isinstance(entry, dict) else 0
        grammar = _grammar(entry, line)
        if wrong := sorted(set(_effects(grammar)) - set(effects)):
            raise bad(f"{called}: there is no effect {wrong[0]!r}", line)
        programs |= dict.fromkeys(str(called).split(), grammar)
    return programs


def default_programs(effects: Mapping[str, object]) -> Programs:
    """The programs that the house knows."""
    programs: dict[str, ProgramGrammar] = {}
    for file in sorted((resources.files("risk") / "programs").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            programs |= read_programs(file.read_text(encoding="utf-8"), effects)
    return programs
