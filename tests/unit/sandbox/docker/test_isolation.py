"""What an engine says about itself decides whether anything runs on it."""

from pathlib import Path

import pytest

from sandbox import Spec
from sandbox.docker.hardening import create_body
from sandbox.docker.isolation import gaps, is_podman, isolation, patched, runc_check

GOOD = {
    "SecurityOptions": ["name=seccomp,profile=default", "name=rootless"],
    "MemoryLimit": True,
    "PidsLimit": True,
    "CpuCfsQuota": True,
    "SwapLimit": True,
    "CgroupVersion": "2",
    "Runtimes": {"runc": {}},
}


def test_an_engine_with_everything_has_no_gaps():
    assert gaps(GOOD) == ()
    assert all(check.ok for check in isolation(Spec(), GOOD))


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ({"SecurityOptions": []}, "seccomp"),
        ({"SecurityOptions": None}, "seccomp"),
        ({"MemoryLimit": False}, "memory"),
        ({"PidsLimit": False}, "processes"),
        ({"CpuCfsQuota": False}, "processor"),
    ],
)
def test_what_is_missing_is_named_and_fails(lacking, told):
    info = {**GOOD, **lacking}
    assert told in " ".join(gaps(info))
    (failed,) = [check for check in isolation(Spec(), info) if not check.passed]
    assert failed.name == "hardening"
    assert failed.hint


def test_a_runtime_that_is_not_registered_fails():
    (failed,) = [check for check in isolation(Spec(runtime="runsc"), GOOD) if not check.passed]
    assert (failed.name, "runsc" in failed.detail) == ("isolation", True)


def test_what_could_be_better_is_advice():
    weak = {**GOOD, "CgroupVersion": "1", "SwapLimit": False, "SecurityOptions": ["name=seccomp"]}
    advice = [check for check in isolation(Spec(), weak) if not check.ok]
    assert {check.name for check in advice} == {"cgroup", "swap", "user namespace"}
    assert all(check.passed for check in advice)


@pytest.mark.parametrize(
    ("release", "good"),
    [
        ("1.1.5+ds1-1+deb12u1", False),
        ("1.2.7", False),
        ("1.2.8", True),
        ("1.3.0", False),
        ("1.3.3", True),
        ("1.4.0", True),
        ("2.0.1", True),
        ("v1.3.4", True),
        ("weird", None),
        ("", None),
    ],
)
def test_old_releases_of_runc_are_known(release, good):
    assert patched(release) is good
    check = runc_check({"Components": [{"Name": "runc", "Version": release}]})
    assert check.ok is (good is True)
    assert check.passed


PODMAN = {
    "BuildahVersion": "1.28.2",
    "Rootless": True,
    "SecurityOptions": ["name=seccomp,profile=default"],
    "MemoryLimit": True,
}


def test_podman_that_is_rootless_says_that_it_limits_and_does_not_on_old_cgroups():
    assert is_podman(PODMAN)
    assert not is_podman(GOOD)
    assert gaps({**PODMAN, "CgroupVersion": "2"}) == ()
    (gap,) = gaps({**PODMAN, "CgroupVersion": "1"})
    assert "rootless needs cgroup v2" in gap
    checks = {
        check.name: check for check in isolation(Spec(), {**PODMAN, "CgroupVersion": "2", "Runtimes": {"runc": {}}})
    }
    assert checks["isolation"].detail == "runc, rootless, Podman"
    assert checks["user namespace"].ok


def test_podman_is_told_where_the_profile_lies_and_docker_what_it_says():
    body = create_body(Spec(), image="sha256:0", seccomp=Path("/where/seccomp.json"))
    assert "seccomp=/where/seccomp.json" in body["HostConfig"]["SecurityOpt"]
    body = create_body(Spec(), image="sha256:0", seccomp={"defaultAction": "SCMP_ACT_ERRNO"})
    assert 'seccomp={"defaultAction": "SCMP_ACT_ERRNO"}' in body["HostConfig"]["SecurityOpt"]
