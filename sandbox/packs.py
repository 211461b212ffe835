"""Packs that leave the content store, made once and then read from disk; and packs that come in, checked."""

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

from domain import Exhausted
from sandbox.git import git

MAX_PACK = 2 << 30
MOST = 8 << 30
"""Bytes that the snapshots of one run may take on disk: what a sandbox writes, it may write again and again."""
_UNPACK_S = 120.0


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
        target = folder / "packs" / name
        if not target.with_suffix(".idx").exists():
            target.parent.mkdir(exist_ok=True)
            names = await git(
                folder,
                "rev-list",
                "--objects",
                "--no-object-names",
                "--no-walk",
                *wants,
                *(f"^{have}" for have in haves),
            )
            with tempfile.TemporaryDirectory(dir=target.parent) as place:
                # What is there already is copied as it is: no new deltas are searched for.
                printed = await git(folder, "pack-objects", "-q", "--window=0", f"{place}/pack", stdin=names)
                written = Path(place) / f"pack-{printed.decode().strip()}"
                # The index last: with it, a pack counts as made.
                written.with_suffix(".pack").replace(target.with_suffix(".pack"))
                written.with_suffix(".idx").replace(target.with_suffix(".idx"))
        data, index = await asyncio.to_thread(
            lambda: (target.with_suffix(".pack").read_bytes(), target.with_suffix(".idx").read_bytes())
        )
        return Pack(name, data, index)


async def take_in(folder: Path, pack: bytes, most: int = MOST) -> None:
    """Check the objects of a pack and keep them. Small packs can claim to be huge, or take for ever.

    Raises:
        Exhausted: ``store_full``.
        GitFailed, TimeoutError: it is not sound.
    """
    used = sum(each.stat().st_size for each in (folder / "objects" / "pack").glob("*.pack"))
    if used + len(pack) > most:
        raise Exhausted(
            f"The snapshots of this run take {used >> 20} MB.",
            code="store_full",
            hint="Let commands write less: what is ignored by git is kept, too.",
        )
    async with asyncio.timeout(_UNPACK_S):
        # Objects that git's fsck would not take are refused here; ``--fix-thin`` adds the bases that were left out.
        await git(folder, "index-pack", "--strict", "--fix-thin", "--stdin", f"--max-input-size={MAX_PACK}", stdin=pack)
