"""Mentions: files and lines that a question names beyond its words, and what the code there calls. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.chunks import Chunk
from retrieval.repomap import uses_of
from retrieval.trace import locations, named, resolve

MOST = 60


@dataclass(frozen=True, slots=True)
class QueryMentions:
    """Files and lines of the repository that a text names, the most telling first."""

    lines: tuple[tuple[str, int], ...] = ()
    files: tuple[str, ...] = ()

    @property
    def near(self) -> dict[str, list[int]]:
        """The lines by their path."""
        grouped: dict[str, list[int]] = {}
        for path, line in self.lines:
            grouped.setdefault(path, []).append(line)
        return grouped


def mentions(text: str, hints: Sequence[str], files: Sequence[str]) -> QueryMentions:
    """Find what ``text`` and ``hints`` name of ``files``; frames of foreign code are passed over."""
    places, names = locations(text)[-MOST:], (*hints, *named(text)[:MOST])
    by_name: dict[str, list[str]] = {}
    for file in files if places or names else ():
        by_name.setdefault(file.rsplit("/", 1)[-1], []).append(file)

    def find(path: str) -> str | None:
        return resolve(path, by_name.get(path.replace("\\", "/").rsplit("/", 1)[-1], ()))

    lines = [(file, each.line) for each in places if (file := find(each.path))]
    named_files = [file for name in names if (file := find(name))]
    # Last mentioned, most telling: a traceback ends where it broke.
    lines.reverse()
    return QueryMentions(tuple(lines), tuple(dict.fromkeys((*named_files, *(path for path, _ in lines)))))


def at_lines(chunks: Sequence[Chunk], lines: Sequence[tuple[str, int]]) -> list[int]:
    """Return the indices of the chunks that hold these lines, in their order, each once."""
    by_path: dict[str, list[int]] = {}
    for index, c in enumerate(chunks if lines else ()):
        by_path.setdefault(c.path, []).append(index)
    hit = [
        i for path, line in lines for i in by_path.get(path, ()) if chunks[i].start_line <= line <= chunks[i].end_line
    ]
    return list(dict.fromkeys(hit))


def called_by(chunks: Sequence[Chunk], origins: Sequence[int]) -> list[int]:
    """Return the indices of the definitions that the chunks ``origins`` name, the rarest names first."""
    where: dict[str, list[int]] = {}
    for index, c in enumerate(chunks if origins else ()):
        if short := c.name.rsplit(".", 1)[-1]:
            where.setdefault(short, []).append(index)
    seen = set(origins)
    called: list[tuple[int, int]] = []
    for origin in origins:
        for name in uses_of(chunks[origin].text):
            if len(places_ := where.get(name, [])) <= MOST // 10:
                called += [(len(places_), index) for index in places_ if index not in seen]
    return list(dict.fromkeys(index for _, index in sorted(called, key=lambda pair: pair[0])))
