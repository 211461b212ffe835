"""Maskers of repositories: what a run's readers must not see, and the way back when an edit is applied."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from domain import CodeChange, CommandRun, FileEdit, NewFile, Refused
from domain.evidence import Output
from domain.masking import PLACEHOLDER, Masker, holds_secrets, is_secret_file, known_of, not_shown, restored
from domain.text import decoded
from nodes.rating.rules import workspace_policy
from sandbox import Store

Read = Callable[[str], Awaitable[bytes]]
"""Reads a file by its path; raises ``Refused`` where there is none."""
FILE_BYTES, ALL_BYTES = 400_000, 48 << 20
MOST_KNOWN = 500
AT_ONCE = 400
REMEMBERED = 32
"""Repositories whose maskers are kept in memory."""
_NOT_READ = (
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".webp",
    ".ico",
    ".svg",
    ".pdf",
    ".zip",
    ".gz",
    ".xz",
    ".woff",
    ".woff2",
    ".ttf",
    ".eot",
    ".so",
    ".dll",
    ".exe",
    ".bin",
    ".pyc",
    ".class",
    ".jar",
    ".wasm",
    ".lock",
    ".min.js",
    ".min.css",
    ".map",
    ".snap",
)
_CUT_END, _CUT_START = re.compile(rb"\S{1,4000}\Z"), re.compile(rb"\A\S{1,4000}")


@dataclass(frozen=True, slots=True)
class Masks:
    """The maskers of runs. The same tree always has the same one, in any process: placeholders stay what they are."""

    store: Store
    personal: bool = False
    """Personal data is masked in every run; else where the repository's policy asks for it."""
    kept: dict[str, tuple[Masker, tuple[str, ...]]] = field(
        default_factory=dict[str, tuple[Masker, tuple[str, ...]]], repr=False
    )
    """By base tree: what lies there never changes, the policy included."""

    async def __call__(self, run: str) -> Masker:
        """The masker of a run, by the files of its base commit."""
        return (await self.with_files(run))[0]

    async def with_files(self, run: str) -> tuple[Masker, tuple[str, ...]]:
        """The masker, and the files in which it found what it masks."""
        tree = self.store.pinned(run).tree
        if tree not in self.kept:
            personal = self.personal or (await workspace_policy(self.store, run)).mask_personal
            paths = [path for path in await self.store.files(run, tree) if not path.lower().endswith(_NOT_READ)]
            # Files of secrets first: in a repository beyond the limits it is the others that are not read.
            paths.sort(key=lambda path: not is_secret_file(path))
            known, files, left = dict[str, str](), list[str](), ALL_BYTES
            for at in range(0, len(paths), AT_ONCE):
                if left <= 0 or len(known) >= MOST_KNOWN:
                    break
                contents = await self.store.read_many(run, tree, paths[at : at + AT_ONCE], limit=FILE_BYTES)
                left -= sum(map(len, contents.values()))
                # Secrets are ASCII as good as always: what stands around one may be in any encoding.
                texts = {path: data.decode(errors="replace") for path, data in contents.items() if b"\0" not in data}
                by_path = await asyncio.to_thread(secrets_by_file, texts)
                known |= {value: label for secrets in by_path.values() for value, label in secrets.items()}
                files += [path for path, secrets in by_path.items() if secrets or is_secret_file(path)]
            # Short values are the ones that stand in ordinary words: they go first where there are too many.
            longest = dict(sorted(known.items(), key=lambda item: -len(item[0]))[:MOST_KNOWN])
            while len(self.kept) >= REMEMBERED:
                self.kept.pop(next(iter(self.kept)), None)
            # The tree's id is known to nobody who has not all of its files, so it keeps guesses from being checked.
            self.kept[tree] = Masker(key=tree, known=longest, personal=personal), tuple(files)
        return self.kept[tree]


def secrets_by_file(texts: dict[str, str]) -> dict[str, dict[str, str]]:
    """The secret values of each file, and what each is; in files of secrets also values whose names say nothing."""
    return {path: dict(known_of((text,), settings=is_secret_file(path))) for path, text in texts.items()}


def shown(path: str, data: bytes, masker: Masker) -> bytes:
    """A file as its readers may see it."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return data
    return (not_shown(path) if holds_secrets(path, text) else masker.text(text)).encode()


def masked_run(ran: CommandRun, masker: Masker) -> CommandRun:
    """A command's outcome as its readers may see it."""
    return replace(ran, stdout=_masked(ran.stdout, masker), stderr=_masked(ran.stderr, masker))


def _masked(output: Output, masker: Masker) -> Output:
    """Bytes that are no text stay as they are. Where the middle was thrown away, so are the words it was cut in."""
    if output.dropped:
        head, tail = _CUT_END.sub(b"", output.head), _CUT_START.sub(b"", output.tail)
        dropped = output.dropped + len(output.head) - len(head) + len(output.tail) - len(tail)
        return Output(head=_clean(head, masker), tail=_clean(tail, masker), dropped=dropped)
    whole = output.head + output.tail
    clean = _clean(whole, masker)
    return output if clean == whole else Output(head=clean)


def _clean(data: bytes, masker: Masker) -> bytes:
    return masker.text(data.decode(errors="surrogateescape")).encode(errors="surrogateescape")


async def unmasked(change: CodeChange, read: Read, masker: Masker, files: Sequence[str]) -> CodeChange:
    """The change with every placeholder turned back into what stands in the very file that it edits.

    Raises:
        Refused: ``secret_moved``: a placeholder stands for a value that this file does not hold.
    """
    edits = [*change.files_to_create, *change.files_to_update]
    texts = [text for edit in edits for text in (edit.path, edit.content)]
    texts += [text for edit in change.files_to_update for text in (edit.search, edit.replace)]
    marked = any(PLACEHOLDER.search(text) for text in (*texts, *change.files_to_delete) if text)
    if not marked and not any(edit.content is not None and is_secret_file(edit.path) for edit in edits):
        return change
    names = {masker.text(path): path for path in files}
    gone = [await _text(read, names.get(path, path)) for path in change.files_to_delete]

    async def back(path: str, *parts: str | None) -> list[str | None]:
        here = await _text(read, path)
        if parts[0] is not None and holds_secrets(path, here):
            raise Refused(
                f"{path} was not shown, because it holds secrets, and cannot be replaced as a whole.",
                code="secret_moved",
                hint="Change single lines of it by search and replace, or leave it.",
            )
        originals = masker.originals(here, *gone)
        unmasked_parts: list[str | None] = []
        for part in parts:
            text, strange = (None, ()) if part is None else restored(part, originals)
            # A placeholder that the file itself holds was never a mask of ours, and is left alone.
            if any(each not in here for each in strange):
                raise Refused(
                    f"{path}: {', '.join(strange)} stands for a value that is not in this file.",
                    code="secret_moved",
                    hint="Leave a masked value in its file, on its line. "
                    "Where it is needed elsewhere, read the environment.",
                )
            unmasked_parts.append(text)
        return unmasked_parts

    created: list[NewFile] = []
    updated: list[FileEdit] = []
    for new in change.files_to_create:
        path = names.get(new.path, new.path)
        (content,) = await back(path, new.content)
        created.append(replace(new, path=path, content=content or ""))
    for edit in change.files_to_update:
        path = names.get(edit.path, edit.path)
        content, search, put = await back(path, edit.content, edit.search, edit.replace)
        updated.append(replace(edit, path=path, content=content, search=search, replace=put))
    deleted = tuple(names.get(path, path) for path in change.files_to_delete)
    return replace(change, files_to_create=tuple(created), files_to_update=tuple(updated), files_to_delete=deleted)


async def _text(read: Read, path: str) -> str:
    try:
        file = decoded(await read(path), path)
    except Refused:
        return ""
    return "" if file is None else file.view
