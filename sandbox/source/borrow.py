"""A git folder of our own that borrows the objects of somebody else's repository: what git may safely work on.

It has our configuration, no hooks, no attributes and no index. Nothing of theirs is in it but object ids.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain import Refused
from sandbox.git import LISTING, GitFailed, GitStopped, TreeEntry, contents, create, git
from sandbox.source.files import FileUnreadable, read_bounded
from sandbox.source.refs import Refs
from sandbox.source.repository import SourceRepository, object_files, too_slow, unsupported

_SHALLOW = 64 << 20


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Reads commits, trees and blobs of ``source`` through the git folder ``folder``."""

    source: SourceRepository
    folder: Path

    async def commit(self, rev: str) -> tuple[str, str] | None:
        """Return the commit and the tree that ``rev`` names; None when it names none."""
        name = await asyncio.to_thread(Refs(self.source).resolve, rev)
        if name is None:
            return None
        questions = f"{name}^{{commit}}\n{name}^{{tree}}\n".encode(errors="surrogateescape")
        printed = await self._git("cat-file", "--batch-check=%(objectname) %(objecttype)", stdin=questions)
        lines = [line.split() for line in printed.decode(errors="replace").splitlines()]
        if [line[-1] for line in lines] != ["commit", "tree"]:
            return None
        return lines[0][0], lines[1][0]

    async def entries(self, tree: str) -> dict[bytes, TreeEntry]:
        """List a tree with all below it, folders too, by path.

        Raises:
            Refused: ``repository_unsupported``: it is too large to be listed. ``repository_incomplete``.
        """
        try:
            out = await git(self.folder, "ls-tree", "-r", "-t", "-z", "--full-tree", tree, most=LISTING)
        except GitStopped as error:
            raise unsupported("has a tree that is too large to be listed", "Name a smaller repository.") from error
        except GitFailed as error:
            raise self._incomplete(tree, error) from error
        by_path: dict[bytes, TreeEntry] = {}
        for line in out.split(b"\0")[:-1]:
            meta, _, path = line.partition(b"\t")
            mode, _, name = meta.split(b" ")
            by_path[path] = TreeEntry(mode.lstrip(b"0"), name.decode())
        return by_path

    async def blobs(self, names: Sequence[str], limit: int) -> dict[str, bytes]:
        """Return the content of those blobs that are here and have at most ``limit`` bytes."""
        questions = "".join(f"{name}\n" for name in names).encode()
        printed = await self._git("cat-file", "--batch-check", stdin=questions)
        kinds = (line.split() for line in printed.decode(errors="replace").splitlines())
        fit = [kind[0] for kind in kinds if kind[1:2] == ["blob"] and int(kind[2]) <= limit]
        return contents(await self._git("cat-file", "--batch", stdin="".join(f"{n}\n" for n in fit).encode()), fit)

    async def copy(self, commit: str, store: Path) -> None:
        """Copy a commit and its files, without history, into the repository ``store`` as one pack.

        Raises:
            Refused: ``repository_incomplete``: objects are not here.
        """
        # The repository is ours: for this one walk the commit has no parents.
        (self.folder / "shallow").write_text(f"{commit}\n", encoding="ascii")
        target = str(store / "objects" / "pack" / "pack")
        await self._git(
            "pack-objects", "--revs", "-q", "--window=0", target, stdin=f"{commit}\n".encode(), about=commit
        )

    async def _git(self, *args: str, stdin: bytes, about: str = "what was asked for") -> bytes:
        """Run git on objects that may be damaged, or be none.

        Raises:
            Refused: ``repository_incomplete``, or ``repository_unsupported``: it takes too long.
        """
        try:
            return await git(self.folder, *args, stdin=stdin)
        except GitStopped as error:
            raise too_slow(str(self.source.top)) from error
        except GitFailed as error:
            raise self._incomplete(about, error) from error

    def _incomplete(self, what: str, error: GitFailed) -> Refused:
        return Refused(
            f"{self.source.top} does not have all objects of {what[:20]}: {error.said[-300:]}",
            code="repository_incomplete",
            hint="A partial clone has to be completed: git fetch --refetch --no-filter. Else see: git fsck",
        )


@contextlib.asynccontextmanager
async def borrowed(source: SourceRepository, near: Path | None = None) -> AsyncGenerator[Borrowed]:
    """Make the git folder, and remove it afterwards.

    Args:
        source: whose objects it borrows.
        near: the folder to make it in. Packs that it writes are moved, never copied, so they have to go to a folder
            of the same file system; None: nothing will be written.
    """
    with tempfile.TemporaryDirectory(prefix="signoff-borrowed-", dir=near) as place:
        folder = Path(place) / "git"
        await asyncio.to_thread(_prepare, source, folder)
        yield Borrowed(source, folder)


def _prepare(source: SourceRepository, folder: Path) -> None:
    create(folder)
    lines = [str(each) for each in source.objects]
    # ``alternates`` is one path a line: the rest of this one would be another folder to read from.
    if any("\n" in line for line in lines):
        raise unsupported("has a line break in its path", "Rename the folder.")
    if odd := object_files(source).odd:
        raise unsupported(f"has something among its objects that is no file: {odd[0]}", "Remove it: git fsck")
    (folder / "objects" / "info" / "alternates").write_text(
        "".join(f"{line}\n" for line in lines), encoding="utf-8", errors="surrogateescape"
    )
    # Where history was cut off; without it git would look for parents that nobody has.
    try:
        cut = read_bounded(source.common_dir / "shallow", _SHALLOW) or b""
    except FileUnreadable as error:
        raise unsupported(f"cannot be read: {error}", "Run on a fresh clone.") from error
    ids = [line for line in cut.split() if len(line) == 40 and not line.strip(b"0123456789abcdef")]  # noqa: PLR2004
    if ids:
        (folder / "shallow").write_bytes(b"".join(line + b"\n" for line in ids))
