"""What a pod must be, what policies make of it, and what became of it: pure, over pods as clusters give them."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Limits, Spec
from sandbox.kubernetes.manifests import MANAGED, SANDBOX, network_policy, pod_template
from sandbox.kubernetes.pods import ending, gaps, ways_out

LIMITS = st.builds(
    Limits,
    memory_mb=st.integers(64, 1 << 20),
    cpus=st.floats(0.01, 512),
    work_mb=st.integers(16, 1 << 20),
    tmp_mb=st.integers(16, 1 << 20),
    files=st.integers(64, 1 << 20),
    file_mb=st.integers(1, 1 << 20),
)
SPECS = st.builds(Spec, image=st.text(min_size=1, max_size=60), limits=LIMITS)


@given(SPECS, st.sampled_from(["", "gvisor", "kata-qemu"]))
def test_whatever_is_wished_for_our_template_has_no_gap(spec, runtime_class):
    pod = pod_template(spec, runtime_class=runtime_class)
    assert gaps(pod) == ()
    command = pod["spec"]["containers"][0]["command"]
    assert not any("$(" in part for part in command), "Kubernetes would put variables there"
    assert pod["spec"]["automountServiceAccountToken"] is False


def pod():
    return copy.deepcopy(pod_template(Spec()))


def container(made):
    return made["spec"]["containers"][0]


WEAKER = {
    "other containers": lambda p: p["spec"]["containers"].append({"name": "sidecar"}),
    "hostNetwork": lambda p: p["spec"].update(hostNetwork=True),
    "hostPID": lambda p: p["spec"].update(hostPID=True),
    "shareProcessNamespace": lambda p: p["spec"].update(shareProcessNamespace=True),
    "token of the cluster": lambda p: p["spec"].pop("automountServiceAccountToken"),
    "volume host": lambda p: p["spec"]["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
    "started again": lambda p: p["spec"].update(restartPolicy="Always"),
    "may be root": lambda p: p["spec"]["securityContext"].update(runAsUser=0),
    "gain privileges": lambda p: container(p)["securityContext"].pop("allowPrivilegeEscalation"),
    "capabilities": lambda p: container(p)["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
    "root file system": lambda p: container(p)["securityContext"].update(readOnlyRootFilesystem=False),
    "not filtered": lambda p: p["spec"]["securityContext"].update(seccompProfile={"type": "Unconfined"}),
    "/proc": lambda p: container(p)["securityContext"].update(procMount="Unmasked"),
    "memory is not limited": lambda p: container(p)["resources"]["limits"].pop("memory"),
    "variables": lambda p: container(p).update(envFrom=[{"secretRef": {"name": "s"}}]),
    "does not end": lambda p: container(p).update(stdinOnce=False),
    "bounded memory": lambda p: p["spec"]["volumes"][0]["emptyDir"].pop("sizeLimit"),
}


@pytest.mark.parametrize("said", WEAKER)
def test_every_weaker_pod_is_named(said):
    made = pod()
    WEAKER[said](made)
    assert any(said in gap for gap in gaps(made)), gaps(made)


def test_what_a_container_says_itself_goes_before_what_its_pod_says():
    made = pod()
    container(made)["securityContext"]["runAsUser"] = 0
    assert gaps(made) == ("commands may be root",)


SEALED = network_policy("n")
PUBLIC = {
    "metadata": {"name": "public"},
    "spec": {"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}], "policyTypes": ["Egress"]},
}


def test_a_pod_that_policies_seal_has_no_way_out():
    assert ways_out({"metadata": {"labels": {**MANAGED, **SANDBOX}}}, [SEALED]) == ()


@pytest.mark.parametrize(
    ("labels", "policies", "said"),
    [
        (SANDBOX, [], ["no policy forbids egress", "no policy forbids ingress"]),
        (MANAGED, [SEALED], ["no policy forbids egress", "no policy forbids ingress"]),
        (SANDBOX, [SEALED, PUBLIC], ["the policy public allows egress"]),
        (SANDBOX, [{**SEALED, "spec": {**SEALED["spec"], "policyTypes": ["Ingress"]}}], ["no policy forbids egress"]),
        # Kubernetes reads types that are left out as ingress alone.
        (SANDBOX, [{"spec": {"podSelector": {}}}], ["no policy forbids egress"]),
        (
            SANDBOX,
            [{"spec": {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}}],
            ["no policy forbids egress", "no policy forbids ingress"],
        ),
    ],
)
def test_what_leaves_a_way_open_is_named(labels, policies, said):
    assert list(ways_out({"metadata": {"labels": labels}}, policies)) == said


@given(st.lists(st.sampled_from(["sealed", "public", "none"]), max_size=6))
def test_policies_add_up_in_any_order(names):
    policies = [each for name in names if (each := {"sealed": SEALED, "public": PUBLIC}.get(name))]
    closed = ways_out({"metadata": {"labels": SANDBOX}}, policies) == ()
    assert closed == ("sealed" in names and "public" not in names)


def terminated(reason, code):
    return {
        "status": {
            "phase": "Failed",
            "containerStatuses": [{"state": {"terminated": {"reason": reason, "exitCode": code}}}],
        }
    }


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "its pod was removed"),
        ({}, None),
        ({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}, None),
        (terminated("OOMKilled", 137), "its pod used up its memory (OOMKilled), PID 1 included"),
        (terminated("Completed", 0), "its first process ended (Completed, exit code 0)"),
        ({"status": {"reason": "Evicted", "message": "low on memory"}}, "its pod was evicted (Evicted: low on memory)"),
        (
            {
                "status": {
                    "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}]
                }
            },
            "its pod was evicted (DeletionByTaintManager: )",
        ),
        ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}, "its pod is being removed"),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, "its node does not answer"),
    ],
)
def test_what_became_of_a_pod(found, said):
    assert ending(found) == said
