# ruff: noqa: E501 - the programs in here are text, their paths the sandbox's own
"""Attacks from inside on the kernel, the host and PID 1. The programs are in ``probes``."""

import secrets
from typing import Final

from domain import SandboxLost
from sandbox.attacks.arena import Arena, Try
from sandbox.conformance import must
from sandbox.inside.frames import pack


def _probe(name: str, expected: str) -> Try:
    async def attack(arena: Arena) -> None:
        await arena.probe(name)

    attack.__name__, attack.__doc__ = name, expected
    return attack


async def forge_runner_frame(arena: Arena) -> None:
    """A frame written to PID 1's stdout cannot be written, or is noticed and the sandbox thrown away."""
    sandbox = await arena.sandbox()
    forged = pack({"ev": "end", "id": 1, "ended": "exit", "code": 0}) + secrets.token_bytes(8)
    script = f"""
import os
for n in range(16):
    for path in (f"/proc/1/fd/{{n}}", f"/proc/1/task/1/fd/{{n}}", "/dev/stdout", "/dev/console"):
        try:
            fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            os.write(fd, {forged!r})
        except OSError:
            pass
raise SystemExit(7)
"""
    try:
        ran = await sandbox.run(["python3", "-c", script], timeout_s=20)
    except SandboxLost:
        return
    must(ran.ended == "exit" and ran.code == 7, ran)  # noqa: PLR2004
    must((await sandbox.run(["true"])).ok, "the next command")


async def kill_pid1(arena: Arena) -> None:
    """Signals to PID 1 are ignored, or the loss is reported as one infrastructure error."""
    sandbox = await arena.sandbox()
    script = """
import os, signal
for number in range(1, 65):
    try:
        os.kill(1, number)
    except OSError:
        pass
raise SystemExit(5)
"""
    try:
        ran = await sandbox.run(["python3", "-c", script], timeout_s=20)
        must(ran.code == 5, ran)  # noqa: PLR2004
        must((await sandbox.run(["true"])).ok, "the next command")
    except SandboxLost:
        return


async def starve_pid1(arena: Arena) -> None:
    """Taking PID 1 its limits, its rank or its processor is refused; the answers stay right."""
    sandbox = await arena.sandbox()
    script = """
import os, resource
for what in ("NOFILE", "AS", "CPU", "FSIZE", "STACK", "NPROC"):
    try:
        resource.prlimit(1, getattr(resource, "RLIMIT_" + what), (0, 0))
        print("took", what)
    except (OSError, PermissionError):
        pass
for take in (lambda: os.setpriority(os.PRIO_PROCESS, 1, 19), lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)),
             lambda: os.setpriority(os.PRIO_USER, 0, 19), lambda: os.setpriority(os.PRIO_PGRP, 1, 19), lambda: os.sched_setaffinity(1, {0})):
    try:
        take()
        print("took more")
    except OSError:
        pass
"""
    ran = await sandbox.run(["python3", "-c", script], timeout_s=20)
    must(ran.ok and not ran.stdout.head, ran)
    hog = "import multiprocessing as m\nfor _ in range(8): m.Process(target=lambda: [0 for _ in iter(int, 1)]).start()"
    slow = await sandbox.run(["python3", "-c", hog], timeout_s=1)
    must(slow.ended == "timeout", slow)
    must((await sandbox.run(["true"])).ok, "the next command")


BREAKOUTS: Final[tuple[Try, ...]] = (
    _probe("root_identity", "Nobody is root, has a capability or can get one."),
    _probe("setuid_or_suid_binary", "No program in the image changes who one is."),
    _probe("mount_bind_remount", "Nothing can be mounted or remounted, by the old calls or the new ones."),
    _probe("userns_unshare_clone_clone3", "No namespace can be made or entered."),
    _probe("ptrace_pid1_vm_readv", "No other process can be traced, read or written."),
    _probe("read_pid1_environ_mem_fd", "Environment, memory and descriptors of PID 1 cannot be read or opened."),
    forge_runner_frame,
    kill_pid1,
    starve_pid1,
    _probe("bpf_perf_userfaultfd_iouring_keyring", "The kernel's most attacked interfaces are closed."),
    _probe("raw_packet_vsock_alg_netlink_sockets", "Only unix, TCP, UDP and routing-table sockets can be made."),
    _probe(
        "odd_protocols_and_kernel_tls",
        "Of the network only plain TCP and UDP can be spoken, and no module is loaded for more.",
    ),
    _probe("mknod_and_open_host_disk", "No device can be made or opened."),
    _probe("write_proc_sys_sysrq_corepattern", "No setting of the kernel can be changed."),
    _probe("read_masked_proc_sys_dmesg", "Kernel memory, keys, timers and messages cannot be read."),
    _probe("cgroup_release_agent", "No control group can be changed or made."),
    _probe("open_by_handle_at", "Files cannot be opened past the path."),
    _probe("module_kexec_clock_chroot_swap", "Modules, kernels, clocks and swap are out of reach."),
    _probe("rootfs_and_runner_tamper", "The root file system cannot be changed; the runner is no file at all."),
    _probe("suid_dev_on_tmpfs", "What can be written to honours neither set-uid nor devices."),
    _probe("docker_sock_devices_secrets_env", "No socket, device, secret or variable of the host is there."),
    _probe("workdir_proc_self_fd", "No descriptor leads out (CVE-2024-21626)."),
    _probe("proc_self_exe_overwrite", "The runtime's binary cannot be overwritten (CVE-2019-5736)."),
)
