"""Registries of Go, Rust and Maven on loopback, over TLS by an authority of their own."""

import base64
import hashlib
import io
import json
import ssl
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.worlds.package_index import HOST, PackageIndex, certificates

MODULE = "example.test/greeting"
MODULE_FILES = {
    "go.mod": f"module {MODULE}\n\ngo 1.19\n",
    "greeting.go": 'package greeting\n\n// Hello greets.\nfunc Hello() string { return "hello" }\n',
}


def go_zip() -> bytes:
    """The module as a proxy of Go sends it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, text in MODULE_FILES.items():
            made.writestr(zipfile.ZipInfo(f"{MODULE}@v1.0.0/{name}"), text)
    return data.getvalue()


def go_sum() -> str:
    """Its lines of ``go.sum``: a hash of the hashes of its files, as ``golang.org/x/mod/sumdb/dirhash`` makes it."""

    def line(version: str, files: dict[str, str]) -> str:
        listed = "".join(f"{hashlib.sha256(files[name].encode()).hexdigest()}  {name}\n" for name in sorted(files))
        return f"{MODULE} {version} h1:{base64.b64encode(hashlib.sha256(listed.encode()).digest()).decode()}\n"

    whole = {f"{MODULE}@v1.0.0/{name}": text for name, text in MODULE_FILES.items()}
    return line("v1.0.0", whole) + line("v1.0.0/go.mod", {"go.mod": MODULE_FILES["go.mod"]})


def crate() -> bytes:
    """The crate as a registry of Rust sends it."""
    data = io.BytesIO()
    files = {
        "Cargo.toml": '[package]\nname = "greeting"\nversion = "1.0.0"\nedition = "2021"\n',
        "src/lib.rs": 'pub fn hello() -> &\'static str {\n    "hello"\n}\n',
    }
    with tarfile.open(fileobj=data, mode="w:gz") as made:
        for name, text in files.items():
            member = tarfile.TarInfo(f"greeting-1.0.0/{name}")
            member.size = len(text)
            made.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


def crate_line() -> dict[str, object]:
    """What a sparse index says of it."""
    digest = hashlib.sha256(_CRATE).hexdigest()
    return {"name": "greeting", "vers": "1.0.0", "deps": [], "cksum": digest, "features": {}, "yanked": False}


_CRATE = crate()


@contextmanager
def language_registries(folder: Path, maven: Path | None = None) -> Iterator[PackageIndex]:
    """Serve for as long as the block runs: ``/go``, ``/crates`` and, where there is a folder, ``/maven``."""
    authority, chain = certificates(folder)
    index = PackageIndex(port=0, certificate=authority)
    answers: dict[str, bytes] = {
        f"/go/{MODULE}/@v/list": b"v1.0.0\n",
        f"/go/{MODULE}/@v/v1.0.0.info": b'{"Version": "v1.0.0", "Time": "2024-01-01T00:00:00Z"}',
        f"/go/{MODULE}/@v/v1.0.0.mod": MODULE_FILES["go.mod"].encode(),
        f"/go/{MODULE}/@v/v1.0.0.zip": go_zip(),
        "/crates/gr/ee/greeting": json.dumps(crate_line()).encode() + b"\n",
        "/crates/greeting/1.0.0/download": _CRATE,
    }

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index.asked.append((self.path, True))
            body = answers.get(self.path)
            if self.path == "/crates/config.json":
                body = json.dumps({"dl": f"https://{index.address}/crates"}).encode()
            elif maven is not None and self.path.startswith("/maven/") and ".." not in self.path:
                place = maven / self.path.removeprefix("/maven/")
                body = place.read_bytes() if place.is_file() else None
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        do_HEAD = do_GET  # noqa: N815  as the standard library names it

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as it is called above
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        index.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield index
        finally:
            server.shutdown()
            thread.join()


__all__ = ["HOST", "MODULE", "go_sum", "language_registries"]
