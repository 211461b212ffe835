"""Segments of a run's folder: which of its files other machines need, packed into a tar archive and out of it.

Objects of git never change, so one that was sent is never sent again; of the few texts beside them the newest counts.
"""

import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox.workspace.layout import TEXTS

_HEX = frozenset("0123456789abcdef")
_ID, _START = 40, 2


def is_object(name: str) -> bool:
    """Whether a path within a run's folder is an object of git, or a pack of them. Pure."""
    parts = name.split("/")
    if len(parts) != 3 or parts[0] != "objects":  # noqa: PLR2004  objects/ab/cdef…
        return False
    if parts[1] == "pack":
        stem, _, kind = parts[2].partition(".")
        return stem.startswith("pack-") and _is_hex(stem.removeprefix("pack-"), _ID) and kind in {"pack", "idx"}
    return _is_hex(parts[1], _START) and _is_hex(parts[2], _ID - _START)


def is_content(name: str) -> bool:
    """Whether a path within a run's folder is what other machines need, and nothing that leads out of it. Pure."""
    parts = name.split("/")
    ref = parts[:2] == ["refs", "signoff"] and len(parts) > 2  # noqa: PLR2004
    return is_object(name) or name in TEXTS or (ref and all(_is_plain(part) for part in parts))


def content_of(folder: Path) -> dict[str, str]:
    """The files of a run that other machines need, each with a mark that differs when its content does."""
    marks: dict[str, str] = {}
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if is_content(name):
            # The index is written last: without it a pack is not whole yet.
            if name.endswith(".pack") and not path.with_suffix(".idx").exists():
                continue
            marks[name] = mark_of(path, name)
    return marks


def mark_of(path: Path, name: str) -> str:
    """What differs when the content of a file does."""
    facts = path.stat()
    return f"{facts.st_size}" if is_object(name) else f"{facts.st_size}.{facts.st_mtime_ns}"


def write_segment(folder: Path, marks: Mapping[str, str], target: Path) -> tuple[str, int]:
    """Pack files of a run into an archive; return its SHA-256 and its size."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(marks, key=_order):
            with (folder / name).open("rb") as file:
                entry = tarfile.TarInfo(name)
                entry.size = (folder / name).stat().st_size
                archive.addfile(entry, file)
    return digest_of(target), target.stat().st_size


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_segment(source: Path, folder: Path) -> dict[str, str]:
    """Unpack an archive whose digest was checked into a run's folder; return the marks of what is there now.

    Raises:
        ValueError: it has something in it that is no content of a run.
    """
    marks: dict[str, str] = {}
    try:
        with tarfile.open(source, "r") as archive:
            for entry in archive:
                if not entry.isfile() or not is_content(entry.name):
                    raise ValueError(f"it has {entry.name[:100]!r} in it")
                path = folder / entry.name
                if not (is_object(entry.name) and path.exists()):
                    content = archive.extractfile(entry)
                    assert content is not None  # noqa: S101  it is a file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    part = path.with_name(f"{path.name}.part")
                    with part.open("wb") as file:
                        while block := content.read(1 << 20):
                            file.write(block)
                    part.replace(path)
                marks[entry.name] = mark_of(path, entry.name)
    except tarfile.TarError as error:
        raise ValueError(f"it is no archive ({error})") from error
    return marks


def _files(folder: Path) -> Iterator[Path]:
    for name in TEXTS:
        if (path := folder / name).is_file():
            yield path
    for pattern in ("objects/??/*", "objects/pack/*", "refs/signoff/*/*"):
        yield from folder.glob(pattern)


def _order(name: str) -> tuple[bool, bool, str]:
    """Objects first, a pack before its index: who reads what is there already reads whole things."""
    return not is_object(name), name.endswith(".idx"), name


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and set(text) <= _HEX


def _is_plain(part: str) -> bool:
    return part not in {"", ".", ".."} and all(letter.isalnum() or letter in "-_." for letter in part)
