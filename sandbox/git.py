"""Git objects made by hand: for the few small ones that a process each would be too slow for."""

import hashlib
import re
import zlib
from pathlib import Path
from typing import Literal

_ID = re.compile(r"^[0-9a-f]{40}$")


def object_id(name: str) -> str:
    """Return ``name`` when it is a full object id; anything else would be an argument to git.

    Raises:
        ValueError: it is not.
    """
    if not _ID.match(name):
        raise ValueError(f"{name[:60]!r} is not an object id")
    return name


def write_object(folder: Path, kind: Literal["blob", "commit", "tree"], data: bytes) -> str:
    """Put an object into a repository and return its id. Doing it twice is fine."""
    whole = f"{kind} {len(data)}\0".encode() + data
    name = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    path = folder / "objects" / name[:2] / name[2:]
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(zlib.compress(whole, 1))
        part.replace(path)
    return name


def tree_of(folders: dict[str, str]) -> bytes:
    """Return the content of a tree whose entries are the trees given by name."""
    entries = (
        b"40000 " + name.encode() + b"\0" + bytes.fromhex(object_id(tree)) for name, tree in sorted(folders.items())
    )
    return b"".join(entries)
