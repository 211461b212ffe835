# ruff: noqa: S103, S108, PTH101, PTH102, PTH108, PTH109, PTH110, PTH115, PTH208, PERF401, SIM115, PLR2004
# What attacks is made of plain calls and fixed paths.
"""Attempts on the host's kernel, disks and files, run inside the sandbox; loaded by ``probes``."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import subprocess
from pathlib import Path

from probes import attempt, call, written


def mknod_and_open_host_disk() -> list[str]:
    wrong = []
    for name, kind, device in (
        ("disk", stat.S_IFBLK, (8, 0)),
        ("vda", stat.S_IFBLK, (254, 0)),
        ("mem", stat.S_IFCHR, (1, 1)),
        ("kmsg", stat.S_IFCHR, (1, 11)),
        ("tty", stat.S_IFCHR, (5, 1)),
    ):
        path = f"/tmp/{name}"
        wrong.append(attempt(f"mknod {name}", lambda p=path, k=kind, d=device: os.mknod(p, k | 0o666, os.makedev(*d))))
        wrong.append(attempt(f"opened {name}", lambda p=path: os.open(p, os.O_RDONLY)))
    for path in (
        "/dev/sda",
        "/dev/vda",
        "/dev/mem",
        "/dev/kmsg",
        "/dev/kvm",
        "/dev/fuse",
        "/dev/net/tun",
        "/dev/loop0",
        "/dev/mapper/control",
    ):
        wrong.append(attempt(f"opened {path}", lambda p=path: os.open(p, os.O_RDONLY)))
    return wrong


def write_proc_sys_sysrq_corepattern() -> list[str]:
    return [
        written("/proc/sysrq-trigger", "h"),
        written("/proc/sys/kernel/core_pattern", "|/tmp/x"),
        written("/proc/sys/kernel/modprobe", "/tmp/x"),
        written("/proc/sys/vm/overcommit_memory"),
        written("/proc/sys/fs/binfmt_misc/register", ":x:M::x::/tmp/x:"),
        written("/proc/sys/net/ipv4/ip_forward"),
        written("/proc/sys/kernel/ns_last_pid"),
        written("/sys/kernel/uevent_helper", "/tmp/x"),
        written("/sys/kernel/mm/ksm/run"),
        written("/sys/power/state", "mem"),
        written("/proc/1/oom_score_adj", "1000"),
        written("/proc/1/oom_adj", "15"),
        written("/proc/1/comm", "x"),
        written("/proc/1/clear_refs"),
        written("/proc/self/uid_map", "0 0 1"),
    ]


def read_masked_proc_sys_dmesg() -> list[str]:
    room = ctypes.create_string_buffer(4_096)
    wrong = [call("syslog", 3, room, 4_095), call("syslog", 10, 0, 0)]
    for path in (
        "/proc/kcore",
        "/proc/keys",
        "/proc/timer_list",
        "/proc/sched_debug",
        "/proc/latency_stats",
        "/proc/scsi/scsi",
        "/sys/firmware/dmi/tables/DMI",
        "/sys/firmware/acpi/tables/DSDT",
        "/proc/acpi/wakeup",
        "/dev/kmsg",
        "/sys/kernel/debug/sched",
        "/sys/kernel/security/lsm",
    ):
        wrong.append(attempt(f"read {path}", lambda p=path: _some(Path(p).open("rb").read(16))))
    return wrong


def _some(data: bytes) -> bytes:
    """A masked file is empty, which is as good as not there."""
    if not data:
        raise OSError("masked")
    return data


def cgroup_release_agent() -> list[str]:
    wrong = []
    for folder, names, files in os.walk("/sys/fs/cgroup"):
        names[:] = names[:40]
        for name in {
            "release_agent",
            "notify_on_release",
            "cgroup.procs",
            "memory.limit_in_bytes",
            "memory.max",
            "pids.max",
            "devices.allow",
            "cpu.max",
        } & set(files):
            wrong.append(attempt(f"opened {folder}/{name}", lambda p=f"{folder}/{name}": os.open(p, os.O_WRONLY)))
        wrong.append(attempt(f"made a group in {folder}", lambda f=folder: os.mkdir(f"{f}/x")))
    return wrong


def open_by_handle_at() -> list[str]:
    handle = ctypes.create_string_buffer(struct.pack("<IiQ", 8, 1, 2) + bytes(120))
    place = ctypes.c_int()
    return [
        call("open_by_handle_at", os.open("/", os.O_RDONLY), handle, 0),
        call("name_to_handle_at", -100, b"/etc/passwd", handle, ctypes.byref(place), 0),
    ]


def module_kexec_clock_chroot_swap() -> list[str]:
    now = struct.pack("<qq", 1, 0)
    return [
        call("init_module", b"x", 1, b""),
        call("finit_module", 0, b"", 0),
        call("delete_module", b"x", 0),
        call("kexec_load", 0, 0, 0, 0),
        call("clock_settime", 0, now),
        call("settimeofday", now, 0),
        call("chroot", b"/tmp"),
        call("swapon", b"/tmp/x", 0),
        call("acct", b"/tmp/x"),
        call("reboot", 0xFEE1DEAD, 672274793, 0, 0),
    ]


def rootfs_and_runner_tamper() -> list[str]:
    paths = (
        "/x",
        "/etc/passwd",
        "/etc/ld.so.preload",
        "/usr/bin/x",
        "/usr/bin/python3",
        "/usr/bin/git",
        "/etc/gitconfig",
        "/usr/lib/python3/x",
        "/root/x",
        "/var/x",
        "/opt/x",
        "/dev/x",
        "/run/x",
    )
    wrong = [attempt(f"opened {p}", lambda p=p: os.open(p, os.O_WRONLY | os.O_CREAT)) for p in paths]
    return [
        *wrong,
        attempt("removed python3", lambda: os.unlink("/usr/bin/python3")),
        attempt("hard link", lambda: os.link("/usr/bin/git", "/usr/bin/git2")),
    ]


def suid_dev_on_tmpfs() -> list[str]:
    options = {
        line.split()[1]: set(line.split()[3].split(",")) for line in Path("/proc/mounts").read_text().splitlines()
    }
    return [
        f"{place} without {word}"
        for place in ("/work", "/tmp", "/dev/shm")
        for word in ("nosuid", "nodev")
        if place in options and word not in options[place]
    ]


def docker_sock_devices_secrets_env() -> list[str]:
    sockets = (
        "/var/run/docker.sock",
        "/run/docker.sock",
        "/run/containerd/containerd.sock",
        "/run/podman/podman.sock",
        "/var/run/secrets/kubernetes.io",
        "/run/secrets",
        "/.dockerenv.secret",
        "/root/.ssh",
        "/root/.aws",
    )
    wrong = [p for p in sockets if os.path.exists(p)]
    words = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL", "SIGNOFF", "DOCKER", "AWS", "AZURE", "GOOGLE")
    wrong += [
        f"variable {name}"
        for name in [pair.split("=")[0] for pair in Path("/proc/self/environ").read_text().split("\0")]
        if any(word in name for word in words)
    ]
    usual = {
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "tty",
        "console",
        "ptmx",
        "pts",
        "shm",
        "mqueue",
        "fd",
        "stdin",
        "stdout",
        "stderr",
        "core",
    }
    return [*wrong, *(f"/dev/{name}" for name in os.listdir("/dev") if name not in usual)]


def workdir_proc_self_fd() -> list[str]:
    """CVE-2024-21626: a descriptor of the host that was left open, or a working directory outside."""
    wrong = []
    for name in os.listdir("/proc/self/fd"):
        target = attempt("", lambda n=name: os.readlink(f"/proc/self/fd/{n}"))
        wrong += [target] if target and "cgroup" in target else []
        for up in ("../../../../../../etc/shadow", "../../../etc/shadow"):
            wrong.append(attempt(f"fd {name}", lambda n=name, u=up: Path(f"/proc/self/fd/{n}/{u}").read_bytes()[:20]))
    left = {int(n) for n in os.listdir("/proc/self/fd")} - {0, 1, 2}
    wrong += [f"fd {n} was left open" for n in left if n != 3]
    return [*wrong, *([] if os.getcwd().startswith(("/work", "/tmp")) else [os.getcwd()])]


def proc_self_exe_overwrite() -> list[str]:
    """CVE-2019-5736: write to the runtime's own binary through /proc/PID/exe."""
    wrong = [attempt(f"/proc/{pid}/exe", lambda p=pid: os.open(f"/proc/{p}/exe", os.O_WRONLY)) for pid in ("self", "1")]
    script = "#!/proc/self/exe\n"
    Path("/tmp/again").write_text(script)
    os.chmod("/tmp/again", 0o755)
    subprocess.run(["/tmp/again"], capture_output=True, timeout=5, check=False)
    return wrong
