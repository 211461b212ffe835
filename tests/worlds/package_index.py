"""A private package index: TLS by an authority of its own, a password or a token, one wheel and one npm package."""

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
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "index.signoff.example"
WHEEL = "private_of_ours-1.0-py3-none-any.whl"


@dataclass
class PackageIndex:
    """What is served, and who asked for it."""

    port: int
    certificate: str
    """PEM of the authority that signed for it."""
    asked: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])
    """Path, and whether the login was right."""

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"


async def loopback(host: str, port: int) -> list[str]:
    """Where its name leads, and nowhere else."""
    del port
    return ["127.0.0.1"] if host == HOST else []


@contextmanager
def package_index(folder: Path, login: str) -> Iterator[PackageIndex]:
    """Serve for as long as the block runs; ``login`` is ``user:password``, or a token."""
    authority, chain = certificates(folder)
    accepted = {f"Basic {base64.b64encode(login.encode()).decode()}", f"Bearer {login}"}
    accepted.add(f"Basic {base64.b64encode(f'__token__:{login}'.encode()).decode()}")
    index = PackageIndex(port=0, certificate=authority)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            right = self.headers.get("Authorization", "") in accepted
            index.asked.append((self.path, right))
            if not right:
                self._send(401, "text/plain", b"who are you?\n", {"WWW-Authenticate": 'Basic realm="index"'})
            elif self.path.endswith(".whl"):
                self._send(200, "application/octet-stream", _wheel())
            elif self.path.endswith(".tgz"):
                self._send(200, "application/octet-stream", _tarball())
            elif self.path == "/npm/private-of-ours":
                self._send(200, "application/json", _packument(index.address))
            else:
                digest = hashlib.sha256(_wheel()).hexdigest()
                page = f'<!DOCTYPE html><html><body><a href="/files/{WHEEL}#sha256={digest}">{WHEEL}</a></body></html>'
                self._send(200, "text/html", page.encode())

        def _send(self, status: int, kind: str, body: bytes, more: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, text in {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

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


def certificates(folder: Path) -> tuple[str, Path]:
    """An authority as PEM, and a file with the key and certificate of the host."""
    now = datetime.now(UTC)

    def signed(name: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, *, ca: bool) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of a test")])
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        )
        if not ca:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return made.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, host = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    private = host.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "index.pem"
    path.write_bytes(private + signed(HOST, host, authority, ca=False))
    return signed("Authority of a test", authority, authority, ca=True).decode(), path


def _wheel() -> bytes:
    data, info = io.BytesIO(), "private_of_ours-1.0.dist-info"
    with zipfile.ZipFile(data, "w") as made:
        for name, text in {
            "private_of_ours.py": "VALUE = 7\n",
            f"{info}/METADATA": "Metadata-Version: 2.1\nName: private-of-ours\nVersion: 1.0\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": f"private_of_ours.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
        }.items():
            made.writestr(zipfile.ZipInfo(name), text)  # the same bytes each time
    return data.getvalue()


def _tarball() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as made:
        for name, text in {
            "package/package.json": json.dumps({"name": "private-of-ours", "version": "1.0.0", "main": "index.js"}),
            "package/index.js": "module.exports = 7;\n",
        }.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            made.addfile(member, io.BytesIO(text.encode()))
    return data.getvalue()


def _packument(address: str) -> bytes:
    version = {
        "name": "private-of-ours",
        "version": "1.0.0",
        "main": "index.js",
        "dist": {"tarball": f"https://{address}/npm/private-of-ours-1.0.0.tgz"},
    }
    return json.dumps(
        {"name": "private-of-ours", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    ).encode()
