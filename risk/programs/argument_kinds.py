"""What one word means, by its kind: a path, a script, a mode, a setting of git, a target of make … Pure."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from risk.pathkinds import archive, deleted, listed, mode, read, replaced, written
from risk.paths import deploys, glob_expression, normal, outside
from risk.quoting import HOLE
from risk.rater import Rater
from risk.script import Invocation
from risk.signs import Sign, shown
from risk.starters import stdin, variable
from risk.words import Word

Kind = Callable[[Rater, Word, Invocation, str], Iterator[Sign]]
"""Rates a word, given the invocation it stands in and the language that the program speaks."""

_DEPLOYS = re.compile(r"(?i)(^|[^a-z])(deploy|publish|release|upload|push|prod|production|ship)([^a-z]|$)")
_QUIET_GIT = re.compile(
    r"(?i)(color\.[\w.]+|user\.(name|email)|advice\.\w+|core\.(quotepath|autocrlf|abbrev|longpaths|precomposeunicode)"
    r"|diff\.(renames|algorithm|context|nopre\w+)|log\.\w+|init\.defaultbranch|commit\.gpgsign|tag\.gpgsign|gc\.auto"
    r"|core\.pager=(cat)?|pager\.\w+=(false|cat)?|protocol\.version)(=.*)?"
)
SECRET_NAME = re.compile(r"(?i)secret|token|passw|api_?key|access_?key|private|credential")
_STREAM = re.compile(r"-|/dev/(stdin|fd/\d+)|/proc/self/fd/\d+")
_VIM = re.compile(r"!|system|shell|\bpy|lua|perl|ruby|tcl|source|\bw(rite)?\b|\bterm|\bsil")


def _text(_rater: Rater, _word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    yield from ()


def _folder(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    """Another folder to work in: outside of the workspace other settings and other files are found."""
    if outside(normal(word.text)) or not word.known:
        yield Sign("look", f"works in {shown(word.text.replace(HOLE, '…'))}")


def _script_text(rater: Rater, word: Word, call: Invocation, _language: str) -> Iterator[Sign]:
    yield from rater.script(word.text, call.sources)


def _code(rater: Rater, word: Word, _call: Invocation, language: str) -> Iterator[Sign]:
    yield from rater.code(language, word.text)


def _script(rater: Rater, word: Word, call: Invocation, language: str) -> Iterator[Sign]:
    """A file that is run."""
    if word.stream:
        yield Sign("hidden", "runs what another command prints", "shell.piped_code")
    elif _STREAM.fullmatch(word.text):
        yield from stdin(rater, language or "shell", "standard input", call)
    elif "://" in word.text:
        yield Sign("hidden", f"runs {shown(word.text)} from the network", "shell.remote_code")
    elif not word.known or word.glob:
        yield Sign("computed", f"runs {shown(word.text.replace(HOLE, '…'))}")
    elif word.text.startswith(("/", "~", "../")) and not word.text.startswith("/work/"):
        yield Sign("unknown", f"runs {shown(word.text)}")
    yield from deploys(word.text)
    yield from rater.paths.signs(word, "read")


def _target(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    name, sign, value = word.text.partition("=")
    if sign and name.rstrip(":+?") in {"SHELL", ".SHELLFLAGS", "MAKEFLAGS", "MAKE"}:
        yield Sign("hidden", shown(word.text), "shell.make_shell", "decides what make starts")
    if sign and rater.grammar(value.split()[0].rsplit("/", 1)[-1] if value.split() else ""):
        yield from (found for found in rater.script(value) if found.effect not in {"read", "unknown", "look"})
    if _DEPLOYS.search(word.text):
        yield Sign("deploying", shown(word.text), "shell.deploys")
    if not word.known:
        yield Sign("computed", "a target from a variable")


def _git_setting(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if not _QUIET_GIT.fullmatch(word.text):
        yield Sign("hidden", shown(word.text), "shell.git_setting", "a setting of git that may start programs")
    key, _, value = word.text.partition("=")
    if value.startswith("!") or re.search(r"(?i)(command|cmd|editor|pager|helper|hook|fsmonitor)$", key):
        yield from rater.script(value.lstrip("!"))


def _evaluated(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if "$(" in word.text or "`" in word.text:
        yield Sign("hidden", "a command inside of a test", "shell.index")


def _date(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if not word.text.startswith("+"):
        yield Sign("system" if re.match(r"\d{6,}", word.text) else "unknown", f"date {shown(word.text)}")


def _assigning(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if "=" in word.text:
        yield Sign("system", shown(word.text))


def _named(rater: Rater, word: Word, call: Invocation, language: str) -> Iterator[Sign]:
    yield from _evaluated(rater, word, call, language)
    if any(rater.rules.of("variable", word.text)) or not word.known:
        yield from variable(rater, word.text.replace(HOLE, "…"))


def _secret_name(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if SECRET_NAME.search(word.text) or not word.known:
        yield Sign("private", shown(word.text.replace(HOLE, "…")))


def _reference(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if word.text.startswith(("+", ":")):
        yield Sign("force", shown(word.text), "shell.force_push")
    for rule in rater.rules.of("ref", word.text):
        yield Sign(rule.effect, shown(word.text), rule.rule, rule.message)


def _hunted(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    """Notice when the name that a search looks for is that of a secret."""
    wild = re.search(r"[*?\[]", word.text) and not re.fullmatch(r"\*+(\.[\w*?]+)?", word.text)
    pattern = glob_expression(word.text) if wild else None
    for rule in rater.rules.by_kind.get("read", ()):
        found = rule.expression.search(word.text) is not None
        if not found and pattern is not None and rule.effect != "look":
            found = any(pattern.fullmatch(name) for name in map(posixpath.basename, rule.match) if name[:6] != "config")
        if found:
            yield Sign("look", shown(word.text), rule.rule, "looks for secrets")


def _sent(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    text = word.text.partition("@")[2] or (word.text if "=" not in word.text else "")
    if text and not text.lstrip().startswith(("{", "[")):
        yield from rater.paths.signs(Word(text.split(";")[0], word.glob, word.variable), "read")


def _url(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if word.text.startswith("file:"):
        yield from rater.paths.signs(Word(re.sub(r"^file:(//)?", "", word.text)), "read")
    if re.match(r"(ext|fd)::", word.text):
        yield Sign("hidden", shown(word.text), "shell.remote_helper", "a remote that is a command")
        yield from rater.script(word.text[5:])


def _option_of_ssh(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    key, _, value = word.text.replace(" ", "=", 1).partition("=")
    if key.lower() in {"proxycommand", "localcommand", "knownhostscommand", "permitlocalcommand", "proxyusefdpass"}:
        yield Sign("hidden", shown(word.text), "shell.ssh_command")
        yield from rater.script(value)


def _prefixed(prefix: str) -> Kind:
    def rate(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
        if word.text.startswith(prefix) or not word.known:
            yield Sign("hidden", shown(word.text))
            yield from rater.script(word.text.removeprefix(prefix))

    return rate


def _editor(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    yield Sign("hidden" if _VIM.search(word.text) or not word.known else "unknown", shown(word.text))


def _makefile(rater: Rater, word: Word, call: Invocation, _language: str) -> Iterator[Sign]:
    if _STREAM.fullmatch(word.text) or word.stream:
        yield Sign("hidden", "a Makefile from a pipe", "shell.piped_code")
        yield from (s for source in call.sources for s in rater.script(source.text or ""))
    yield from rater.paths.signs(word, "read")


def _gopackage(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    if "@" in word.text or not word.known:
        yield Sign("depend", shown(word.text))


def _perl(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Sign]:
    yield from rater.code("perl", word.text)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType({
    "text": _text, "perhaps": _text,
    "cd": _folder, "placeholder": _text, "hiddenshell": _text, "shelltext": _text, "cmakecommand": _text,
    "package": _text, "program": _text, "file": read,
    "read": read, "list": listed, "write": written, "delete": deleted,
    "archive": archive, "replace": replaced, "shell": _script_text, "code": _code, "perl": _perl,
    "script": _script, "target": _target, "mode": mode, "gitconfig": _git_setting,
    "evaluated": _evaluated, "date": _date, "setting": _assigning, "variable": _named, "secretname": _secret_name,
    "ref": _reference, "pattern": _hunted, "upload": _sent, "url": _url, "sshoption": _option_of_ssh,
    "checkpoint": _prefixed("exec="), "vimcommand": _editor, "makefile": _makefile, "gopackage": _gopackage,
})  # fmt: skip
