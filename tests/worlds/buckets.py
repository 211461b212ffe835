"""Buckets: nanio, an S3 server from the package index that checks signatures, and a front that breaks things."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from sandbox.content import S3Place

KEY_ID, SECRET, BUCKET = "AKIASIGNOFFTEST00000", "c2lnbm9mZi10ZXN0LXNlY3JldC0wMDAwMDAwMDAw", "signoff-test"
QUIET = ("--host=127.0.0.1", "--no-access-log")
LOGIN = f"{KEY_ID}:{SECRET}"


@dataclass(slots=True)
class S3Server:
    """A running one; its objects are files below ``data``."""

    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def place(self, **changed: object) -> S3Place:
        given = {
            "bucket": BUCKET,
            "endpoint": self.endpoint,
            "prefix": "some/where",
            "access_key_id": KEY_ID,
            "secret_access_key": SECRET,
            "patience_s": 0.5,
        }
        return S3Place(**{**given, **changed})  # type: ignore[arg-type]

    def env(self) -> dict[str, str]:
        """Settings of a process that uses it."""
        return {
            "SIGNOFF_BUCKET": BUCKET,
            "SIGNOFF_BUCKET_ENDPOINT": self.endpoint,
            "SIGNOFF_BUCKET_CREDENTIALS": "env:BUCKET_LOGIN",
            "BUCKET_LOGIN": LOGIN,
        }

    def objects(self) -> list[Path]:
        """Files of the objects that runs put there."""
        return sorted((self.data / BUCKET).glob("**/*.tar"))

    def start(self) -> None:
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nanio", "serve", f"--port={self.port}", f"--data-dir={self.data}", *QUIET],
                env={"PATH": os.defpath, "NANIO_ACCESS_KEY": KEY_ID, "NANIO_SECRET_KEY": SECRET},
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 60
        while True:
            try:
                httpx.get(self.endpoint, timeout=1)
            except httpx.TransportError:
                assert self.process.poll() is None, (self.data / "log").read_text()
                assert time.monotonic() < until, (self.data / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def s3_server() -> Generator[S3Server]:
    """A server with one bucket."""
    with tempfile.TemporaryDirectory(prefix="signoff-s3-") as place, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        (Path(place) / BUCKET).mkdir()
        server = S3Server(Path(place), port)
        server.start()
        try:
            yield server
        finally:
            server.kill()


ANSWERS = {
    "AccessDenied": (403, "Access Denied"),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large."),
    "AuthorizationHeaderMalformed": (400, "The region 'us-east-1' is wrong; expecting 'eu-central-1'"),
    "SlowDown": (503, "Please reduce your request rate."),
}
"""Errors as Amazon documents them: code → status, message."""


@dataclass(slots=True)
class S3Front:
    """Stands before a server: passes bytes on, or answers with an error, or hangs up in the middle of a body."""

    inner: int
    port: int = 0
    refusing: str = ""
    cut_after: int | None = None
    """Bytes of the next requests that still come through, before it hangs up."""
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if self.refusing:
                await self._refuse(head, reader, writer)
            else:
                await self._forward(head, reader, writer)
        except* (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _forward(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.inner)
        try:
            back.write(head)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, back, self.cut_after))
                group.create_task(self._pass(there, writer, None))
        finally:
            back.close()

    async def _refuse(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for line in head.decode("latin-1").lower().split("\r\n"):
            if line.startswith("content-length:"):
                await reader.readexactly(int(line.partition(":")[2]))
        status, message = ANSWERS[self.refusing]
        body = f"<?xml version='1.0'?><Error><Code>{self.refusing}</Code><Message>{message}</Message></Error>".encode()
        writer.write(
            f"HTTP/1.1 {status} No\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
        )
        await writer.drain()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
        sent = 0
        while part := await reader.read(1 << 16):
            sent += len(part)
            if most is not None and sent > most:
                raise ConnectionError("cut")
            writer.write(part)
            await writer.drain()


@asynccontextmanager
async def s3_front(server: S3Server) -> AsyncGenerator[S3Front]:
    """A front of a server."""
    front = S3Front(server.port)
    listening = await asyncio.start_server(front.serve, "127.0.0.1", 0)
    async with listening:
        front.port = listening.sockets[0].getsockname()[1]
        yield front
