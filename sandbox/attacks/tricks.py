# ruff: noqa: E501, S108 - the programs in here are text, their paths the sandbox's own
"""Attacks on the seams: files, neighbours, the engine, Python's own start."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from domain import Refused
from sandbox.attacks.arena import Arena, Try
from sandbox.conformance import Promise, input_is_read_or_empty, links_are_not_followed, must, nothing_is_left_running


def _promise(name: str, expected: str, promise: Promise) -> Try:
    async def attack(arena: Arena) -> None:
        await promise(await arena.sandbox())

    attack.__name__, attack.__doc__ = name, expected
    return attack


async def tar_slip_in_and_out(arena: Arena) -> None:
    """No path with .., no absolute one, no link and no special file is written or read through."""
    sandbox = await arena.sandbox()
    await sandbox.run(
        [
            "sh",
            "-c",
            "ln -s / root; ln /bin/sh hard 2>/dev/null; mkfifo pipe; truncate -s 1T sparse || truncate -s 200M sparse",
        ]
    )
    for path in (
        "../../etc/x",
        "/etc/x",
        "root/etc/x",
        "root/tmp/x",
        "/proc/self/mem",
        "/sys/x",
        "/dev/x",
        "a/../../x",
    ):
        must(await _refused(sandbox.write(path, b"x")) == "path_refused", f"wrote {path}")
        must(await _refused(sandbox.read(path)) in {"path_refused", "file_not_found"}, f"read {path}")
    must(await _refused(sandbox.read("sparse")) == "file_too_large", "a file that is all hole")
    must(await _refused(sandbox.read("pipe")) == "path_refused", "a pipe")


async def python_startup_tricks(arena: Arena) -> None:
    """PID 1 and our own scripts load nothing that a command left behind."""
    sandbox = await arena.sandbox()
    trap = b"import os\nos.system('touch /tmp/sprung')\n"
    for name in ("sitecustomize.py", "usercustomize.py", "json.py", "os.py", "struct.py", "select.py"):
        for folder in ("/work/repo", "/work", "/tmp", "/work/home"):
            await sandbox.write(f"{folder}/{name}", trap)
    for name in (".gitconfig", ".profile", ".bashrc", ".bash_profile", ".config/git/config"):
        await sandbox.write(f"/work/home/{name}", b"[alias]\nstatus = !touch /tmp/sprung\n")
    must((await sandbox.run(["true"])).ok, "the next command")
    must(await _refused(sandbox.read("/tmp/sprung")) == "file_not_found", "the trap was sprung")


async def net_none_direct(arena: Arena) -> None:
    """There is no way to any address but its own loopback, and no name is resolved."""
    sandbox = await arena.sandbox()
    script = """
import os, socket
print(sorted(os.listdir("/sys/class/net")) if os.path.exists("/sys/class/net") else "lo")
reached = []
for host in ("1.1.1.1", "10.0.0.1", "172.17.0.1", "192.168.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255", "::1:1", "fe80::1"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
        s.settimeout(0.3)
        try:
            s.connect((host, 53))
            reached.append(host)
        except OSError:
            pass
for name in ("example.com", "host.docker.internal", "gateway.docker.internal", "metadata.google.internal"):
    try:
        reached.append(socket.getaddrinfo(name, 80))
    except OSError:
        pass
print(reached)
"""
    ran = await sandbox.run(["python3", "-c", script], timeout_s=30)
    lines = ran.stdout.text().splitlines()
    must(ran.ok and lines[1] == "[]", ran)
    must("eth" not in lines[0] and "lo" in lines[0], lines[0])


async def cross_sandbox(arena: Arena) -> None:
    """Two sandboxes share no process, file, socket, message queue or shared memory."""
    one, two = await arena.sandbox(), await arena.sandbox()
    await one.run(["sh", "-c", "echo secret >/tmp/s; echo secret >/dev/shm/s; echo secret >/work/repo/s"])
    serve = "import socket\ns=socket.socket(socket.AF_UNIX)\ns.bind('\\0signoff')\ns.listen()\nt=socket.create_server(('127.0.0.1',9999))\nimport time\ntime.sleep(5)"
    serving = asyncio.create_task(one.run(["python3", "-c", serve], timeout_s=6))
    await asyncio.sleep(0.5)
    look = """
import os, socket
found = [p for p in ("/tmp/s", "/dev/shm/s", "/work/repo/s") if os.path.exists(p)]
for make in (lambda: socket.create_connection(("127.0.0.1", 9999), 1), lambda: socket.socket(socket.AF_UNIX).connect("\\0signoff")):
    try:
        make()
        found.append("socket")
    except OSError:
        pass
found += [p for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid())]
raise SystemExit(str(found) if found else 0)
"""
    ran = await two.run(["python3", "-c", look])
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    must(ran.ok, ran)


async def limits_shared_by_user_id(arena: Arena) -> None:
    """Using up what the kernel counts by user (inotify, pipe memory, pending signals) stops no neighbour."""
    hog = await arena.sandbox()
    script = """
import ctypes, fcntl, os, signal
libc, held = ctypes.CDLL(None), []
while len(held) < 600 and (fd := libc.inotify_init1(0)) >= 0:
    held.append(fd)
for _ in range(800):
    r, w = os.pipe()
    held += [r, w]
    try:
        fcntl.fcntl(w, 1031, 1 << 20)
    except OSError:
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
print("full", flush=True)
try:
    while True:
        libc.sigqueue(os.getpid(), signal.SIGRTMIN, 0) and exit()
except SystemExit:
    signal.pause()
"""
    full = asyncio.Event()
    hogging = asyncio.create_task(hog.run(["python3", "-c", script], timeout_s=8, heard=lambda _, __: full.set()))
    async with asyncio.timeout(8):
        await full.wait()
    other = await arena.sandbox()
    for _ in range(3):
        ran = await other.run(["sh", "-c", "seq 50000 | sort -n | tail -1"], timeout_s=5)
        must(ran.ok and ran.stdout.head == b"50000\n", ran)
    hogging.cancel()
    await asyncio.gather(hogging, return_exceptions=True)
    must((await hog.run(["true"])).ok, "the next command")


async def snapshot_is_a_trap(arena: Arena) -> None:
    """What is put in the place of a snapshot is not read through; the shadow repository runs nothing outside."""
    sandbox = await arena.sandbox()
    await sandbox.run(
        ["sh", "-c", "mkdir -p /work/.signoff; mkfifo /work/.signoff/out; ln -s /etc/passwd /work/.signoff/link"]
    )
    for path in ("/work/.signoff/out", "/work/.signoff/link"):
        must(await _refused(sandbox.read(path)) == "path_refused", path)
    must((await sandbox.run(["true"])).ok, "the next command")


async def _refused(verb: Awaitable[object]) -> str:
    try:
        await verb
    except Refused as refusal:
        return refusal.stable_code
    return ""


TRICKS: Final[tuple[Try, ...]] = (
    tar_slip_in_and_out,
    python_startup_tricks,
    net_none_direct,
    cross_sandbox,
    limits_shared_by_user_id,
    snapshot_is_a_trap,
    _promise("symlink_read_write_via_files_api", "No file verb follows a link.", links_are_not_followed),
    _promise(
        "background_holds_stdout", "Output held open by a background process holds nothing up.", nothing_is_left_running
    ),
    _promise("stdin_reader", "A command that reads input it was not given reads its end.", input_is_read_or_empty),
)
