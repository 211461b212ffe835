# ruff: noqa: E501, S108 - the programs in here are text, their paths the sandbox's own
"""Attacks on limits: processes, memory, disk, output, time."""

import asyncio
import time
from pathlib import Path
from typing import Final

from sandbox.attacks.arena import Arena, Try
from sandbox.conformance import must
from sandbox.contract import Sandbox

_MB = 1 << 20


async def fork_bomb(arena: Arena) -> None:
    """Killed within 2 s of its deadline; the next command is fine."""
    sandbox = await arena.sandbox()
    began = time.monotonic()
    ran = await sandbox.run(["sh", "-c", "f() { f | f & }; f; while :; do f; done"], timeout_s=2)
    must(ran.ended in {"timeout", "exit", "signal"}, ran)
    must(time.monotonic() - began < 4, f"{time.monotonic() - began:.1f} s")  # noqa: PLR2004
    await _fine(sandbox)


async def memory_bomb(arena: Arena) -> None:
    """The hog dies, the runner lives, and it is reported as out of memory."""
    sandbox = await arena.sandbox()
    ran = await sandbox.run(["python3", "-c", "x = []\nwhile True: x.append(bytearray(1 << 24))"], timeout_s=60)
    must(ran.ended == "oom", ran)
    many = "import os\nfor _ in range(6): os.fork()\nx = []\nwhile True: x.append(bytearray(1 << 22))"
    must((await sandbox.run(["python3", "-c", many], timeout_s=60)).ended in {"oom", "timeout"}, "many hogs")
    await _fine(sandbox)


async def tmpfs_byte_inode_shm_fill(arena: Arena) -> None:
    """Writing stops at the limit of bytes and of files; the runner answers."""
    sandbox = await arena.sandbox()
    limits = arena.spec.limits
    script = """
import os
for place in ("/work/repo", "/tmp", "/dev/shm"):
    total = 0
    try:
        with open(place + "/fill", "wb") as file:
            while True:
                total += file.write(bytes(1 << 20))
                file.flush()
    except OSError as error:
        print(place, total >> 20, error.errno)
    os.unlink(place + "/fill")
count = 0
try:
    while True:
        open(f"/tmp/{count}", "w").close()
        count += 1
except OSError as error:
    print("files", count, error.errno)
"""
    ran = await sandbox.run(["python3", "-c", script], timeout_s=120)
    must(ran.ok, ran)
    used = {line.split()[0]: int(line.split()[1]) for line in ran.stdout.text().splitlines()}
    must(used["/work/repo"] <= limits.work_mb and used["/tmp"] <= limits.tmp_mb and used["/dev/shm"] <= 64, used)  # noqa: PLR2004
    must(used["files"] <= limits.inodes, used)
    await _fine(sandbox)


async def rootfs_or_log_disk_fill(arena: Arena) -> None:
    """Neither output nor files take room on the host's disk."""
    sandbox = await arena.sandbox()
    grown = 0
    # Others write on the same disk meanwhile: what a sandbox takes of it, it takes every time.
    for _ in range(3):
        before = await arena.hand.disk_bytes()
        await sandbox.run(["sh", "-c", "yes '' | head -c 60000000"], timeout_s=60)
        await sandbox.run(["sh", "-c", "head -c 30000000 /dev/zero >>/tmp/x; cat /tmp/x >>/x"], timeout_s=60)
        grown = await arena.hand.disk_bytes() - before
        if grown < 40 * _MB:
            return
    must(False, f"{grown} bytes of the host's disk")


async def cpu_hog(arena: Arena) -> None:
    """A neighbour still gets its answers in good time."""
    hog, other = await arena.sandbox(), await arena.sandbox()
    script = "import os\nfor _ in range(5): os.fork()\nwhile True: pass"
    hogging = asyncio.create_task(hog.run(["python3", "-c", script], timeout_s=3))
    await asyncio.sleep(0.5)
    began = time.monotonic()
    for _ in range(5):
        must((await other.run(["true"])).ok, "the neighbour")
    took = time.monotonic() - began
    must((await hogging).ended == "timeout", "the hog")
    must(took < 2, f"five commands took {took:.1f} s")  # noqa: PLR2004
    await _fine(hog)


async def fd_core_fsize_limits(arena: Arena) -> None:
    """Descriptors, core files and file sizes have limits that cannot be raised."""
    sandbox = await arena.sandbox()
    script = """
import resource
for name in ("NOFILE", "CORE", "FSIZE"):
    kind = getattr(resource, "RLIMIT_" + name)
    hard = resource.getrlimit(kind)[1]
    try:
        resource.setrlimit(kind, (hard + 1, hard + 1))
        raise SystemExit("raised " + name)
    except (ValueError, OSError):
        print(name, hard)
files = []
try:
    while True:
        files.append(open("/dev/null"))
except OSError:
    print("opened", len(files))
"""
    ran = await sandbox.run(["python3", "-c", script], timeout_s=60)
    must(ran.ok, ran)
    figures = {line.split()[0]: int(line.split()[1]) for line in ran.stdout.text().splitlines()}
    must(figures["NOFILE"] == arena.spec.limits.files and figures["CORE"] == 0, figures)
    must(figures["FSIZE"] == arena.spec.limits.file_mb * _MB and figures["opened"] <= figures["NOFILE"], figures)


async def stdout_flood_1gb(arena: Arena) -> None:
    """A gigabyte is read and counted; our own memory stays flat."""
    sandbox = await arena.sandbox()
    before = _resident()
    heard: list[int] = []
    ran = await sandbox.run(
        ["sh", "-c", "head -c 1073741824 /dev/zero"], timeout_s=120, heard=lambda _, data: heard.append(len(data))
    )
    out = ran.stdout
    must(ran.ok and len(out.head) + len(out.tail) + out.dropped == 1 << 30, (ran.ended, out.dropped))
    must(len(out.head) + len(out.tail) <= _MB and sum(heard) <= _MB, (len(out.head), sum(heard)))
    must(_resident() - before < 64 * _MB, f"{(_resident() - before) >> 20} MB more")


async def binary_ansi_invalid_utf8_prompt_marker_output(arena: Arena) -> None:
    """Whatever is printed arrives as it is, and the exit code is true."""
    sandbox = await arena.sandbox()
    odd = (
        b"\x1b[2J\x1b]0;title\x07\xff\xfe\x00$ # >>> \r\nPS1 ### END 0 ###\n"
        + bytes(range(256))
        + b'{"ev":"end","id":1,"code":0}'
    )
    ran = await sandbox.run(["sh", "-c", "cat; cat /proc/self/fd/0 >&2; exit 3"], stdin=odd)
    must(ran.ended == "exit" and ran.code == 3, ran)  # noqa: PLR2004
    must(ran.stdout.head == odd, ran.stdout)


async def timeout_plain_nohup_setsid_doublefork_termimmune(arena: Arena) -> None:
    """After a time-out no process is left, however it hid."""
    sandbox = await arena.sandbox()
    for hide in (
        "sleep 99",
        "nohup sleep 99 & wait",
        "setsid sleep 99 & sleep 99",
        "(setsid sh -c 'sleep 99 & sleep 99' &) & sleep 99",
        "trap '' TERM INT HUP QUIT; while :; do sleep 9; done",
        "sh -c 'kill -STOP $$' & sleep 99",
    ):
        began = time.monotonic()
        ran = await sandbox.run(["bash", "-c", hide], timeout_s=0.4)
        must(ran.ended == "timeout" and time.monotonic() - began < 2, (hide, ran))  # noqa: PLR2004
        left = await sandbox.run(["sh", "-c", "ls -d /proc/[0-9]*"])
        must(len(left.stdout.head.split()) <= 3, (hide, left.stdout))  # noqa: PLR2004  PID 1, sh, ls


async def zombie_farm(arena: Arena) -> None:
    """Dead children are reaped; they do not use up the processes there may be."""
    sandbox = await arena.sandbox()
    script = "import os\nfor _ in range(100):\n    if not os.fork():\n        os.setsid()\n        os.fork()\n        os._exit(0)"
    for _ in range(5):
        must((await sandbox.run(["python3", "-c", script], timeout_s=20)).ok, "the farm")
    await _fine(sandbox)


async def _fine(sandbox: Sandbox) -> None:
    """The next command works, and nothing of the last one is there."""
    ran = await sandbox.run(["sh", "-c", "ls -d /proc/[0-9]*"], timeout_s=10)
    must(ran.ok and len(ran.stdout.head.split()) <= 3, ran)  # noqa: PLR2004


def _resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4_096


FLOODS: Final[tuple[Try, ...]] = (
    fork_bomb,
    memory_bomb,
    tmpfs_byte_inode_shm_fill,
    rootfs_or_log_disk_fill,
    cpu_hog,
    fd_core_fsize_limits,
    stdout_flood_1gb,
    binary_ansi_invalid_utf8_prompt_marker_output,
    timeout_plain_nohup_setsid_doublefork_termimmune,
    zombie_farm,
)
