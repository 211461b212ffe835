"""Context of the coder and the planner: passages of a tree, how they are cited (A6), the repository's instructions.

Texts are in UTF-8, whatever the file is in, and masked whole before anything is cut out of them: half a secret looks
like none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from domain import Refused
from domain.masking import Masker
from nodes._masking import Masks, shown
from retrieval import CodeIndex, Finder, IndexFolder, Passage
from retrieval.explore import Explorer
from sandbox import Store, Texts

CONTEXT_TOKENS, NEWS_TOKENS = 6_000, 2_000
LISTED = 150
INSTRUCTIONS = ("AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md")
"""Files in which people say how to work in their repository, the first one that is there."""
INSTRUCTION_CHARS = 8_000
_FILE_BYTES = 200_000
_TREE_BYTES = 16 << 20
_TREES = 4
"""Trees whose files are kept in memory."""


@dataclass(slots=True)
class TreeFiles:
    """The files of one tree in the store, as retrieval wants to read them, and as its readers may see them."""

    store: Store
    run: str
    tree: str
    masker: Masker
    _texts: Texts = field(init=False)
    _versions: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self._texts = Texts(self.store, self.run)

    async def files(self) -> tuple[str, ...]:
        return tuple(await self.versions())

    async def versions(self) -> dict[str, str]:
        """See ``Versioned``. What the same content is in another tree of the repository is known there already."""
        if self._versions is None:
            self._versions = await self.store.versions(self.run, self.tree)
        return self._versions

    async def private(self) -> frozenset[str]:
        """See ``Versioned``: what the run changed goes with the run."""
        base, own = self.store.pinned(self.run).tree, await self.versions()
        if self.tree == base:
            return frozenset()
        pinned = await self.store.versions(self.run, base)
        return frozenset(path for path, content in own.items() if pinned.get(path) != content)

    async def read(self, path: str) -> bytes:
        text = await self.text(path, await self.store.read(self.run, self.tree, path))
        if text is None:
            raise _binary(path)
        return text

    async def read_many(self, paths: Sequence[str], *, limit: int) -> dict[str, bytes]:
        contents = await self.store.read_many(self.run, self.tree, paths, limit=limit)
        texts = {path: await self.text(path, data) for path, data in contents.items()}
        return {path: text for path, text in texts.items() if text is not None}

    async def text(self, path: str, data: bytes) -> bytes | None:
        """What is to be seen of a file's bytes; None: it is binary."""
        if not data.isascii() or b"\r" in data:
            file = await self._texts.decoded(path, data)
            if file is None:
                return None
            data = data if file.plain else file.view.encode()
        return shown(path, data, self.masker)


@dataclass(slots=True)
class KeptFiles:
    """The files of one tree, read once. A coder that looks around asks for the same ones again and again."""

    source: TreeFiles
    index: CodeIndex
    paths: tuple[str, ...] = ()
    raw: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Bytes of the files that were read ahead."""
    seen: dict[str, bytes | None] = field(default_factory=dict[str, bytes | None])
    """Texts; None: binary."""
    explorer: Explorer = field(init=False)

    def __post_init__(self) -> None:
        self.explorer = Explorer(self, index=self.index)

    async def files(self) -> tuple[str, ...]:
        return self.paths

    async def versions(self) -> dict[str, str]:
        """See ``TreeFiles.versions``."""
        return await self.source.versions()

    async def private(self) -> frozenset[str]:
        """See ``TreeFiles.private``."""
        return await self.source.private()

    async def read(self, path: str) -> bytes:
        """See ``TreeFiles.read``."""
        if path not in self.seen:
            data = self.raw.get(path)
            if data is None:
                data = await self.source.store.read(self.source.run, self.source.tree, path)
            self.seen[path] = await self.source.text(path, data)
        if (text := self.seen[path]) is None:
            raise _binary(path)
        return text

    async def read_many(self, paths: Sequence[str], *, limit: int) -> dict[str, bytes]:
        """See ``TreeFiles.read_many``."""
        missing = [path for path in paths if path not in self.raw and path not in self.seen]
        store, run, tree = self.source.store, self.source.run, self.source.tree
        contents = await store.read_many(run, tree, missing, limit=limit) if missing else {}
        texts: dict[str, bytes] = {}
        for path in paths:
            if path not in self.seen and (data := contents.get(path, self.raw.get(path))) is not None:
                self.seen[path] = await self.source.text(path, data)
            text = self.seen.get(path)
            if text is not None and len(text) <= limit:
                texts[path] = text
        return texts


@dataclass(frozen=True, slots=True)
class RecentTrees:
    """The trees that were looked at last. What is under a tree's id never changes."""

    store: Store
    masks: Masks
    indexes: IndexFolder = field(default_factory=IndexFolder)
    kept: dict[tuple[str, str], KeptFiles] = field(default_factory=dict[tuple[str, str], KeptFiles], repr=False)

    async def of(self, run: str, tree: str) -> KeptFiles:
        """The files of a tree of a run."""
        if (files := self.kept.pop((run, tree), None)) is None:
            source = TreeFiles(self.store, run, tree, await self.masks(run))
            files = KeptFiles(source, self.indexes.of(self.store.pinned(run).repo), await source.files())
            before = next((each for (owner, _), each in reversed(self.kept.items()) if owner == run), None)
            if before is not None:
                changed = set(await self.store.changed(run, before.source.tree, tree))
                files.seen = {path: text for path, text in before.seen.items() if path not in changed}
                files.raw = {path: data for path, data in before.raw.items() if path not in changed}
            elif len(files.paths) <= _TREE_BYTES // (8 << 10):
                # A small repository is read in one go: git takes longer to start than to read it.
                files.raw = await self.store.read_many(run, tree, files.paths, limit=_FILE_BYTES)
            while len(self.kept) >= _TREES:
                self.kept.pop(next(iter(self.kept)), None)
        self.kept[run, tree] = files
        return files


def _binary(path: str) -> Refused:
    return Refused(f"{path} is binary.", code="file_binary", hint="Name a text.")


async def gather(
    store: Store, run: str, tree: str, task: str, output: str, *, masker: Masker, indexes: IndexFolder
) -> tuple[str, tuple[str, ...]]:
    """Return the context as text and what it cites: instructions of the repository, passages (``path:start-end``)."""
    files = TreeFiles(store, run, tree, masker)
    paths = await files.files()
    index = indexes.of(store.pinned(run).repo)
    passages = await Finder(files, index=index).find(f"{task}\n{output[-4_000:]}", budget_tokens=CONTEXT_TOKENS)
    listing = masker.text("\n".join(paths[:LISTED])) + (
        "" if len(paths) <= LISTED else f"\n… and {len(paths) - LISTED} more"
    )
    where, instructions = await instructions_of(files, [passage.path for passage in passages])
    cited = (*where, *(masker.text(f"{p.path}:{p.start_line}-{p.end_line}") for p in passages))
    parts = (instructions, f"<files>\n{listing}\n</files>", masker.text(_rendered(passages)))
    return "\n\n".join(part for part in parts if part), cited[:40]


async def instructions_of(files: TreeFiles, at_hand: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """What the repository tells those who work there, as data: the names of the files, and their texts.

    Of files with the same purpose the one counts that is nearest to the files at hand, and the one at the top.
    """
    there = {path for path in await files.files() if path.endswith(INSTRUCTIONS)}
    folders = [folder for path in at_hand[:10] for folder in PurePosixPath(path).parents if folder != PurePosixPath()]
    named: list[str] = []
    for folder in (*folders, PurePosixPath()):
        nearest = next((path for name in INSTRUCTIONS if (path := str(folder / name)) in there), None)
        if nearest is not None and (not named or folder == PurePosixPath()):
            named.append(nearest)
    left, texts = INSTRUCTION_CHARS, list[str]()
    for path in dict.fromkeys(named):
        try:
            text = (await files.read(path)).decode(errors="replace").strip()
        except Refused:
            continue
        if left <= 0 or not text:
            continue
        cut = "" if len(text) <= left else f"\n… {len(text) - left:,} characters left out"
        texts.append(f"<instructions path='{path}'>\n{text[:left]}{cut}\n</instructions>")
        left -= len(text)
    return tuple(dict.fromkeys(named)), "\n\n".join(texts)


async def news(
    store: Store,
    run: str,
    trees: tuple[str, str],
    query: str,
    known: str,
    *,
    masker: Masker,
    indexes: IndexFolder,
) -> str:
    """What the second tree has for ``query`` that ``known``, the context of the first one, does not say.

    The context itself stays as it was: a prompt that begins like the last one is in the server's cache.
    """
    changed = await store.changed(run, *trees)
    index = indexes.of(store.pinned(run).repo)
    finder = Finder(TreeFiles(store, run, trees[1], masker), index=index)
    passages = await finder.find(query, hints=changed[:LISTED], budget_tokens=NEWS_TOKENS)
    fresh = _rendered([passage for passage in passages if passage.text not in known])
    return masker.text("\n\n".join(part for part in ("\n".join(changed[:LISTED]), fresh) if part))


def _rendered(passages: Sequence[Passage]) -> str:
    return "\n\n".join(f"<file path='{p.path}:{p.start_line}-{p.end_line}'>\n{p.text}\n</file>" for p in passages)
