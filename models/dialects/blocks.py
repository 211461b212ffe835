"""Block parser: what one fenced block means: an action, a part of an edit, or nothing but an illustration. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from domain.coder import EditBlock
from models.dialects import markers
from models.dialects.calls import use_values
from models.dialects.fences import Block

Kind = Literal["open", "search", "run", "edit", "done", "ask", "use"]
_WORDS_OF = {
    "open": "open read view cat",
    "search": "search grep find",
    "run": "run exec execute",
    "edit": "edit replace update",
    "write": "write create",
    "delete": "delete remove",
    "done": "done finish submit",
    "ask": "ask question",
    "use": "use use_tool call_tool",
}
VERBS = {word: verb for verb, words in _WORDS_OF.items() for word in words.split()}
"""First word of an info string → what is to be done."""
_SHELLS = frozenset({"bash", "sh", "shell", "console", "zsh", "shellsession", "shell-session", "terminal"})
_DIFFS = frozenset({"diff", "patch", "udiff"})
_SILENT = frozenset({"", "text", "txt", "plaintext", "output", "log", "traceback", "pytb", "none"})
_PATH = re.compile(r"(?=.{1,500}$)[^\s<>|;(){}\"'`$*?=,:#!&\[\]]{1,500}$")
_EXTENSION = re.compile(r"\.[A-Za-z0-9_]{1,12}$")
_BARE_NAMES = frozenset({"Makefile", "Dockerfile", "LICENSE", "README", "Procfile", "Gemfile", "Rakefile", "Justfile"})
_LABEL = re.compile(r"(?:path|file|filename|title|name)[ \t]{0,4}[=:][ \t]{0,4}", re.IGNORECASE)
_COMMENT = re.compile(r"[ \t]{0,4}(?:#|//|--|;|/\*|<!--)[ \t]{0,4}(?:(?:path|file|filename)[ \t]{0,4}:)?(.{1,500})$")
_RANGE = re.compile(
    r"(?P<path>.*?)(?:[:#][ \t]{0,3}L?|[ \t]{1,5}(?:lines?[ \t]{1,5})?|[ \t]{0,5}\([ \t]{0,3}(?:lines?[ \t]{1,5})?)"
    r"(?P<first>\d{1,9})?(?P<dash>[ \t]{0,3}(?:-|–|\.\.|:|,|to)[ \t]{0,3}L?(?P<last>\d{1,9})?)?\)?$"
)
_DEFINITION = re.compile(
    r"\s{0,40}(?:export\b|default\b|pub\b|public\b|private\b|protected\b|static\b|abstract\b|final\b|async\b|unsafe\b|\s)*"
    r"(?:def|class|function|func|fn|interface|struct|impl|enum|trait|module)\b|\s{0,40}(?:const|let|var)\s{1,5}\w+\s*=\s*"
    r"(?:async\b)?\s*(?:function\b|\()"
)
_PROMPT = re.compile(r"[ \t]{0,4}(?:\$|>>>|%)[ \t](.*)$")
_TEMPLATES = ("exact lines of the file", "what stands there afterwards", "path/of/the/file")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedBlock:
    """What a block says. ``edits`` for the kind ``edit``, ``values`` of the action for all others."""

    kind: Kind
    edits: tuple[EditBlock, ...] = ()
    values: tuple[tuple[str, Any], ...] = ()
    problem: str = ""
    """Why it cannot be done, in words for the model."""
    code: str = ""
    weak: bool = False
    """It may be an illustration: what is said more plainly elsewhere in the answer comes first."""


def parse_block(block: Block) -> ParsedBlock | None:
    """Read a block; None: an illustration."""
    # Small models give the form back that they were shown: carried out, it would edit a file of that name.
    if any(line in block.body for line in _TEMPLATES):
        return ParsedBlock(kind="edit", problem="You copied the template.", code="template_copied")
    word, rest = split_info(block.info)
    verb = VERBS.get(word.lower())
    body = block.body
    if verb is None and word.lower() in _SHELLS and not (rest and looks_like_path(_path(rest)) and body):
        if markers.has_markers(body):
            return _edit(_before(block), body, "")
        command = unprompted(body)
        return ParsedBlock(kind="run", values=(("command", command),)) if command else None
    if verb is None and word.lower() in _DIFFS:
        return _diff(_path(rest), body)
    if verb is None:
        return _of_language(block, word, rest)
    return use_block(rest, body) if verb == "use" else _of_verb(verb, rest, block)


def use_block(rest: str, body: str) -> ParsedBlock:
    """A call of a server's tool: its name behind the verb or on the first line, then its arguments."""
    if not rest:
        rest, _, body = body.strip().partition("\n")
    values, wrong = use_values(rest, body)
    return ParsedBlock(
        kind="use",
        values=tuple(values.items()),
        problem=f"The use block cannot be used: {wrong}." if wrong else "",
        code="bad_arguments" if wrong else "",
    )


def _of_verb(verb: str, rest: str, block: Block) -> ParsedBlock:
    body = block.body
    match verb:
        case "open":
            first, *more = [line for line in (rest, *body.split("\n")) if line.strip()] or [""]
            path, start, end = place_of(first.strip())
            others = ", ".join(line.strip() for line in more)[:300]
            return ParsedBlock(
                kind="open",
                values=(("path", path), ("first", start), ("last", end)),
                problem=f"Only the first file was opened, not {others}." if more else "",
            )
        case "search":
            return ParsedBlock(
                kind="search", values=search_values([line for line in (rest, *body.split("\n")) if line.strip()])
            )
        case "run":
            command = unprompted("\n".join(part for part in (rest, body) if part.strip()))
            return ParsedBlock(kind="run", values=(("command", command),))
        case "done":
            message, _, notes = "\n".join(part for part in (rest, body) if part.strip()).strip().partition("\n")
            return ParsedBlock(kind="done", values=(("message", message.strip()), ("notes", notes.strip())))
        case "ask":
            question = "\n".join(part for part in (rest, body) if part.strip()).strip()
            return ParsedBlock(kind="ask", values=(("question", question),))
        case "delete":
            paths = [_path(line) for line in (rest, *body.split("\n")) if line.strip()]
            return ParsedBlock(kind="edit", edits=tuple(EditBlock(path=path[:1_000], delete=True) for path in paths))
        case _:
            path = _path(rest)
            if not path:
                path, body = _first_line(body, _before(block))
            if verb == "write":
                return ParsedBlock(kind="edit", edits=_contents(path, body, ""))
            return _edit(path, body, "")


def _of_language(block: Block, word: str, rest: str) -> ParsedBlock | None:
    """A block of code: an edit where its path is said, or where it is a definition."""
    body, language = block.body, word if not looks_like_path(word) else ""
    path = word if looks_like_path(word) and ("/" in word or _EXTENSION.search(word)) else ""
    if not path and looks_like_path(_path(rest)):
        path = _path(rest)
    if not path:
        path, body = _commented(body)
    path = path or _before(block)
    if not path and markers.has_markers(body):
        path, body = _first_line(body, "")
    if markers.has_markers(body):
        return _edit(path, body, language)
    if path and (body.strip() or word):
        return ParsedBlock(kind="edit", edits=_contents(path, body, language), weak=path == _before(block))
    # Data without a path is a call in words, mostly: the caller reads it as that.
    if language.lower() in {"json", "jsonc", "json5"}:
        return None
    # A definition can be placed without a path: the ladder looks for its name in the repository.
    if language.lower() not in _SILENT and defines(body):
        return ParsedBlock(kind="edit", edits=_contents("", body, language), weak=True)
    return None


def _edit(path: str, body: str, language: str) -> ParsedBlock:
    """Groups between markers, a unified diff, or a whole file."""
    if markers.has_markers(body):
        groups, whole = markers.groups(body)
        here, edits = path, list[EditBlock]()
        for group in groups:
            named = _path(group.before)
            # Several files in one block: a path before a group counts for those that follow, too.
            here = named if looks_like_path(named) and ("/" in named or _EXTENSION.search(named)) else here
            edits.append(
                EditBlock(path=here[:1_000], search=group.search, replace=group.replace, language=language[:200])
            )
        if whole or edits:
            wrong = "" if whole else "A search without its end marker was left out."
            return ParsedBlock(kind="edit", edits=tuple(edits), problem=wrong)
        return ParsedBlock(kind="edit", problem="The markers of the edit are not complete.", code="no_action")
    if body.startswith(("--- ", "@@ ", "diff --git ")) and (part := _diff(path, body)) is not None:
        return part
    return ParsedBlock(kind="edit", edits=_contents(path, body, language))


def _contents(path: str, body: str, language: str) -> tuple[EditBlock, ...]:
    return (EditBlock(path=path[:1_000], content=markers.unended(body), language=language[:200]),)


def looks_like_path(text: str) -> bool:
    """Tell whether a word is a path of a file."""
    if not _PATH.match(text) or text.startswith("--") or set(text) <= set("./-_=~+@"):
        return False
    return "/" in text or bool(_EXTENSION.search(text)) or text in _BARE_NAMES


def place_of(text: str) -> tuple[str, int, int]:
    """``src/a.py:1-80`` as path, first and last line (0: not said)."""
    text = _unquoted(text)
    match = _RANGE.match(text[:1_200])
    if match is None or not match["path"].strip() or not (match["first"] or match["dash"]):
        return text.removesuffix(":"), 0, 0
    first, last = int(match["first"] or 0), int(match["last"] or 0)
    return _unquoted(match["path"].strip()), first, last if not last or last >= first else first


def defines(body: str) -> bool:
    """Tell whether code begins with a definition; comments, decorators and imports may come first."""
    for line in body.split("\n")[:60]:
        stripped = line.strip()
        if stripped and not stripped.startswith(("#", "//", "/*", "*", "@", "import ", "from ", "use ", "using ")):
            return _DEFINITION.match(line[:300]) is not None
    return False


def unprompted(text: str) -> str:
    """A command without the prompt in front of it, and without what is printed below."""
    lines = text.strip().split("\n")
    # A session as it stands in documentation: typed lines have a prompt, the output below them has none.
    typed = [match[1] for line in lines if (match := _PROMPT.match(line))]
    return "\n".join(typed if typed and _PROMPT.match(lines[0]) else lines).strip()


def search_values(lines: list[str]) -> tuple[tuple[str, Any], ...]:
    """What a search block says: ``query``, ``where`` and ``how``, each once; the first line is the query, mostly."""
    query, where, how = "", "", "words"
    for line in lines:
        key, colon, text = line.strip().partition(":")
        key, text = key.lower().strip(), text.removeprefix(" ")
        if colon and key in {"in", "where", "path"} and query:
            where = _unquoted(text)
        elif colon and key in {"regex", "regexp", "name", "words", "query"} and not query:
            how = {"regexp": "regex", "query": "words"}.get(key, key)
            query = text
        else:
            query = query or line.strip()
    return (("query", query), ("where", where), ("how", how))


def _diff(path: str, text: str) -> ParsedBlock | None:
    """The edits that a unified diff means; what its headers count is not believed."""
    lines = text.removesuffix("\n").split("\n")
    hunk, inside = _Hunk(path, path), False
    edits: list[EditBlock] = []
    for line, following in pairwise([*lines, ""]):
        # Models forget headers of hunks, and write wrong line numbers into them: lines with a sign are a hunk anyway.
        if line.startswith("--- ") and following.startswith("+++ "):
            edits += hunk.flush()
            hunk.old, hunk.new, inside = _side(line[4:], "a/"), _side(following[4:], "b/"), False
        elif line.startswith(("@@", "diff --git ")):
            edits += hunk.flush()
            inside = line.startswith("@@")
        elif inside or (line[:1] and line[0] in "+- " and not line.startswith("+++ ")):
            inside = True
            hunk.take(line)
    edits += hunk.flush()
    return ParsedBlock(kind="edit", edits=tuple(edits)) if edits else None


@dataclass(slots=True)
class _Hunk:
    """The place in a unified diff that is being read."""

    old: str
    new: str
    before: list[str] = field(default_factory=list[str])
    after: list[str] = field(default_factory=list[str])
    last: list[list[str]] = field(default_factory=list[list[str]])
    """The sides that have the line that was read last."""

    def take(self, line: str) -> None:
        if line.startswith("\\"):  # "\ No newline at end of file" is about the line above it
            for side in self.last:
                side[-1:] = [each.removesuffix("\n") for each in side[-1:]]
            return
        text = f"{line[1:] if line[:1] in ('+', '-', ' ') else line}\n"
        self.last = [side for side, other in ((self.before, "+"), (self.after, "-")) if line[:1] != other]
        for side in self.last:
            side.append(text)

    def flush(self) -> Iterator[EditBlock]:
        """The edit that was read, if there is one."""
        where = (self.new if self.new != "/dev/null" else self.old)[:1_000]
        if self.new == "/dev/null" and self.before:
            yield EditBlock(path=where, delete=True)
        elif self.old == "/dev/null" and self.after:
            yield EditBlock(path=where, content="".join(self.after))
        elif self.before != self.after:
            yield EditBlock(path=where, search="".join(self.before), replace="".join(self.after))
        self.before, self.after, self.last = [], [], []


def _side(text: str, prefix: str) -> str:
    return _unquoted(text.split("\t", 1)[0].strip()).removeprefix(prefix)


def split_info(info: str) -> tuple[str, str]:
    """The first word of an info string, and the rest: also of ``edit:a.py`` and ``{.bash}``."""
    word, _, rest = info.strip().partition(" ")
    head, colon, tail = word.partition(":")
    if colon and tail and "/" not in head and "." not in head:
        return head, f"{tail} {rest}".strip()
    return word.removesuffix(":").lstrip(".{") if not looks_like_path(word) else word, rest.strip()


def _path(text: str) -> str:
    text = text.strip()
    label = _LABEL.match(text)
    return _unquoted(text[label.end() :].strip() if label else text)


def _unquoted(text: str) -> str:
    text = text.strip()
    for mark in ("**", "`", '"', "'"):
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark):
            text = text[len(mark) : -len(mark)].strip()
    return text


def _before(block: Block) -> str:
    """The path that stands on the line before a fence, alone or at its end."""
    line = block.before.strip("*#:` \t").strip()
    for text in (line, line.rsplit(maxsplit=1)[-1].strip("*#:`'\"()") if line else ""):
        if looks_like_path(text) and (_EXTENSION.search(text) or text in _BARE_NAMES):
            return text
    return ""


def _first_line(body: str, before: str) -> tuple[str, str]:
    """The path on the first line of a block, and the rest of it."""
    first, _, rest = body.partition("\n")
    label = _path(first.strip().removesuffix(":"))
    if looks_like_path(label):
        return label, rest
    path, stripped = _commented(body)
    return (path, stripped) if path else (before, body)


def _commented(body: str) -> tuple[str, str]:
    """The path in a comment on the first line of a block, and the rest of it."""
    first, _, rest = body.partition("\n")
    match = _COMMENT.match(first[:600])
    label = match[1].strip().removesuffix("*/").removesuffix("-->").strip() if match else ""
    label = _unquoted(label.removesuffix(":"))
    # A comment that only ends like a file ("# see a.py") is none: it has to be a path and nothing else.
    return (label, rest) if label and looks_like_path(label) and _EXTENSION.search(label) else ("", body)
