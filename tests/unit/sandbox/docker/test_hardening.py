"""Whatever is wished for, the container is hardened. Requirement B4."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import sandbox
from sandbox import Limits, Spec
from sandbox.docker.hardening import LABEL, UID, create_body

PROFILE = json.loads((Path(sandbox.__file__).parent / "docker" / "seccomp.json").read_text())
LIMITS = st.builds(
    Limits,
    memory_mb=st.integers(64, 1 << 20),
    cpus=st.floats(0.01, 512),
    pids=st.integers(16, 1 << 16),
    work_mb=st.integers(16, 1 << 20),
    tmp_mb=st.integers(16, 1 << 20),
    files=st.integers(64, 1 << 20),
    file_mb=st.integers(1, 1 << 20),
    inodes=st.integers(1_000, 1 << 30),
)
SPECS = st.builds(
    Spec,
    image=st.text(min_size=1, max_size=60),
    runtime=st.sampled_from(["runc", "runsc", "kata"]),
    profile=st.sampled_from(["sealed", "packages"]),
    limits=LIMITS,
)


def body(spec: Spec, **more):
    return create_body(spec, image="sha256:0", seccomp=PROFILE, **more)


@settings(deadline=None)
@given(SPECS)
def test_nobody_is_root_or_can_become_it(spec):
    made = body(spec)
    host = made["HostConfig"]
    assert made["User"] == f"{UID}:{UID}"
    assert UID >= 10_000
    assert host["CapDrop"] == ["ALL"]
    assert host["CapAdd"] == []
    assert host["Privileged"] is False
    assert "no-new-privileges:true" in host["SecurityOpt"]


@settings(deadline=None)
@given(SPECS)
def test_nothing_of_the_host_is_shared(spec):
    made = body(spec)
    host = made["HostConfig"]
    assert host["NetworkMode"] == "none"
    assert made["NetworkDisabled"] is True
    assert host["IpcMode"] == "private"
    assert host["CgroupnsMode"] == "private"
    assert "host" not in {host["PidMode"], host["UTSMode"]}
    assert host["Binds"] == []
    assert host["Devices"] == []
    assert host["LogConfig"]["Type"] == "none"


@settings(deadline=None)
@given(SPECS)
def test_everything_has_a_limit(spec):
    host, limits = body(spec)["HostConfig"], spec.limits
    assert host["ReadonlyRootfs"] is True
    assert host["Memory"] == host["MemorySwap"] == limits.memory_mb << 20
    assert host["PidsLimit"] == limits.pids
    assert host["NanoCpus"] > 0
    assert {u["Name"]: u["Hard"] for u in host["Ulimits"]}.keys() == {"nofile", "core", "fsize"}
    for options in host["Tmpfs"].values():
        words = set(options.split(","))
        assert {"nosuid", "nodev", f"nr_inodes={limits.inodes}", f"uid={UID}"} <= words
        assert any(word.startswith("size=") for word in words)


@settings(deadline=None)
@given(SPECS)
def test_a_container_never_outlives_its_orchestrator(spec):
    made = body(spec, labels={"a": "b"})
    assert made["StdinOnce"] is True
    assert made["HostConfig"]["AutoRemove"] is True
    assert made["Labels"][LABEL] == "1"
    assert made["Labels"]["a"] == "b"


@settings(deadline=None)
@given(SPECS)
def test_a_profile_changes_no_flag(spec):
    """Egress is a tunnel of the runner's, never a network."""
    sealed, packages = (
        Spec(image=spec.image, runtime=spec.runtime, limits=spec.limits, profile=p) for p in ("sealed", "packages")
    )
    assert body(sealed) == body(packages)


def test_apparmor_is_used_where_it_is():
    assert "apparmor=docker-default" in body(Spec(), apparmor="docker-default")["HostConfig"]["SecurityOpt"]


def allowed() -> set[str]:
    rules = PROFILE["syscalls"]
    return {name for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]}


def test_what_has_broken_containers_open_is_denied():
    never = {
        "unshare",
        "setns",
        "mount",
        "umount2",
        "pivot_root",
        "move_mount",
        "open_tree",
        "fsopen",
        "fsmount",
        "fsconfig",
        "mount_setattr",
        "ptrace",
        "process_vm_readv",
        "process_vm_writev",
        "kcmp",
        "pidfd_getfd",
        "bpf",
        "perf_event_open",
        "userfaultfd",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
        "keyctl",
        "add_key",
        "request_key",
        "open_by_handle_at",
        "name_to_handle_at",
        "init_module",
        "finit_module",
        "delete_module",
        "kexec_load",
        "kexec_file_load",
        "reboot",
        "swapon",
        "swapoff",
        "chroot",
        "settimeofday",
        "clock_settime",
        "clock_adjtime",
        "adjtimex",
        "acct",
        "quotactl",
        "syslog",
        "iopl",
        "ioperm",
        "modify_ldt",
        "lookup_dcookie",
        "vhangup",
        "sethostname",
        "setdomainname",
        "fanotify_init",
    }
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert not never & allowed()


def test_clone_cannot_make_namespaces_and_clone3_is_unknown():
    rules = [rule for rule in PROFILE["syscalls"] if set(rule["names"]) & {"clone", "clone3"}]
    clone, clone3 = sorted(rules, key=lambda rule: rule["names"])
    namespaces = 0x20000 | 0x2000000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
    assert clone["args"] == [{"index": 0, "value": namespaces, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]
    assert clone3["action"] == "SCMP_ACT_ERRNO"
    assert clone3["errnoRet"] == 38


def test_sockets_are_of_the_plain_kinds():
    """Unix, TCP and UDP, and the routing table: no raw, packet, vsock or crypto sockets."""
    rules = [rule for rule in PROFILE["syscalls"] if "socket" in rule["names"]]
    assert all(rule["args"] for rule in rules)
    assert {rule["args"][0]["value"] for rule in rules} == {1, 2, 10, 16}
