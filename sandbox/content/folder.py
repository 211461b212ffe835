"""Folder as a bucket: the twin of the S3 client, for tests and for a file system that all machines mount."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.content.contract import ContentUnavailable, damaged


@dataclass(frozen=True, slots=True)
class FolderBucket:
    """Objects are files below ``root``, which has to be there."""

    root: Path

    async def put(self, name: str, source: Path) -> None:
        """See ``ContentBucket.put``."""

        def write() -> None:
            self._ensure_there()
            target = self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.root, prefix=".part-") as place:
                part = Path(shutil.copyfile(source, Path(place) / "object"))
                part.replace(target)

        await self._done(write)

    async def get(self, name: str, target: Path, size_bytes: int) -> None:
        """See ``ContentBucket.get``."""

        def read() -> None:
            self._ensure_there()
            try:
                shutil.copyfile(self.root / name, target)
            except FileNotFoundError:
                raise damaged(name, "it is not there") from None
            if (size := target.stat().st_size) != size_bytes:
                raise damaged(name, f"it has {size} of {size_bytes} bytes")

        await self._done(read)

    async def drop(self, prefix: str) -> None:
        """See ``ContentBucket.drop``."""

        def remove() -> None:
            self._ensure_there()
            shutil.rmtree(self.root / prefix, ignore_errors=True)

        await self._done(remove)

    async def try_out(self) -> str:
        """See ``ContentBucket.try_out``."""

        def write() -> None:
            self._ensure_there()
            with tempfile.TemporaryFile(dir=self.root) as file:
                file.write(b"signoff")

        await self._done(write)
        return str(self.root)

    def _ensure_there(self) -> None:
        if not self.root.is_dir():
            raise ContentUnavailable(
                f"There is no folder {self.root}.", code="bucket_missing", hint="Make it, or mount it; then resume."
            )

    @staticmethod
    async def _done(work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except OSError as error:
            raise ContentUnavailable(
                f"The folder of the content does not answer: {error}", hint="See that it is mounted and has room."
            ) from error
