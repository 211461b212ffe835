"""Embedded code of other languages in a command. Rules may only raise: code that runs is never low. Pure."""

import ast
from collections.abc import Iterator
from typing import Final

from risk.bash.quoting import HOLE
from risk.rules import Rules
from risk.signals import Signal, names, shown

_BUILT_IN: Final = names(
    "eval exec compile __import__ globals locals vars breakpoint __builtins__ __loader__ __subclasses__ __globals__"
)
_MODULES: Final = {
    "hidden": names("ctypes pty code codeop marshal pickle shelve imp importlib runpy cffi zipimport dis types bdb"),
    "network": names(
        "socket ssl urllib http ftplib smtplib telnetlib poplib imaplib requests httpx aiohttp urllib3 "
        "socketserver xmlrpc paramiko websocket websockets"
    ),
    "escape": names("subprocess pexpect sh multiprocessing signal resource fcntl commands"),
}
_CALLS: Final = {
    "escape": names(
        "system popen spawn spawnl spawnv spawnlp spawnvp execl execle execlp execv execve execvp execvpe "
        "fork forkpty posix_spawn startfile kill killpg setuid setgid setreuid chroot Popen check_output "
        "check_call getoutput getstatusoutput"
    ),
    "destroy": names("rmtree removedirs"),
    "hidden": names("b64decode b32decode b16decode a85decode unhexlify fromhex decompress loads_unsafe"),
    "private": names("environ getenv environb"),
}


def code_signs(rules: Rules, language: str, text: str) -> Iterator[Signal]:
    """Say what is dangerous about inline code. ``language`` is that of the grammar."""
    if text.strip(HOLE + " \"'") == "" and HOLE in text:
        yield Signal("hidden", "code from a variable", "shell.computed_script")
    elif HOLE in text:
        yield Signal("computed", "code with a variable in it")
    for rule in rules.of("code", text, language):
        yield Signal(rule.effect, "", rule.rule, rule.message)
    if language == "python":
        yield from python_signs(text)


def python_signs(text: str) -> Iterator[Signal]:
    """Say what a piece of Python imports and calls; what does not parse is never low."""
    try:
        # A number parses wherever a value may stand.
        tree = ast.parse(text.replace(HOLE, "0"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield Signal(
            "hidden" if "import" in text or "(" in text else "computed",
            "Python that cannot be parsed",
            "shell.unparsed_code",
        )
        return
    for node in ast.walk(tree):
        for effect, what in suspicious_names(node):
            yield Signal(effect, shown(what), "shell.python_code")


def suspicious_names(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (effect, name) for what one node of a syntax tree imports, calls or reaches by its name."""
    match node:
        case ast.Import(names=names):
            yield from (pair for alias in names for pair in _module(alias.name))
        case ast.ImportFrom(module=module, names=names):
            yield from _module(module or "")
            yield from (pair for alias in names for pair in _called(alias.name))
        case ast.Name(id=name) if name in _BUILT_IN:
            yield "hidden", name
        case ast.Attribute(attr=name):
            yield from (("hidden", name),) if name in _BUILT_IN and name != "compile" else _called(name)
        case ast.Call(func=ast.Name(id="getattr"), args=[_, second, *_]) if not isinstance(second, ast.Constant):
            yield "hidden", "getattr with a computed name"
        case ast.Call(func=ast.Name(id="getattr"), args=[_, ast.Constant(value=str(name)), *_]):
            yield from _called(name)
        case _:
            return


def _module(name: str) -> Iterator[tuple[str, str]]:
    root = name.split(".", maxsplit=1)[0]
    yield from ((effect, name) for effect, modules in _MODULES.items() if root in modules)


def _called(name: str) -> Iterator[tuple[str, str]]:
    yield from ((effect, name) for effect, names in _CALLS.items() if name in names)
