"""Shell scripts, rated by everything they would run. Default deny: what is not proven harmless is not low. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import tree_sitter_bash
from tree_sitter import Language, Parser

from risk.bash.ambiguities import broken_words, surrounded
from risk.bash.parser import read_script
from risk.bash.quoting import HOLE, MARKS
from risk.bash.sanitize import narrowed
from risk.bash.script import Redirect, Script, Source
from risk.bash.variables import constants
from risk.bash.words import Word
from risk.paths import PathRater
from risk.programs.argument_kinds import SECRET_NAME
from risk.programs.invocations import Effort, InvocationRater
from risk.programs.written_scripts import written_scripts
from risk.rules import Rules
from risk.signals import Signal, shown

_DEEPEST = 12
_CHARS_PER_WORD = 10
"""Of a script, as its reading is charged."""
_ENDLESS = re.compile(r"\b(while\s+(true|:|\[\s*1\s*\])|until\s+false)\s*[;\n]|for\s*\(\(\s*;\s*;\s*\)\)")
_ENDS = re.compile(r"\b(break|exit|return|exec)\b")
_USED = re.compile(r"\$\{?[!#]?([A-Za-z_]\w*)")


def bash() -> Language:
    return Language(tree_sitter_bash.language())


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellRater:
    """Reads scripts. ``depth`` counts scripts within scripts."""

    rules: Rules
    language: Language = field(default_factory=bash)
    depth: int = 0
    effort: Effort = field(default_factory=Effort)

    def signs(self, text: str, sources: tuple[Source, ...] = ()) -> Iterator[Signal]:
        """Say everything about a script; the text is what bash would get."""
        if self.depth > _DEEPEST or not self.effort.spent(1 + len(text) // _CHARS_PER_WORD):
            yield Signal("unread", "scripts within scripts within scripts", "shell.nested")
            return
        if not self.effort.parsed(len(text)):
            # Critical, not merely unread: padding must not keep what is worse than unread from being seen.
            yield Signal("endless", "scripts that are too long together", "content.endless")
            return
        # A script may hold our own marks, and have text taken for braces.
        narrow, back = narrowed(MARKS.sub("\ufffd", text))
        silent = True
        for sign in self._script(narrow, sources):
            silent = False
            yield replace(sign, what=sign.what.translate(back)) if back else sign
        if silent:
            yield Signal("read", "nothing runs")

    def _script(self, text: str, sources: tuple[Source, ...]) -> Iterator[Signal]:
        source = text.encode()
        root = Parser(self.language).parse(source).root_node
        script = read_script(root, constants(root), sources)
        # The parser recovers from everything; what it skipped, bash may run.
        if root.has_error or surrounded(root, source):
            script.troubles.append("the shell's grammar has no place for some of it")
        yield from (Signal("unread", shown(trouble), "shell.unparsed") for trouble in dict.fromkeys(script.troubles))
        if broken_words(text):
            yield Signal("unread", "a word that is broken over two lines", "shell.broken_word")
        for inner in script.scripts:
            yield from self._deeper(inner, ())
        yield from self._variables(script)
        if _ENDLESS.search(text) and not _ENDS.search(text):
            yield Signal("run", "a loop", "shell.endless", "may never end")
        # Variables of the environment that are named like a secret, wherever they are used.
        own = {assignment.name for assignment in script.assignments}
        for name in dict.fromkeys(_USED.findall(text)):
            if name not in own and SECRET_NAME.search(name):
                yield Signal("private", f"${shown(name)}", "variable.secret")
        # Relative paths may start in any folder that the script changes to.
        moves = [i.words for i in script.invocations if i.words and i.words[0].text in {"cd", "pushd"}]
        bases = dict.fromkeys(["", *(cd_goal(words[1:]) for words in moves)])
        judge = InvocationRater(
            rules=self.rules,
            paths=PathRater(rules=self.rules, bases=tuple(bases)[:8]),
            shell=self._deeper,
            effort=self.effort,
        )
        for redirect in script.redirects:
            yield from redirect_signs(redirect, judge.paths)
        for invocation in script.invocations:
            yield from judge.signs(invocation)
            yield from written_scripts(judge, invocation)
        # The whole is at least high by now; a piece of it may be worse.
        if script.troubles:
            yield from self._fragments(text)

    def _deeper(self, text: str, sources: tuple[Source, ...]) -> Iterator[Signal]:
        if HOLE in text:
            yield Signal("hidden", "a script that is put together when it runs", "shell.computed_script")
        yield from replace(self, depth=self.depth + 1).signs(text.replace(HOLE, "$_"), sources)

    def _variables(self, script: Script) -> Iterator[Signal]:
        for assignment in script.assignments:
            for rule in self.rules.of("variable", assignment.name):
                yield Signal(rule.effect, assignment.name, rule.rule, rule.message)
            if "$(" in assignment.value.text or "`" in assignment.value.text:
                yield Signal("hidden", f"{assignment.name} holds commands", "shell.stored_command")
            if (assignment.prefix or assignment.exported) and not any(self.rules.of("variable", assignment.name)):
                yield Signal(
                    "setting" if assignment.name in self.rules.settings else "unknown", f"sets {assignment.name}"
                )
        # The shell evaluates ``a[$(id)]`` inside of tests and arithmetic even when it is quoted.
        if any("$(" in word.text or "`" in word.text for word in script.tests):
            yield Signal("hidden", "a command inside of an array's index", "shell.index")

    def _fragments(self, text: str) -> Iterator[Signal]:
        """What cannot be parsed as a whole may still hold something worse than that."""
        for separator in ("\n", ";"):
            pieces = [piece.strip() for piece in text.split(separator)]
            for piece in pieces if 1 < len(pieces) <= 60 else ():  # noqa: PLR2004
                if piece:
                    # Four levels at once: pieces of pieces of pieces are enough.
                    yield from replace(self, depth=self.depth + 4).signs(piece)


def cd_goal(words: tuple[Word, ...]) -> str:
    """Where ``cd`` goes: home without an argument, and who knows where with a dash."""
    named = [word.text for word in words if not word.text.startswith("-") or word.text == "-"]
    return HOLE if named[:1] == ["-"] else named[0] if named else "~"


def redirect_signs(redirect: Redirect, paths: PathRater) -> Iterator[Signal]:
    """Rate one redirection by its operator and its file."""
    target: Word = redirect.target
    if "/dev/tcp/" in target.text or "/dev/udp/" in target.text:
        yield Signal("network", shown(target.text), "shell.dev_tcp", "opens a connection")
    if redirect.operator.startswith("<") and redirect.operator != "<>":
        yield from paths.signs(target, "read")
        return
    yield from paths.signs(target, "write")
    if target.text not in {"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"} and not target.stream:
        yield Signal("write", f"writes {shown(target.text)}", "shell.redirect")
