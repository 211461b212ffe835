"""The only way out: connections to 127.0.0.1:3128 travel in frames to the policy proxy outside.

Each direction of a connection has a window: nobody buffers more than that for a slow reader.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

PORT = 3128
WINDOW = 256 << 10
_CONNECTIONS = 64
_READ = 64 << 10

Send = Callable[[dict[str, Any], bytes], None]


class Connection:
    """One accepted connection."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number, self.sock = number, sock
        self.pending = bytearray()
        """From outside, not yet taken by the process."""
        self.in_flight = 0
        """Sent outside and not yet acknowledged."""
        self.said_all = self.heard_all = False

    def events(self) -> int:
        reading = 0 if self.said_all or self.in_flight >= WINDOW else select.EPOLLIN
        return reading | (select.EPOLLOUT if self.pending else 0)

    @property
    def over(self) -> bool:
        return self.said_all and self.heard_all and not self.pending


class Tunnel:
    """Listens inside; its own ``epoll`` is one descriptor to the runner's."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._poll = select.epoll()
        self._listener: socket.socket | None = None
        self._numbers = 0
        self._connections: dict[int, Connection] = {}
        self._by_fd: dict[int, Connection] = {}

    def fileno(self) -> int:
        return self._poll.fileno()

    def open(self) -> None:
        """Begin to listen; doing it twice is fine."""
        if self._listener is None:
            # On loopback inside: with NetworkMode none, that is the only interface there is.
            self._listener = socket.create_server(("127.0.0.1", PORT), backlog=_CONNECTIONS)
            self._listener.setblocking(False)
            self._poll.register(self._listener.fileno(), select.EPOLLIN)

    def turn(self) -> None:
        """Do what can be done now."""
        for fd, events in self._poll.poll(0):
            connection = self._by_fd.get(fd)
            if connection is None:
                self._accept()
                continue
            if events & select.EPOLLOUT:
                self._flush(connection)
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and not connection.said_all:
                self._read(connection)
            self._settle(connection)

    def take(self, header: dict[str, Any], payload: bytes) -> None:
        """Carry out what came from outside for one connection."""
        connection = self._connections.get(header["conn"])
        if connection is None:
            return  # it was closed inside just now
        kind = header["kind"]
        if kind == "data":
            connection.pending += payload
            self._flush(connection)
        elif kind == "ack":
            connection.in_flight -= header["bytes"]
        elif kind == "end":
            connection.heard_all = True
        else:
            self._close(connection)
            return
        self._settle(connection)

    def _accept(self) -> None:
        if self._listener is None:
            return
        with suppress(OSError):
            sock, _ = self._listener.accept()
            if len(self._connections) >= _CONNECTIONS:
                sock.close()
                return
            sock.setblocking(False)
            self._numbers += 1
            connection = Connection(self._numbers, sock)
            self._connections[connection.number] = self._by_fd[sock.fileno()] = connection
            self._poll.register(sock.fileno(), connection.events())
            self._tell(connection, "open")

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            connection.in_flight += len(data)
            self._tell(connection, "data", data)
        else:
            connection.said_all = True
            self._tell(connection, "end")

    def _flush(self, connection: Connection) -> None:
        try:
            sent = connection.sock.send(connection.pending)
        except BlockingIOError:
            return
        except OSError:
            self._tell(connection, "end")
            self._close(connection)
            return
        del connection.pending[:sent]
        self._send({"ev": "net", "conn": connection.number, "kind": "ack", "bytes": sent}, b"")

    def _settle(self, connection: Connection) -> None:
        """Close what is over; else watch for what can happen next."""
        if connection.number not in self._connections:
            return
        if connection.over:
            self._close(connection)
            return
        if connection.heard_all and not connection.pending:
            with suppress(OSError):
                connection.sock.shutdown(socket.SHUT_WR)
        self._poll.modify(connection.sock.fileno(), connection.events())

    def _tell(self, connection: Connection, kind: str, data: bytes = b"") -> None:
        self._send({"ev": "net", "conn": connection.number, "kind": kind}, data)

    def _close(self, connection: Connection) -> None:
        self._connections.pop(connection.number, None)
        self._by_fd.pop(connection.sock.fileno(), None)
        self._tell(connection, "gone")
        connection.sock.close()
