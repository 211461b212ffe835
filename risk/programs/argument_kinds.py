"""Kinds of arguments: what one word means as a path, a script, a mode, a setting of git, a target of make … Pure."""

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from risk.bash.quoting import HOLE
from risk.bash.script import Invocation
from risk.bash.words import Word
from risk.contract import Rater
from risk.paths import deploys, glob_expression, normal, outside, stream
from risk.programs.launchers import stdin, variable
from risk.signals import Signal, shown

_SETUID = re.compile(r"(.*,)?[ugoa]*[-+=][rwxXt]*s[rwxXst]*(,.*)?|0*[2-7][0-7]{3}")


def read(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    return rater.paths.signs(word, "read")


def listed(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    return rater.paths.signs(word, "list")


def written(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    """A file that is written: and read, too, for all one knows."""
    if not stream(word):
        yield Signal("write", f"writes {shown(word.text.replace(HOLE, '…'))}")
    yield from rater.paths.signs(word, "write")
    yield from (sign for sign in rater.paths.signs(word, "read") if sign.effect in {"secret", "private"})


def archive(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    if re.match(r"[^/.]+:", word.text):
        yield Signal(
            "network", shown(word.text), "shell.remote_archive", "an archive of another machine, by rsh or ssh"
        )
    yield from rater.paths.signs(word, "write")


def deleted(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    return rater.paths.signs(word, "delete")


def replaced(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    yield from rater.paths.signs(word, "read")
    yield from rater.paths.signs(word, "write")
    yield from (s for s in rater.paths.signs(word, "delete") if s.effect == "destroy" and not s.what.endswith("space"))


def mode(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    # Taking the bit away harms nobody.
    if _SETUID.fullmatch(word.text) and not re.fullmatch(r"[ugoa]*-.*", word.text):
        yield Signal("escape", f"mode {word.text}", "shell.setuid", "lets others run it with its owner's rights")


Kind = Callable[[Rater, Word, Invocation, str], Iterator[Signal]]
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


def text(_rater: Rater, _word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    yield from ()


def folder(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    """Another folder to work in: outside of the workspace other settings and other files are found."""
    if outside(normal(word.text)) or not word.known:
        yield Signal("look", f"works in {shown(word.text.replace(HOLE, '…'))}")


def script_text(rater: Rater, word: Word, call: Invocation, _language: str) -> Iterator[Signal]:
    yield from rater.script(word.text, call.sources)


def code(rater: Rater, word: Word, _call: Invocation, language: str) -> Iterator[Signal]:
    yield from rater.code(language, word.text)


def script_file(rater: Rater, word: Word, call: Invocation, language: str) -> Iterator[Signal]:
    """A file that is run."""
    if word.stream:
        yield Signal("hidden", "runs what another command prints", "shell.piped_code")
    elif _STREAM.fullmatch(word.text):
        yield from stdin(rater, language or "shell", "standard input", call)
    elif "://" in word.text:
        yield Signal("hidden", f"runs {shown(word.text)} from the network", "shell.remote_code")
    elif not word.known or word.glob:
        yield Signal("computed", f"runs {shown(word.text.replace(HOLE, '…'))}")
    elif word.text.startswith(("/", "~", "../")) and not word.text.startswith("/work/"):
        yield Signal("unknown", f"runs {shown(word.text)}")
    yield from deploys(word.text)
    yield from rater.paths.signs(word, "read")


def target(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    name, sign, value = word.text.partition("=")
    if sign and name.rstrip(":+?") in {"SHELL", ".SHELLFLAGS", "MAKEFLAGS", "MAKE"}:
        yield Signal("hidden", shown(word.text), "shell.make_shell", "decides what make starts")
    if sign and rater.grammar(value.split()[0].rsplit("/", 1)[-1] if value.split() else ""):
        yield from (found for found in rater.script(value) if found.effect not in {"read", "unknown", "look"})
    if _DEPLOYS.search(word.text):
        yield Signal("deploying", shown(word.text), "shell.deploys")
    if not word.known:
        yield Signal("computed", "a target from a variable")


def git_setting(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    if not _QUIET_GIT.fullmatch(word.text):
        yield Signal("hidden", shown(word.text), "shell.git_setting", "a setting of git that may start programs")
    key, _, value = word.text.partition("=")
    if value.startswith("!") or re.search(r"(?i)(command|cmd|editor|pager|helper|hook|fsmonitor)$", key):
        yield from rater.script(value.lstrip("!"))


def evaluated(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    if "$(" in word.text or "`" in word.text:
        yield Signal("hidden", "a command inside of a test", "shell.index")


def date(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    if not word.text.startswith("+"):
        yield Signal("system" if re.match(r"\d{6,}", word.text) else "unknown", f"date {shown(word.text)}")


def assignment(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    if "=" in word.text:
        yield Signal("system", shown(word.text))


def variable_name(rater: Rater, word: Word, call: Invocation, language: str) -> Iterator[Signal]:
    yield from evaluated(rater, word, call, language)
    if any(rater.rules.of("variable", word.text)) or not word.known:
        yield from variable(rater, word.text.replace(HOLE, "…"))


def secret_name(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    if SECRET_NAME.search(word.text) or not word.known:
        yield Signal("private", shown(word.text.replace(HOLE, "…")))


def reference(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    if word.text.startswith(("+", ":")):
        yield Signal("force", shown(word.text), "shell.force_push")
    for rule in rater.rules.of("ref", word.text):
        yield Signal(rule.effect, shown(word.text), rule.rule, rule.message)


def search_pattern(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    """Notice when the name that a search looks for is that of a secret."""
    wild = re.search(r"[*?\[]", word.text) and not re.fullmatch(r"\*+(\.[\w*?]+)?", word.text)
    pattern = glob_expression(word.text) if wild else None
    for rule in rater.rules.by_kind.get("read", ()):
        matches = rule.expression.search(word.text) is not None
        if not matches and pattern is not None and rule.effect != "look":
            matches = any(
                pattern.fullmatch(name) for name in map(posixpath.basename, rule.match) if name[:6] != "config"
            )
        if matches:
            yield Signal("look", shown(word.text), rule.rule, "looks for secrets")


def upload(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    text = word.text.partition("@")[2] or (word.text if "=" not in word.text else "")
    if text and not text.lstrip().startswith(("{", "[")):
        yield from rater.paths.signs(Word(text.split(";")[0], word.glob, word.variable), "read")


def url(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    if word.text.startswith("file:"):
        yield from rater.paths.signs(Word(re.sub(r"^file:(//)?", "", word.text)), "read")
    if re.match(r"(ext|fd)::", word.text):
        yield Signal("hidden", shown(word.text), "shell.remote_helper", "a remote that is a command")
        yield from rater.script(word.text[5:])


def ssh_option(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    key, _, value = word.text.replace(" ", "=", 1).partition("=")
    if key.lower() in {"proxycommand", "localcommand", "knownhostscommand", "permitlocalcommand", "proxyusefdpass"}:
        yield Signal("hidden", shown(word.text), "shell.ssh_command")
        yield from rater.script(value)


def prefixed_script(prefix: str) -> Kind:
    def rate(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
        if word.text.startswith(prefix) or not word.known:
            yield Signal("hidden", shown(word.text))
            yield from rater.script(word.text.removeprefix(prefix))

    return rate


def vim_command(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    yield Signal("hidden" if _VIM.search(word.text) or not word.known else "unknown", shown(word.text))


def makefile(rater: Rater, word: Word, call: Invocation, _language: str) -> Iterator[Signal]:
    if _STREAM.fullmatch(word.text) or word.stream:
        yield Signal("hidden", "a Makefile from a pipe", "shell.piped_code")
        yield from (s for source in call.sources for s in rater.script(source.text or ""))
    yield from rater.paths.signs(word, "read")


def go_package(_rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    if "@" in word.text or not word.known:
        yield Signal("depend", shown(word.text))


def perl_code(rater: Rater, word: Word, _call: Invocation, _language: str) -> Iterator[Signal]:
    yield from rater.code("perl", word.text)


KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "text": text,
        "perhaps": text,
        "cd": folder,
        "placeholder": text,
        "hiddenshell": text,
        "shelltext": text,
        "cmakecommand": text,
        "package": text,
        "program": text,
        "file": read,
        "read": read,
        "list": listed,
        "write": written,
        "delete": deleted,
        "archive": archive,
        "replace": replaced,
        "shell": script_text,
        "code": code,
        "perl": perl_code,
        "script": script_file,
        "target": target,
        "mode": mode,
        "gitconfig": git_setting,
        "evaluated": evaluated,
        "date": date,
        "setting": assignment,
        "variable": variable_name,
        "secretname": secret_name,
        "ref": reference,
        "pattern": search_pattern,
        "upload": upload,
        "url": url,
        "sshoption": ssh_option,
        "checkpoint": prefixed_script("exec="),
        "vimcommand": vim_command,
        "makefile": makefile,
        "gopackage": go_package,
    }
)
