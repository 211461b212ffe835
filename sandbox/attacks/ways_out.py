# ruff: noqa: E501 - the programs in here are text
"""Attacks on the proxy, from inside, with a server of ours as the only host that is allowed."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from sandbox.attacks.arena import Arena, Try
from sandbox.conformance import must
from sandbox.contract import Sandbox
from sandbox.egress.policy import Egress, EgressRecord

_BUDGET = 200_000

_CLIENT = """
import json, socket, ssl, sys
port = int(sys.argv[1])
def ask(first, then=b"", wait=3):
    try:
        s = socket.create_connection(("127.0.0.1", 3128), wait)
        s.settimeout(wait)
        s.sendall(first)
        answer = s.recv(4096)
        if then and b" 200 " in answer:
            s.sendall(then)
            answer = s.recv(4096) or b"closed"
        return answer.decode(errors="replace")[:60]
    except OSError as error:
        return repr(error)
def hello(name):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(i, o, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        return o.read()
def connect(target, more=""):
    return f"CONNECT {target} HTTP/1.1\\r\\nHost: x\\r\\n{more}\\r\\n".encode()
"""
_BYPASSES = (
    _CLIENT
    + """
good = f"localhost:{port}"
tried = {}
for target in (f"localhost.evil.test:{port}", f"evillocalhost:{port}", f"sub.localhost:{port}", f"localhost.:{port}", f"127.0.0.1:{port}",
               f"2130706433:{port}", f"0x7f000001:{port}", f"0x7f.1:{port}", f"127.1:{port}", f"0:{port}", f"[::1]:{port}", f"::1:{port}",
               f"[::ffff:127.0.0.1]:{port}", f"user@localhost:{port}", f"localhost@evil.test:{port}", f"localhost%00.evil.test:{port}",
               "localhost:22", "localhost:2375", "localhost", f"http://localhost:{port}", "169.254.169.254:80", "example.com:443"):
    tried[target] = ask(connect(target), hello("localhost"))
tried["plain http"] = ask(f"GET http://localhost:{port}/ HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n".encode())
tried["absolute path"] = ask(f"GET / HTTP/1.1\\r\\nHost: localhost:{port}\\r\\n\\r\\n".encode())
tried["wrong name"] = ask(connect(good), hello("evil.test"))
tried["no name"] = ask(connect(good), hello(None))
tried["plaintext"] = ask(connect(good), b"GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
tried["ssh"] = ask(connect(good), b"SSH-2.0-x\\r\\n")
tried["smuggled"] = ask(connect(good) + hello("localhost"))
tried["body"] = ask(connect(good, "Content-Length: 600\\r\\n") + hello("localhost"))
tried["chunked"] = ask(connect(good, "Transfer-Encoding: chunked\\r\\n"))
tried["second line"] = ask(f"CONNECT evil.test:{port}\\r\\nCONNECT {good} HTTP/1.1\\r\\n\\r\\n".encode())
print(json.dumps(tried))
"""
)
_EXFIL = (
    _CLIENT
    + """
sent = 0
for _ in range(12):
    s = socket.create_connection(("127.0.0.1", 3128), 3)
    s.settimeout(3)
    try:
        s.sendall(connect(f"localhost:{port}"))
        s.recv(4096)
        s.sendall(hello("localhost"))
        s.recv(4096)
        for _ in range(40):
            s.sendall(b"s" * 4096)
            sent += 4096
    except OSError:
        pass
print(sent)
"""
)
_SLOW = (
    _CLIENT
    + """
held = []
for _ in range(90):
    try:
        s = socket.create_connection(("127.0.0.1", 3128), 1)
        s.sendall(b"CON")
        held.append(s)
    except OSError:
        break
print(len(held))
"""
)


_FLOOD = (
    _CLIENT
    + """
for n in range(1500):
    try:
        s = socket.create_connection(("127.0.0.1", 3128), 1)
        s.sendall(connect(f"evil{n}.test:443"))
        s.close()
    except OSError:
        pass
"""
)


@dataclass
class Server:
    """Listens on loopback and keeps count of what it hears."""

    port: int = 0
    heard: int = 0
    passages: list[EgressRecord] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            self.heard += len(data)
            writer.write(b"x")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def _open(arena: Arena) -> AsyncGenerator[tuple[Server, Sandbox]]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    rules = Egress(hosts=(f"localhost:{server.port}",), private=("localhost",), upload_bytes=_BUDGET)
    backend = arena.with_egress(rules, server.passages.append)
    try:
        yield server, await backend.lease(replace(arena.spec, profile="packages"), run="attack")
    finally:
        await backend.close()
        listening.close()


async def proxy_bypass(arena: Arena) -> None:
    """Look-alike names, addresses, other ports, no or other TLS names, plain text and smuggling get no byte out."""
    async with _open(arena) as (server, sandbox):
        ran = await sandbox.run(["python3", "-c", _BYPASSES, str(server.port)], timeout_s=110)
        must(ran.ok, ran)
        answers: dict[str, str] = json.loads(ran.stdout.text())
        wrong = {
            name: text
            for name, text in answers.items()
            if not text.startswith(("HTTP/1.1 4", "closed", "Conn", "Time"))
        }
        must(not wrong and server.heard == 0, (wrong, server.heard))
        refused = [p for p in server.passages if p.verdict == "refused" and p.run == "attack"]
        must(len(refused) == len(answers), f"{len(refused)} of {len(answers)} were written down")


async def exfil_budget(arena: Arena) -> None:
    """What can be sent to an allowed host ends with the budget, over all connections together."""
    async with _open(arena) as (server, sandbox):
        ran = await sandbox.run(["python3", "-c", _EXFIL, str(server.port)], timeout_s=60)
        must(ran.ok, ran)
        must(0 < server.heard <= _BUDGET, f"{server.heard} bytes got out")
        must(any("budget" in p.reason for p in server.passages), server.passages)


async def proxy_slowloris(arena: Arena) -> None:
    """Requests that never end hold nothing up, and are dropped."""
    async with _open(arena) as (server, sandbox):
        ran = await sandbox.run(["python3", "-c", _SLOW, str(server.port)], timeout_s=30)
        must(ran.ok and server.heard == 0, ran)
        must((await sandbox.run(["true"], timeout_s=5)).ok, "the next command")


async def proxy_flood_fills_no_log(arena: Arena) -> None:
    """A flood of refused tries is written down up to a bound, and the next command is fine."""
    async with _open(arena) as (server, sandbox):
        await sandbox.run(["python3", "-c", _FLOOD, str(server.port)], timeout_s=40)
        must((await sandbox.run(["true"], timeout_s=5)).ok and server.heard == 0, "the next command")
        must(0 < len(server.passages) <= 501, f"{len(server.passages)} lines")  # noqa: PLR2004


WAYS_OUT: Final[tuple[Try, ...]] = (
    proxy_bypass,
    exfil_budget,
    proxy_slowloris,
    proxy_flood_fills_no_log,
)
