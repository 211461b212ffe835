# ruff: noqa: S108, PTH208, T201, PERF401, PLR2004
# What attacks is made of plain calls and fixed paths.
"""Attempts to break out, run inside the sandbox by its own user. Standard library only.

``python3 probes.py NAME`` ends with 0 when every attempt of that name failed. What succeeded is
printed, and the exit code is 1.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import socket
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path

HELD = {errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EROFS, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}
"""What a refused call says. Anything else means that it was looked at, or done."""
_ARM = platform.machine() == "aarch64"
# Numbers on x86-64 and on arm64: the C library has functions for few of these.
_CALLS = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "clone": (56, 220),
    "clone3": (435, 435),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "acct": (163, 89),
    "syslog": (103, 116),
    "clock_settime": (227, 112),
    "settimeofday": (170, 170),
    "sethostname": (170, 161),
    "fsopen": (430, 430),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fanotify_init": (300, 262),
}
_LIBC = ctypes.CDLL(None, use_errno=True)
_NAMESPACES = {
    "user": 0x10000000,
    "mount": 0x20000,
    "pid": 0x20000000,
    "net": 0x40000000,
    "ipc": 0x8000000,
    "uts": 0x4000000,
    "cgroup": 0x2000000,
    "time": 0x80,
}


def call(name: str, *args: object) -> str:
    """Make a system call; return what is wrong when it was not refused."""
    number = _CALLS[name][_ARM]
    done = _LIBC.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in args))
    code = ctypes.get_errno()
    if done == -1 and code in HELD:
        return ""
    return f"{name}{args[:2]} gave {done} ({errno.errorcode.get(code, code)})"


def attempt(what: str, try_it: Callable[[], object]) -> str:
    """Try something; return what is wrong when it did not fail."""
    try:
        result = try_it()
    except (OSError, ValueError):
        return ""
    return f"{what}: {result!r}"[:300]


def written(path: str, data: str = "1") -> str:
    return attempt(f"wrote {path}", lambda: Path(path).write_text(data))


def root_identity() -> list[str]:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    wrong = [
        f"{key} {status.get(key)}"
        for key in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")
        if int(status.get(key, "0"), 16)
    ]
    wrong += [f"uid {n}" for n in (*os.getresuid(), *os.getresgid(), *os.getgroups()) if n < 10_000]
    wrong += [f"{k} {status.get(k)}" for k, v in (("NoNewPrivs", "1"), ("Seccomp", "2")) if status.get(k, v) != v]
    for become in (
        lambda: os.setuid(0),
        lambda: os.setgid(0),
        lambda: os.setgroups([0]),
        lambda: os.chown("/tmp", 0, 0),
    ):
        wrong.append(attempt("became root", become))
    return wrong


def setuid_or_suid_binary() -> list[str]:
    programs = []
    for folder, names, files in os.walk("/"):
        names[:] = [n for n in names if f"{folder.rstrip('/')}/{n}" not in {"/proc", "/sys", "/dev"}]
        for name in files:
            try:
                mode = os.lstat(f"{folder}/{name}").st_mode
            except OSError:
                continue
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                programs.append(f"{folder}/{name}")
    return programs


def mount_bind_remount() -> list[str]:
    wrong = [
        call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, 0),
        call("mount", b"/", b"/tmp", 0, 0x1000, 0),
        call("mount", 0, b"/", 0, 0x20 | 0x1000, 0),
        call("umount2", b"/tmp", 2),
        call("pivot_root", b"/tmp", b"/tmp"),
        call("fsopen", b"tmpfs", 0),
        call("open_tree", -100, b"/", 1),
        call("move_mount", -100, b"/", -100, b"/tmp", 0),
    ]
    options = {line.split()[1]: line.split()[3] for line in Path("/proc/mounts").read_text().splitlines()}
    return [*wrong, *([] if "ro" in options.get("/", "").split(",") else ["/ is not read-only"])]


def userns_unshare_clone_clone3() -> list[str]:
    wrong = [call("unshare", flag) for flag in _NAMESPACES.values()]
    for name, flag in _NAMESPACES.items():
        # The bits of that flag are those of the exit signal in ``clone`` (clone(2)).
        if name != "time":
            wrong.append(call("clone", flag | 17, 0, 0, 0, 0))
    wrong.append(call("clone3", struct.pack("<11Q", 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88))
    for name in ("user", "mnt", "pid", "net"):
        wrong.append(
            attempt(f"setns {name}", lambda name=name: _must(call("setns", os.open(f"/proc/self/ns/{name}", 0), 0)))
        )
    return wrong


def _must(wrong: str) -> str:
    if not wrong:
        raise OSError("held")
    return wrong


def ptrace_pid1_vm_readv() -> list[str]:
    buffer = ctypes.create_string_buffer(64)
    local, remote = struct.pack("<QQ", ctypes.addressof(buffer), 64), struct.pack("<QQ", 0x400000, 64)
    return [
        call("ptrace", 16, 1, 0, 0),
        call("ptrace", 0x4206, 1, 0, 0),
        call("process_vm_readv", 1, local, 1, remote, 1, 0),
        call("process_vm_writev", 1, local, 1, remote, 1, 0),
        call("kcmp", 1, os.getpid(), 0, 0, 0),
        attempt("pidfd_getfd", lambda: _must(call("pidfd_getfd", os.pidfd_open(1), 0, 0))),
    ]


def read_pid1_environ_mem_fd() -> list[str]:
    wrong = [
        attempt(f"read /proc/1/{name}", lambda name=name: Path(f"/proc/1/{name}").read_bytes()[:40])
        for name in ("environ", "mem", "maps", "auxv", "stack", "syscall", "io")
    ]
    wrong += [attempt(f"opened /proc/1/fd/{n}", lambda n=n: os.open(f"/proc/1/fd/{n}", os.O_RDWR)) for n in range(8)]
    wrong += [
        attempt(f"/proc/1/{name}", lambda name=name: os.listdir(f"/proc/1/{name}")) for name in ("fd", "map_files")
    ]
    wrong += [
        attempt(f"through /proc/1/{name}", lambda name=name: os.listdir(f"/proc/1/{name}/")) for name in ("root", "cwd")
    ]
    return wrong


def bpf_perf_userfaultfd_iouring_keyring() -> list[str]:
    room = ctypes.create_string_buffer(256)
    return [
        call("bpf", 0, room, 128),
        call("perf_event_open", room, 0, -1, -1, 0),
        call("userfaultfd", 0),
        call("userfaultfd", 1),
        call("io_uring_setup", 8, room),
        call("keyctl", 0, -4, 1),
        call("keyctl", 6, -3),
        call("add_key", b"user", b"x", b"y", 1, -3),
        call("request_key", b"user", b"x", 0, -3),
        call("fanotify_init", 0, 0),
    ]


def raw_packet_vsock_alg_netlink_sockets() -> list[str]:
    kinds = [
        (socket.AF_INET, socket.SOCK_RAW, 1),
        (socket.AF_INET, socket.SOCK_RAW, 255),
        (socket.AF_INET6, socket.SOCK_RAW, 58),
        (17, socket.SOCK_RAW, 768),
        (17, socket.SOCK_DGRAM, 768),
        (40, socket.SOCK_STREAM, 0),
        (38, socket.SOCK_SEQPACKET, 0),
        *((16, socket.SOCK_RAW, protocol) for protocol in (4, 9, 11, 12, 15, 16, 20, 21)),
        (29, socket.SOCK_RAW, 1),
        (31, socket.SOCK_RAW, 1),
        (44, socket.SOCK_RAW, 0),
        (21, 5, 0),
        (30, 1, 0),
        (15, 2, 2),
    ]
    return [attempt(f"socket{kind}", lambda kind=kind: socket.socket(*kind)) for kind in kinds]


def odd_protocols_and_kernel_tls() -> list[str]:
    """Protocols that would load modules: SCTP, MPTCP, SMC, UDP-Lite, L2TP, ping sockets; TLS in the kernel."""
    kinds = [
        (family, kind, protocol)
        for family in (socket.AF_INET, socket.AF_INET6)
        for kind, protocol in ((1, 132), (1, 262), (1, 256), (5, 132), (2, 136), (2, 115), (2, 1), (2, 58), (6, 33))
    ]
    wrong = [attempt(f"socket{kind}", lambda kind=kind: socket.socket(*kind)) for kind in kinds]
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    for name in (b"tls", b"espintcp", b"smc", b"mptcp"):
        wrong.append(attempt(f"TCP_ULP {name}", lambda n=name: client.setsockopt(6, 31, n) or n))
    return wrong


def main() -> int:
    import probes_host  # noqa: PLC0415  it takes its tools from here

    probe = {**vars(probes_host), **globals()}[sys.argv[1]]
    wrong = [problem for problem in probe() if problem]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
