"""What a model is shown of the repository, and how it is cited (A6)."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain import Refused
from domain.masking import Masker
from nodes._masking import shown
from retrieval import Finder, Passage
from sandbox import Store, Texts

CONTEXT_TOKENS, NEWS_TOKENS = 6_000, 2_000
LISTED = 150


@dataclass(slots=True)
class TreeFiles:
    """The files of one tree in the store, as retrieval wants to read them, and as its readers may see them.

    Texts are in UTF-8, whatever the file is in, and masked whole before anything is cut out of them: half a secret
    looks like none.
    """

    store: Store
    run: str
    tree: str
    masker: Masker
    _texts: Texts = field(init=False)

    def __post_init__(self) -> None:
        self._texts = Texts(self.store, self.run)

    async def files(self) -> tuple[str, ...]:
        return await self.store.files(self.run, self.tree)

    async def read(self, path: str) -> bytes:
        text = await self._text(path, await self.store.read(self.run, self.tree, path))
        if text is None:
            raise Refused(f"{path} is binary.", code="file_binary", hint="Name a text.")
        return text

    async def read_many(self, paths: Sequence[str], *, limit: int) -> dict[str, bytes]:
        found = await self.store.read_many(self.run, self.tree, paths, limit=limit)
        texts = {path: await self._text(path, data) for path, data in found.items()}
        return {path: text for path, text in texts.items() if text is not None}

    async def _text(self, path: str, data: bytes) -> bytes | None:
        if not data.isascii() or b"\r" in data:
            file = await self._texts.decoded(path, data)
            if file is None:
                return None
            data = data if file.plain else file.view.encode()
        return shown(path, data, self.masker)


async def gather(
    store: Store, run: str, tree: str, task: str, output: str, *, masker: Masker
) -> tuple[str, tuple[str, ...]]:
    """Return the context as text and the passages it cites (``path:start-end``)."""
    files = TreeFiles(store, run, tree, masker)
    paths = await files.files()
    found = await Finder(files).find(f"{task}\n{output[-4_000:]}", budget_tokens=CONTEXT_TOKENS)
    listing = masker.text("\n".join(paths[:LISTED])) + (
        "" if len(paths) <= LISTED else f"\n… and {len(paths) - LISTED} more"
    )
    cited = tuple(masker.text(f"{p.path}:{p.start_line}-{p.end_line}") for p in found)
    return f"<files>\n{listing}\n</files>\n\n{masker.text(_shown(found))}", cited[:40]


async def news(store: Store, run: str, trees: tuple[str, str], query: str, known: str, *, masker: Masker) -> str:
    """What the second tree has for ``query`` that ``known``, the context of the first one, does not say.

    The context itself stays as it was: a prompt that begins like the last one is in the server's cache.
    """
    changed = await store.changed(run, *trees)
    finder = Finder(TreeFiles(store, run, trees[1], masker))
    found = await finder.find(query, hints=changed[:LISTED], budget_tokens=NEWS_TOKENS)
    told = _shown([passage for passage in found if passage.text not in known])
    return masker.text("\n\n".join(part for part in ("\n".join(changed[:LISTED]), told) if part))


def _shown(found: Sequence[Passage]) -> str:
    return "\n\n".join(f"<file path='{p.path}:{p.start_line}-{p.end_line}'>\n{p.text}\n</file>" for p in found)
