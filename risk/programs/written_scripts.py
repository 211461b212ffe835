"""Scripts that a command writes into files: they are read before anybody runs them. Pure."""

import posixpath
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from risk.bash.pipes import printed
from risk.bash.script import Invocation, Source
from risk.bash.words import Word
from risk.contract import Rater
from risk.programs.embedded_code import code_signs
from risk.signals import Signal, shown

_LANGUAGES: Final = MappingProxyType(
    {
        ".sh": "shell",
        ".bash": "shell",
        ".zsh": "shell",
        ".ksh": "shell",
        ".command": "shell",
        ".py": "python",
        ".js": "javascript",
        ".mjs": "javascript",
        ".cjs": "javascript",
        ".ts": "javascript",
        ".rb": "ruby",
        ".pl": "perl",
        ".php": "php",
        ".lua": "lua",
    }
)
_SHEBANG = re.compile(r"#!.*?\b(bash|sh|zsh|dash|ksh|python|node|perl|ruby|php|lua)")


def written_scripts(rater: Rater, call: Invocation) -> Iterator[Signal]:
    """Rate what ``cat > x.sh <<EOF`` and ``echo … > x.py`` put into a file, when that would need a signature."""
    # ``tee`` names its files as arguments.
    sinks = (*call.sinks, *(call.words[1:] if call.words and call.words[0].text == "tee" else ()))
    text = printed(Source(commands=(call,))) if sinks else None
    if not text:
        return
    for sink in sinks:
        language = script_language(sink, text)
        if language is None:
            continue
        signs = rater.script(text) if language == "shell" else code_signs(rater.rules, language, text)
        bad = next((sign for sign in signs if rater.rules.effects[sign.effect].sealed in {"high", "critical"}), None)
        if bad is not None:
            message = bad.message or rater.rules.effects[bad.effect].message
            yield Signal("scripted", f"{shown(sink.text)}: {message} {bad.what}".strip(), "shell.writes_script")


def script_language(sink: Word, text: str) -> str | None:
    """The language of a text that goes into a file: by its first line, else by the file's name; None for no script."""
    named = _SHEBANG.match(text)
    if named is None:
        return _LANGUAGES.get(posixpath.splitext(sink.text)[1])
    return "shell" if named[1].endswith("sh") else {"node": "javascript"}.get(named[1], named[1])
