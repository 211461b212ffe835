"""Programs with a way of their own to be called: tar, dd, kill, curl, rsync, set, declare. Pure."""

import re
from collections.abc import Iterator
from dataclasses import replace

from risk.bash.quoting import HOLE
from risk.bash.script import Invocation
from risk.bash.words import Word
from risk.contract import Rater
from risk.grammar import ProgramGrammar
from risk.programs.arguments import Part, read_arguments
from risk.programs.launchers import reading, variable
from risk.signals import Signal, shown

_LOOPBACK = re.compile(
    r"(?i)([a-z]+://)?(localhost|127(\.\d{1,3}){3}|\[::1\]|0\.0\.0\.0)(:\d{1,5})?([/?#][^\s@\\{}]*)?"
)

_HERE = re.compile(r"(?i)localhost|127(\.\d{1,3}){3}|::1|0\.0\.0\.0")


def tar(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``tar``: listing reads; the first word may be a cluster without its dash."""
    words = call.words[1:]
    if words and re.fullmatch(r"[A-Za-z]+", words[0].text):
        words = (Word(f"-{words[0].text}", words[0].glob, words[0].variable), *words[1:])
    clusters = "".join(w.text[1:] for w in words if re.fullmatch(r"-[A-Za-z]+", w.text))
    longs = {w.text for w in words if w.text.startswith("--")}
    lists = (
        ("t" in clusters or "--list" in longs)
        and not set(clusters) & set("cxruA")
        and not longs & {"--extract", "--create", "--get", "--append", "--update", "--delete", "--concatenate"}
    )
    as_used = replace(grammar, effect="read") if lists else grammar
    for sign in reading(
        rater, as_used, name, Invocation((call.words[0], *words), (), call.sources, call.sinks, call.within)
    ):
        if not (lists and sign.effect == "outside"):
            yield sign


def dd(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``dd if=… of=…``."""
    yield Signal(grammar.effect, name)
    for word in call.words[1:]:
        key, _, value = word.text.partition("=")
        mode = {"if": "read", "of": "write"}.get(key)
        if mode:
            yield from rater.paths.signs(replace(word, text=value), "read" if mode == "read" else "write")


def kill(_rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``kill``: one process of one's own is nothing much, all of them or the first is."""
    words = [word.text for word in call.words[1:]]
    if words[:1] in (["-l"], ["-L"], ["-0"]):
        yield Signal("look", name)
        return
    while words and re.fullmatch(r"-(s|n|\d{1,2}|(SIG)?[A-Z][A-Z0-9+-]*)|--|-s\w+|--signal(=\w+)?", words[0]):
        first = words.pop(0)
        if first in {"-s", "-n", "--signal"} and words:
            words.pop(0)
        if first == "-1" and not words:
            words = ["-1"]
            break
    # A negative number is a process group, -1 everything, 0 one's own group, 1 the first process (kill(1)).
    bad = [word for word in words if re.fullmatch(r"-\d+|0|1", word)]
    yield Signal("system" if bad else grammar.effect, f"{name} {shown(' '.join(words).replace(HOLE, '…'))}")


def http(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``curl``, ``wget``: asking this very machine is running code of the workspace, everything else is egress."""
    arguments = read_arguments(grammar, call.words[1:], name)
    urls = [f.word for f in arguments if isinstance(f, Part) and f.kind == "url"]
    local = bool(urls) and all(_LOOPBACK.fullmatch(word.text) and word.known for word in urls)
    for each in arguments:
        if isinstance(each, Part):
            yield from rater.part(each.kind, each.word, call)
        elif local and (each.what == name or each.effect == "upload"):
            yield Signal("run", f"{name} asks {shown(urls[0].text)}")
        else:
            yield Signal(each.effect, shown(each.what))


def probe(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``nc -z localhost 5432``: whether a port of this very machine is open; everything else is a connection."""
    options = "".join(word.text[1:] for word in call.words[1:] if word.text.startswith("-"))
    hosts = [word for word in call.words[1:] if not re.fullmatch(r"-[zvnu46w]*\d*|\d+", word.text)]
    if "z" in options and len(hosts) == 1 and hosts[0].known and _HERE.fullmatch(hosts[0].text):
        yield Signal("run", f"{name} asks {shown(hosts[0].text)}")
    else:
        yield from reading(rater, grammar, name, call)


def rsync(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``rsync``: with a host in an argument it sends."""
    remote = [w.text for w in call.words[1:] if re.match(r"(?!-)[^/\s]*[\w\]]::?", w.text) or "rsync://" in w.text]
    if remote:
        yield Signal("upload", shown(remote[0]))
    yield from reading(rater, grammar, name, call)


def options_of_shell(_rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``set``: without arguments it prints every variable."""
    words = [word.text for word in call.words[1:]]
    yield Signal(grammar.effect if words else grammar.bare, name)
    if "history" in words:
        yield Signal("cover", "switches the history off")


def declare(rater: Rater, grammar: ProgramGrammar, name: str, call: Invocation) -> Iterator[Signal]:
    """``export``, ``declare``: names matter, values were looked at already."""
    words = call.words[1:]
    letters = "".join(w.text[1:] for w in words if w.text.startswith(("-", "+")))
    names = [w for w in words if not w.text.startswith(("-", "+"))]
    yield Signal("dump" if ("p" in letters or not names) and name != "local" else grammar.effect, name)
    if "n" in letters and name != "export":
        yield Signal("unknown", f"{name} -n gives a variable a second name")
    for word in (replace(each, text=each.text.split("=")[0]) for each in names):
        yield from rater.part("evaluated", word, call)
        if not word.known:
            yield Signal("computed", f"{name} with a name from a variable")
        if name == "export" or any(rater.rules.of("variable", word.text)):
            yield from variable(rater, word.text)
