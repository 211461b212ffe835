"""Attacks whose expected result is Linux's, and what they meet in a runtime that brings its own kernel (gVisor)."""

from collections.abc import Mapping
from typing import Final

OWN_KERNEL: Final[Mapping[str, str]] = {
    "root_identity": "its own filter stands between it and the host; what runs in it sees none",
    "userns_unshare_clone_clone3": "namespaces are made inside its kernel; the host never sees the call",
    "read_pid1_environ_mem_fd": "names of PID 1's descriptors can be seen; its memory, with the key, cannot",
    "starve_pid1": "PID 1's limits can be taken: the sandbox is lost, and that is reported as one infrastructure error",
    "bpf_perf_userfaultfd_iouring_keyring": "its kernel answers, with interfaces of its own",
    "raw_packet_vsock_alg_netlink_sockets": "its own network stack answers, which has no way out",
    "odd_protocols_and_kernel_tls": "its own network stack answers, which loads no module of the host",
    "mknod_and_open_host_disk": "devices are its own: no host device is behind a node",
    "read_masked_proc_sys_dmesg": "the messages are its own kernel's",
    "open_by_handle_at": "not supported, which is said with another error",
    "suid_dev_on_tmpfs": "its mounts do not tell their options; set-uid changes who one is for its kernel only",
    "docker_sock_devices_secrets_env": "it shows devices of its own (fuse, tun) that lead nowhere",
    "fork_bomb": "processes cost its memory: where they use it up the sandbox is lost, as one infrastructure error",
    "memory_bomb": "the hog ends by itself, or the sandbox with it, as one infrastructure error",
    "tmpfs_byte_inode_shm_fill": "files count as memory: the sandbox is lost, as one infrastructure error",
}
"""Name of an attack → why another outcome than "held" lets nothing out. Everything else must hold there, too."""
