"""Packs that leave the content store: made once, then read from disk."""

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sandbox.git import git


@dataclass(frozen=True, slots=True)
class Pack:
    """Objects with their index: the receiver has nothing to compute."""

    name: str
    data: bytes
    index: bytes


class Packs:
    """Make packs of a run's objects; the same question is answered from the folder ``packs``."""

    async def make(self, folder: Path, wants: tuple[str, ...], haves: tuple[str, ...]) -> Pack:
        """Pack what ``wants`` (commits without their history, trees) need beyond ``haves`` (trees)."""
        question = " ".join([*sorted(set(wants)), "^", *sorted(set(haves))])
        name = f"pack-{hashlib.sha1(question.encode(), usedforsecurity=False).hexdigest()}"
        kept = folder / "packs" / name
        if not kept.with_suffix(".idx").exists():
            await self._write(folder, kept, wants, haves)
        data, index = await asyncio.to_thread(
            lambda: (kept.with_suffix(".pack").read_bytes(), kept.with_suffix(".idx").read_bytes())
        )
        return Pack(name, data, index)

    @staticmethod
    async def _write(folder: Path, kept: Path, wants: tuple[str, ...], haves: tuple[str, ...]) -> None:
        kept.parent.mkdir(exist_ok=True)
        names = await git(
            folder, "rev-list", "--objects", "--no-object-names", "--no-walk", *wants, *(f"^{have}" for have in haves)
        )
        with tempfile.TemporaryDirectory(dir=kept.parent) as place:
            # What is there already is copied as it is: no new deltas are searched for.
            said = await git(folder, "pack-objects", "-q", "--window=0", f"{place}/pack", stdin=names)
            made = Path(place) / f"pack-{said.decode().strip()}"
            made.with_suffix(".pack").replace(kept.with_suffix(".pack"))
            made.with_suffix(".idx").replace(kept.with_suffix(".idx"))
