"""Trees in a repository of the store: what is in them, and how two differ."""

import contextlib
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from domain import Refused
from sandbox.git import LISTING, contents, git, object_id
from sandbox.revisions import Changed
from sandbox.workspace.layout import write_text

_PATCH = (
    "diff-tree",
    "-r",
    "-p",
    "--no-renames",
    "--binary",
    "--full-index",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)
_WHOLE = 2 << 30
_DIFF = 1 << 30


async def files(folder: Path, tree: str) -> tuple[str, ...]:
    """See ``Store.files``."""
    return tuple(name for name, _ in await _blobs(folder, tree))


async def versions(folder: Path, tree: str) -> dict[str, str]:
    """See ``Store.versions``."""
    return {name: content.decode() for name, content in await _blobs(folder, tree)}


async def _blobs(folder: Path, tree: str) -> list[tuple[str, bytes]]:
    out = await git(folder, "ls-tree", "-r", "-z", "--full-tree", object_id(tree), most=LISTING)
    entries = (line.split(b"\t", 1) for line in out.split(b"\0") if line)
    parts = ((meta.split(), raw) for meta, raw in entries)
    return [(name, meta[2]) for meta, raw in parts if meta[1] == b"blob" and (name := _text(raw)) is not None]


async def read(folder: Path, tree: str, path: str, limit: int) -> bytes:
    """See ``Store.read``."""
    missing = Refused(f"There is no file {path!r}.", code="file_not_found", hint="Look at the list of files first.")
    if "\n" in path or "\0" in path:
        raise missing
    name = f"{object_id(tree)}:{path}\n".encode(errors="surrogateescape")
    kind, size = (await git(folder, "cat-file", "--batch-check=%(objecttype) %(objectsize)", stdin=name)).split()[-2:]
    if kind != b"blob":
        raise missing
    if int(size) > limit:
        raise Refused(
            f"{path} has {int(size)} bytes, more than {limit}.",
            code="file_too_large",
            hint="Read a part of it with a command in the sandbox.",
        )
    out = await git(folder, "cat-file", "--batch", stdin=name)
    return out[out.index(b"\n") + 1 : -1]


async def read_many(folder: Path, tree: str, paths: Sequence[str], limit: int) -> dict[str, bytes]:
    """See ``Store.read_many``."""
    # Each once: an odd tree names a file twice.
    readable = [path for path in dict.fromkeys(paths) if "\n" not in path and "\0" not in path]
    names = {path: f"{object_id(tree)}:{path}\n".encode(errors="surrogateescape") for path in readable}
    printed = await git(folder, "cat-file", "--batch-check=%(objecttype) %(objectsize)", stdin=b"".join(names.values()))
    kinds = (line.rsplit(b" ", 2)[-2:] for line in printed.split(b"\n")[:-1])
    fit = [
        path
        for path, (kind, size) in zip(readable, kinds, strict=True)
        if kind == b"blob" and size.isdigit() and int(size) <= limit
    ]
    return contents(await git(folder, "cat-file", "--batch", stdin=b"".join(names[path] for path in fit)), fit)


async def numstat(folder: Path, old: str, new: str) -> tuple[Changed, ...]:
    """See ``Store.numstat``."""
    pair = object_id(old), object_id(new)
    out = await git(folder, "diff-tree", "-r", "-z", "--numstat", "--no-renames", *pair, most=LISTING)
    changes: list[Changed] = []
    for line in out.split(b"\0"):
        if line and (path := _text(line.split(b"\t", 2)[2])) is not None:
            added, removed = (None if n == b"-" else int(n) for n in line.split(b"\t")[:2])
            changes.append(Changed(path=path, added=added, removed=removed))
    return tuple(changes)


async def diff(folder: Path, old: str, new: str) -> str:
    """See ``Store.diff``."""
    out = await git(folder, *_PATCH, object_id(old), object_id(new), most=_DIFF)
    if (text := _text(out)) is not None:
        return text
    odd: list[str] = []
    for changed in await numstat(folder, old, new):
        for tree in (old, new):
            with contextlib.suppress(Refused):  # it is in one of them only
                if _text(await read(folder, tree, changed.path, _WHOLE)) is None:
                    odd.append(changed.path)
                    break
    attributes = folder / f"binary-{hashlib.sha256(f'{old}{new}'.encode()).hexdigest()[:16]}"
    # Quoted for an attributes file: nothing in a path is a pattern.
    # Escaped twice: once for the quotes (C style), once for the pattern within.
    quoted = [re.sub(r'([\\"*?\[\]])', r"\\\\\1", path) for path in odd]
    write_text(attributes, "".join(f'"{path}" -diff\n' for path in quoted))
    out = await git(folder, *_PATCH, old, new, config=[("core.attributesFile", str(attributes))])
    return out.decode(errors="replace")


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None
