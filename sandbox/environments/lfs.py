"""Git LFS: which files of a tree are pointers, whose content is on a server that a run does not ask.

A pointer is a file like any other here: it is checked out, and delivered, as it is. Tests that open it see the pointer.
"""

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence

from sandbox.workspace.store import Store

_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n")
_LONGEST = 1_024
"""Bytes; pointers are shorter."""
MOST = 2_000
"""Files that are looked at."""


def lfs_paths(attributes: Mapping[str, str], paths: Sequence[str]) -> Iterator[str]:
    """Return the paths that ``.gitattributes`` files give to LFS, so far as plain patterns say it.

    Args:
        attributes: texts of the ``.gitattributes`` by path.
        paths: every file of the tree.
    """
    for place, text in attributes.items():
        folder = place.rpartition("/")[0]
        lines = (line.split() for line in text.splitlines() if "filter=lfs" in line and not line.startswith("#"))
        patterns = [words[0].strip('"').lstrip("/") for words in lines if len(words) > 1][:100]
        for path in paths:
            if folder and not path.startswith(f"{folder}/"):
                continue
            inner = path.removeprefix(f"{folder}/") if folder else path
            for pattern in patterns:
                name = inner if "/" in pattern else inner.rpartition("/")[2]
                if fnmatch.fnmatchcase(name, pattern.replace("**/", "*").replace("/**", "/*")):
                    yield path
                    break


async def lfs_pointers(store: Store, run: str, tree: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the files of a tree whose content is not there, only a pointer of LFS to it."""
    places = [path for path in paths if path.rpartition("/")[2] == ".gitattributes"][:100]
    if not places:
        return ()
    texts = await store.read_many(run, tree, places, limit=1 << 16)
    attributes = {path: data.decode(errors="replace") for path, data in texts.items() if b"filter=lfs" in data}
    if not attributes:
        return ()
    likely = list(dict.fromkeys(lfs_paths(attributes, paths)))[:MOST]
    small = await store.read_many(run, tree, likely, limit=_LONGEST)
    return tuple(path for path in likely if _POINTER.match(small.get(path, b"")))
