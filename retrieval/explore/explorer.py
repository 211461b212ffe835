"""Explorer of one tree: what a coder opens and searches, answered without any container.

What it is given to read is masked already; what it answers is bounded, and says what was left out.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase

from domain import Refused
from domain.text import LinearPattern, linear, shortened
from domain.weakening import is_test
from retrieval.contract import Reads, Versioned
from retrieval.explore import outline
from retrieval.file_filter import MAX_FILES, is_code, is_text, path_weight, select_files
from retrieval.file_reader import BoundedReader, LoadedTexts, Text
from retrieval.finder import Finder, passages_of
from retrieval.index import CodeIndex, index_file
from retrieval.repomap import Definition

LONG = 300
"""Lines from which on a file is shown as an outline, unless lines are asked for."""
AT_ONCE = 400
"""Lines that are shown at once."""
BEST, PER_FILE = 50, 8
"""Lines of matches that are shown, in all and of one file."""
COUNTED = 120_000
"""Matching lines that are counted."""
SEARCHED_TOKENS = 2_500
_SEARCH_S = 2.0
_READ_S = 20.0
_OUTLINED = 40
"""Files of a folder whose definitions are named."""
_LINE = 200
_DEFINITION = (
    r"(?m)^[ \t]*(?:(?:export|default|pub(?:\(\w+\))?|public|private|protected|internal|static|abstract|final|async"
    r"|unsafe|inline|override|virtual|declare)[ \t]+)*(?:def|class|function\*?|func(?:[ \t]*\([^()\n]*\))?|fn|interface"
    r"|struct|enum|trait|type|const|let|var|val|module|impl|namespace)[ \t]+NAME\b"
    r"|^[ \t]*(?:self\.|this\.|export[ \t]+)?NAME[ \t]*(?::[^=\n]+)?=[^=\n]"
    r"|^[ \t]*(?:async[ \t]+)?NAME\([^()\n]*\)[ \t]*\{"
)
"""A line that defines a name, in the languages of most repositories (RE2)."""
_SUGGESTED = 5


@dataclass(slots=True)
class Explorer:
    """Looks around in one tree, which never changes; keep it as long as the tree is looked at."""

    reads: Reads
    index: CodeIndex = field(default_factory=lambda: CodeIndex(weigh=path_weight), kw_only=True)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True)
    _files: tuple[str, ...] | None = None
    _texts: dict[str, bytes] | None = None
    _unread: set[str] = field(default_factory=set[str])
    """Files that are worth no search by themselves, and were asked for once."""

    async def open(self, path: str, first: int = 0, last: int = 0) -> str:
        """Show lines of a file with their numbers, or the outline of a folder or of a long file.

        Args:
            path: of the file or folder, from the top of the repository.
            first: of the lines, from 1; 0: not said.
            last: inclusive; 0: not said.

        Raises:
            Refused: ``file_not_found`` with the nearest paths, ``file_binary``, ``beyond_the_file``; what ``reads``
                refuses.
        """
        files = await self._paths()
        name = _plain(path)
        if name not in files and (name == "" or any(each.startswith(f"{name}/") for each in files)):
            return await self._folder(name)
        if name not in files:
            ending = [path for path in files if path.endswith(f"/{name}")]
            if len(ending) != 1:
                raise self._missing(name, files, ending)
            # Models leave the first folders of a path out. One file only can be meant, so it costs no turn to ask.
            name = ending[0]
        data = await self.reads.read(name)
        if b"\0" in data[:8_192]:
            raise Refused(f"{name} is binary.", code="file_binary", hint="Open a text file.")
        text = data.decode(errors="replace")
        lines = text.removesuffix("\n").split("\n")
        if not text.strip():
            return f"{name} is empty."
        if not first and not last and len(lines) > LONG:
            definitions = await asyncio.to_thread(self._definitions, name, data)
            return outline.of_file(name, lines, definitions)
        first = max(1, first)
        if first > len(lines):
            raise Refused(
                f"{name} has {len(lines)} lines: there is no line {first}.",
                code="beyond_the_file",
                hint=f"Open {name}:{max(1, len(lines) - 80)}-{len(lines)} for its end.",
            )
        until = max(first, min(len(lines), last or len(lines)))
        shown = min(until, first + AT_ONCE - 1)
        return outline.numbered(name, lines, first, shown, until, ended=text.endswith("\n"))

    async def search(self, query: str, where: str = "", how: str = "words") -> str:
        """Search the tree; the answer is passages or lines with their numbers, best first.

        Args:
            query: words, a regular expression (RE2), or a name.
            where: a folder, a file or a glob; empty: everywhere.
            how: ``words``, ``regex``, or ``name``: definitions first, then uses.

        Raises:
            Refused: ``search_invalid`` for an expression that RE2 does not know, ``file_not_found``.
        """
        files = await self._paths()
        within = files_at(files, _plain(where) if where else "")
        if not within:
            raise self._missing(where, files)
        if not query.strip():
            raise Refused(
                "The search says nothing to look for.", code="search_invalid", hint="Name words or a pattern."
            )
        if how == "words":
            return await self._words(query, where, within)
        texts = await self._read(within)
        if how == "name":
            return await asyncio.to_thread(self._name, query.strip(), texts)
        try:
            # The answer is lines, so ``^`` and ``$`` are theirs.
            pattern = linear(f"(?m){query}")
        except ValueError as error:
            raise Refused(
                f"{query[:200]!r} is no regular expression that can be searched: {error}.",
                code="search_invalid",
                hint="RE2 has no look-around and no back-references. Escape ( ) [ ] . * + ? with a backslash.",
            ) from error
        return await asyncio.to_thread(self._matches, query, pattern, texts)

    def at(self, reads: Reads) -> "Explorer":
        """Look around in another tree of the same repository; what both have is not read anew."""
        return Explorer(reads, index=self.index, clock=self.clock)

    async def _paths(self) -> tuple[str, ...]:
        if self._files is None:
            self._files = tuple(await self.reads.files())
        return self._files

    async def _read(self, paths: Sequence[str]) -> list[Text]:
        """The texts among these paths, each read once for the tree."""
        if self._texts is None:
            searched = select_files(await self._paths(), limit=MAX_FILES)
            reading = BoundedReader(reads=self.reads, clock=self.clock)
            self._texts = dict(await reading.texts(searched, until=self.clock() + _READ_S))
        # Vendored and generated files are searched where somebody names their folder.
        if missing := [path for path in paths[:_OUTLINED] if path not in self._texts and path not in self._unread]:
            reading = BoundedReader(reads=self.reads, clock=self.clock)
            self._texts |= dict(await reading.texts(missing, until=self.clock() + _READ_S))
            self._unread.update(missing)
        return [(path, self._texts[path]) for path in paths if path in self._texts]

    async def _folder(self, folder: str) -> str:
        prefix = f"{folder}/" if folder else ""
        below = [path for path in await self._paths() if path.startswith(prefix)]
        own = [path for path in below if "/" not in path[len(prefix) :] and is_code(path)][:_OUTLINED]
        texts = await BoundedReader(reads=self.reads, clock=self.clock).texts(own, until=self.clock() + _READ_S)
        named = await asyncio.to_thread(lambda: {path: self._definitions(path, data) for path, data in texts})
        return outline.of_folder(folder, below, named)

    def _definitions(self, path: str, data: bytes) -> tuple[Definition, ...]:
        return index_file(path, data.decode(errors="replace")).symbols.definitions if is_text(data) else ()

    def _missing(self, name: str, files: Sequence[str], near: Sequence[str] = ()) -> Refused:
        base = name.rstrip("/").rsplit("/", 1)[-1]
        named: dict[str, list[str]] = {}
        for path in files:
            named.setdefault(path.rsplit("/", 1)[-1], []).append(path)
        close = get_close_matches(base, list(named)[:20_000], n=_SUGGESTED, cutoff=0.6)
        paths = [*near, *named.get(base, ()), *(path for each in close for path in named[each])]
        nearest = ", ".join(list(dict.fromkeys(paths))[:_SUGGESTED])
        return Refused(
            f"There is no {name or 'such path'} in the repository.",
            code="file_not_found",
            hint=f"The nearest are: {nearest}." if nearest else "Open . for its folders, or search.",
        )

    async def _words(self, query: str, where: str, within: Sequence[str]) -> str:
        # Who does not know the hashes of its files is read once for the tree.
        reads = self.reads if isinstance(self.reads, Versioned) else LoadedTexts(dict(await self._read(within)))
        finder = Finder(reads, index=self.index, clock=self.clock)
        ranked = await finder.ranked(query, within=within if where else None)
        passages = passages_of(ranked, budget_tokens=SEARCHED_TOKENS)
        if not passages:
            searched = ranked.coverage.files
            return f"Nothing in {searched} files is about {query[:200]!r}. Try other words, or regex: and a pattern."
        parts: list[str] = []
        for p in passages:
            lines = enumerate(p.text.split("\n"), p.start_line)
            rows = (f"{number:>6} {shortened(line, 2 * _LINE)}" for number, line in lines)
            parts.append("\n".join([f"{p.path}:{p.start_line}-{p.end_line}  ({p.why})", *rows]))
        return _cut("\n\n".join(parts))

    def _name(self, name: str, texts: Sequence[Text]) -> str:
        """Where a name is defined, then where it is used."""
        short = name.rsplit(".", 1)[-1].strip("() ")
        holding = [(path, data) for path, data in texts if short.encode(errors="replace") in data]
        escaped = "".join(char if char.isalnum() or char == "_" else f"\\{char}" for char in short)
        try:
            word, definition = linear(rf"\b{escaped}\b"), linear(_DEFINITION.replace("NAME", escaped))
        except ValueError:
            return f"{name[:200]!r} is no name that could be defined."
        # Of ``Stock.reserve`` the files that also say ``Stock`` are meant; where none does, any ``reserve`` will do.
        owner = name.rpartition(".")[0].rsplit(".", 1)[-1].encode(errors="replace")
        if own := [(path, data) for path, data in holding if owner and owner in data]:
            holding = own
        where = list[str]()
        for path, data in _ordered(holding):
            for at in definition.lines(data, PER_FILE):
                number = data.count(b"\n", 0, at) + 1
                where.append(f"{path}:{number}: {_line_at(data, at)}")
            if len(where) >= BEST:
                break
        uses = self._matches(name, word, holding, leaving=frozenset(row.split(": ", 1)[0] for row in where))
        head = "Defined in:\n" + "\n".join(where) if where else f"No definition of {name[:200]!r} was found."
        return _cut(f"{head}\n\nUsed in:\n{uses}")

    def _matches(
        self, query: str, pattern: LinearPattern, texts: Sequence[Text], leaving: frozenset[str] = frozenset()
    ) -> str:
        """The lines that match: how many, and the best of them."""
        counts: Counter[str] = Counter()
        shown: dict[str, list[str]] = {}
        # Time of this thread alone: on a busy machine a search must not find less than on an idle one.
        ends = time.thread_time() + _SEARCH_S
        complete = True
        for path, data in _ordered(texts):
            # Bounded by matches and by time: a pattern may match every line of a large tree.
            if counts.total() >= COUNTED or time.thread_time() > ends:
                complete = False
                break
            number, before = 1, 0
            for at in pattern.lines(data, COUNTED - counts.total()):
                counts[path] += 1
                if len(shown.setdefault(path, [])) >= PER_FILE:
                    continue
                number, before = number + data.count(b"\n", before, at), at
                if f"{path}:{number}" not in leaving:
                    shown[path].append(f"{path}:{number}: {_line_at(data, at)}")
        if not counts:
            return f"Nothing matches {query[:200]!r} in {len(texts)} files."
        rows = [row for lines in shown.values() for row in lines][:BEST]
        total = f"{counts.total():,}" if complete else f"More than {counts.total():,}"
        head = f"{total} {'line matches' if counts.total() == 1 else 'lines match'} in {len(counts)} files"
        if len(rows) < counts.total() - len(leaving):
            most = ", ".join(f"{path} ({count:,})" for path, count in counts.most_common(_SUGGESTED))
            head += (
                f"; {len(rows)} of them are shown. Most are in {most}. "
                "To see others, narrow the pattern, or name a folder or file with in:"
            )
        return "\n".join([f"{head}.", *rows])


def _plain(path: str) -> str:
    path = path.strip().strip("`'\"").removeprefix("/work/repo")
    while path.startswith(("./", "/")):
        path = path.removeprefix(".").lstrip("/")
    return path.rstrip("/").removesuffix("/.") if path not in {".", ""} else ""


def files_at(files: Sequence[str], where: str) -> tuple[str, ...]:
    """Files at a path, below it, or that a glob matches; all where it is empty."""
    if not where:
        return tuple(files)
    folder = where.removesuffix("/**").removesuffix("/*")
    below = tuple(path for path in files if path == folder or path.startswith(f"{folder}/"))
    if below or not any(char in where for char in "*?["):
        return below
    glob = where.replace("**/", "*")
    return tuple(path for path in files if fnmatchcase(path, glob) or fnmatchcase(path.rsplit("/", 1)[-1], glob))


def _ordered(texts: Sequence[Text]) -> list[Text]:
    """Code first, then other files; tests last."""
    return sorted(texts, key=lambda text: (is_test(text[0]), not is_code(text[0]), text[0]))


def _line_at(data: bytes, at: int) -> str:
    """The text of the line that begins at a place, without its indentation."""
    end = data.find(b"\n", at)
    line = data[at : end if end >= 0 else len(data)][: 4 * _LINE].decode(errors="replace")
    return line.strip()[:_LINE]


def _cut(text: str) -> str:
    """The start and the end of an answer that is too long."""
    most = outline.SHOWN
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n… {len(text) - most:,} characters are left out here …\n{text[-most // 2 :]}"
