"""What goes wrong in a cluster is told apart, bounded in time, and never taken for a command's success."""

import asyncio
import time
from dataclasses import replace

import pytest
import yaml

from domain import Exhausted, Refused, SandboxLost, SignoffError
from sandbox import BACKENDS, Spec, checkup
from sandbox.attacks import ATTACKS, judge
from sandbox.kubernetes import Cluster
from sandbox.kubernetes.backend import Kubernetes
from sandbox.kubernetes.fault_injector import BEYOND, kubernetes_arena
from sandbox.kubernetes.manifests import template, warm_pool
from sandbox.self_check import judged
from tests.worlds.kube.cluster import NAMESPACE, SMALL, kubeconfig_of, objects
from tests.worlds.kube.controllers import condition
from tests.worlds.kube.store import EXTENSIONS, Key

pytestmark = pytest.mark.docker


async def fault(cluster, **faults):
    await cluster.do(lambda: [setattr(cluster.server.faults, name, value) for name, value in faults.items()])


async def refusal(backend, spec=SMALL):
    """Try to lease; return the error, and see that nothing is left of it."""
    with pytest.raises(SignoffError) as error:
        await backend.lease(spec)
    return error.value


async def no_claims(cluster):
    return await cluster.all(EXTENSIONS, "sandboxclaims") == []


async def test_a_server_that_is_busy_is_asked_again(cluster, backend):
    await fault(cluster, failing=3)
    sandbox = await backend.lease(SMALL)
    assert (await sandbox.run(["true"])).ok


async def test_a_claim_whose_answer_was_lost_is_made_once(cluster, backend):
    await backend.connect()
    await fault(cluster, lost_answers=1)
    sandbox = await backend.lease(SMALL)
    assert [each["metadata"]["name"] for each in await cluster.all(EXTENSIONS, "sandboxclaims")] == [sandbox.id]


async def test_a_server_that_is_away_is_one_transient_error(cluster, backend):
    await fault(cluster, away=True)
    began = time.monotonic()
    error = await refusal(backend)
    assert (type(error), error.stable_code) == (SandboxLost, "kubernetes_unreachable")
    assert time.monotonic() - began < 20
    await fault(cluster, away=False)
    assert (await (await backend.lease(SMALL)).run(["true"])).ok


async def test_nobody_at_the_address_is_the_same(tmp_path, cluster):
    config = tmp_path / "kubeconfig"
    authority = tmp_path / "ca.pem"
    authority.write_bytes((cluster.options.config.parent / "server.pem").read_bytes())

    config.write_text(yaml.safe_dump(kubeconfig_of("https://127.0.0.1:9", authority, "t")))
    opened = Kubernetes(Cluster(config=config))
    assert (await refusal(opened)).stable_code == "kubernetes_unreachable"
    await opened.close()


async def test_without_a_configuration_it_is_said(tmp_path):
    opened = Kubernetes(Cluster(config=tmp_path / "none"))
    error = await refusal(opened)
    assert error.stable_code == "kubernetes_unconfigured"
    (check,) = await opened.check(SMALL)
    assert (check.name, check.ok) == ("kubernetes", False)
    assert "SIGNOFF_KUBERNETES_CONFIG" in check.hint


@pytest.mark.parametrize("broken", [{"watch_events": 1}, {"watch_events": 0}, {"gone": True}])
async def test_a_watch_that_ends_is_begun_again(cluster, broken):
    """Closed after one event, at once, or with 410: the claim is read again, and waited for."""
    await cluster.apply(*objects(pool="cold", replicas=0))
    opened = Kubernetes(cluster.pool("cold"))
    await fault(cluster, **broken)
    sandbox = await opened.lease(SMALL)
    assert (await sandbox.run(["true"])).ok
    await opened.close()


async def test_a_claim_that_never_gets_ready_is_given_up_in_time(cluster):
    await cluster.do(lambda: setattr(cluster.kubelet, "unschedulable", True))
    await cluster.apply(*objects(pool="stuck", replicas=0))
    opened = Kubernetes(replace(cluster.pool("stuck"), ready_s=1.0))
    began = time.monotonic()
    error = await refusal(opened)
    assert (type(error), error.stable_code) == (SandboxLost, "sandbox_not_ready")
    assert "DependenciesNotReady" in error.message
    assert time.monotonic() - began < 5
    assert await no_claims(cluster)
    await opened.close()


async def test_a_controller_that_does_nothing_is_told_from_one_that_is_slow(cluster):
    await cluster.do(lambda: setattr(cluster.controllers, "asleep", True))
    opened = Kubernetes(replace(cluster.options, ready_s=1.0))
    assert "the controller has said nothing" in (await refusal(opened)).message
    await opened.close()


async def test_a_pool_that_there_is_not(cluster):
    opened = Kubernetes(cluster.pool("nobodys"))
    assert (await refusal(opened)).stable_code == "warm_pool_missing"
    failed = [check for check in await opened.check(SMALL) if not check.passed]
    assert [check.name for check in failed] == ["warm pool"]
    assert await no_claims(cluster)
    await opened.close()


async def test_a_pool_without_its_template(cluster):
    await cluster.apply(warm_pool(name="bare", namespace=NAMESPACE, replicas=1))
    opened = Kubernetes(cluster.pool("bare"))
    assert (await refusal(opened)).stable_code == "warm_pool_missing"
    await opened.close()


async def test_a_quota_that_is_used_up(cluster, backend):
    await fault(cluster, claims_quota="q, requested: count/sandboxclaims=1, used: 5, limited: 5")
    error = await refusal(backend)
    assert (type(error), error.stable_code) == (Exhausted, "kubernetes_quota")


async def test_a_quota_that_the_pod_meets(cluster):
    await cluster.apply(*objects(pool="full", replicas=0))
    message = 'pods "x" is forbidden: exceeded quota: q, requested: limits.memory=2Gi'
    await cluster.do(lambda: setattr(cluster.controllers, "pods_quota", message))
    opened = Kubernetes(cluster.pool("full"))
    assert (await refusal(opened)).stable_code == "kubernetes_quota"
    assert await no_claims(cluster)
    await opened.close()


async def test_an_admission_rule_that_says_no(cluster, backend):
    await fault(cluster, admission="claims need a cost centre")
    error = await refusal(backend)
    assert error.stable_code == "kubernetes_refused"
    assert "cost centre" in error.message


async def test_rights_that_are_missing_are_named(cluster, backend):
    role = next(each for each in objects() if each["kind"] == "Role")
    role["rules"] = [rule for rule in role["rules"] if rule["resources"] != ["pods/attach"]]
    await cluster.apply(role)
    error = await refusal(backend)
    assert (type(error), error.stable_code) == (Refused, "kubernetes_denied")
    assert "pods/attach" in error.message
    failed = [check for check in await backend.check(SMALL) if not check.passed]
    assert [check.detail for check in failed] == ["not allowed: create pods/attach, get pods/attach"]
    assert await no_claims(cluster)


async def test_a_token_that_ended(tmp_path, cluster):
    config = tmp_path / "kubeconfig"
    text = cluster.options.config.read_text()
    config.write_text(text.replace(cluster.server.token, "an-old-one"))
    opened = Kubernetes(Cluster(config=config))
    assert (await refusal(opened)).stable_code == "kubernetes_denied"
    await opened.close()


async def test_a_cluster_without_agent_sandbox(cluster, backend):
    await fault(cluster, no_extensions=True)
    assert (await refusal(backend)).stable_code == "agent_sandbox_missing"
    checks = {check.name: check.ok for check in await backend.check(SMALL)}
    assert checks == {"kubernetes": True, "agent-sandbox": False}


async def lost(sandbox, cause):
    """Run something, cause the loss, and return what was said of it."""
    started = asyncio.Event()
    running = asyncio.create_task(
        sandbox.run(["sh", "-c", "echo half; sleep 60"], timeout_s=60, heard=lambda _name, _data: started.set())
    )
    await started.wait()
    began = time.monotonic()
    await cause()
    with pytest.raises(SandboxLost) as error:
        await running
    assert time.monotonic() - began < 6
    with pytest.raises(SandboxLost):
        await sandbox.run(["true"])
    return error.value.message


async def pod_of(cluster, backend, sandbox):
    key = Key("", "pods", NAMESPACE, backend.pod_of(sandbox.id))
    return key, await cluster.do(lambda: cluster.store.get(key))


async def test_a_stream_that_is_cut_is_no_success(cluster, backend):
    """The command may have ended or not: nobody knows, and nobody says that it did."""
    sandbox = await backend.lease(SMALL)
    name = backend.pod_of(sandbox.id)
    said = await lost(sandbox, lambda: cluster.do(lambda: cluster.kubelet.attached[name].close(1011)))
    assert "The sandbox is gone" in said
    await sandbox.close()
    assert await no_claims(cluster)


async def test_a_server_that_goes_away_in_the_middle(cluster, backend):
    sandbox = await backend.lease(SMALL)
    name = backend.pod_of(sandbox.id)

    async def cause():
        await fault(cluster, away=True)
        await cluster.do(lambda: cluster.kubelet.attached[name].close(1011))

    assert "does not answer" in await lost(sandbox, cause)


async def test_a_pod_that_is_evicted(cluster, backend):
    sandbox = await backend.lease(SMALL)
    key, pod = await pod_of(cluster, backend, sandbox)

    def evict(each):
        each["status"] |= {"reason": "Evicted", "message": "The node was low on resource: memory."}
        each["status"]["conditions"].append(condition("DisruptionTarget", status=True, reason="TerminationByKubelet"))

    async def cause():
        await cluster.do(lambda: cluster.store.change(key, evict))
        await cluster.do(lambda: cluster.kubelet.kill(pod))

    assert "its pod was evicted (" in await lost(sandbox, cause)


async def test_a_pod_whose_first_process_is_killed_for_memory(cluster, backend):
    sandbox = await backend.lease(SMALL)
    _, pod = await pod_of(cluster, backend, sandbox)

    async def cause():
        await cluster.do(lambda: setattr(cluster.kubelet, "out_of_memory", True))
        await cluster.do(lambda: cluster.kubelet.kill(pod))

    assert "OOMKilled" in await lost(sandbox, cause)


async def test_a_pod_that_somebody_removes(cluster, backend):
    sandbox = await backend.lease(SMALL)
    key, _ = await pod_of(cluster, backend, sandbox)

    async def cause():
        await cluster.do(lambda: cluster.store.delete(key))

    # Its controller makes another pod under the same name, which is another sandbox.
    assert "its pod was removed" in await lost(sandbox, cause)


async def test_a_command_that_fails_or_uses_up_memory_is_a_value(cluster, backend):
    sandbox = await backend.lease(SMALL)
    assert (await sandbox.run(["false"])).code == 1
    ran = await sandbox.run(["python3", "-c", "x = bytearray(1 << 31)\nfor i in range(0, 1 << 31, 4096): x[i] = 1"])
    assert not ran.ok
    assert (await sandbox.run(["true"])).ok


async def test_policies_that_nobody_enforces_are_found_out(cluster):
    """The objects are all there; the network plugin does nothing about them."""
    await cluster.do(lambda: setattr(cluster.kubelet, "network", "host"))
    await cluster.apply(*objects(pool="open", replicas=0))
    opened = Kubernetes(cluster.pool("open"))
    error = await refusal(opened)
    assert error.stable_code == "network_not_isolated"
    assert "127.0.0.1" in error.message
    failed = [check for check in await opened.check(SMALL) if not check.passed]
    assert [check.name for check in failed] == ["isolation"]
    await opened.close()


async def test_a_template_without_rules_may_reach_the_internet(cluster):
    """agent-sandbox then allows all public addresses: a policy of its own beside ours."""
    made = template(SMALL, name="public", namespace=NAMESPACE)
    del made["spec"]["networkPolicy"]
    await cluster.apply(made, warm_pool(name="public", namespace=NAMESPACE, replicas=0))
    opened = Kubernetes(cluster.pool("public"))
    error = await refusal(opened)
    assert error.stable_code == "network_not_isolated"
    assert "public-network-policy allows egress" in error.message
    await opened.close()


async def test_a_weaker_template_is_refused_unless_somebody_says_so(cluster):
    made = template(SMALL, name="weak", namespace=NAMESPACE)
    made["spec"]["podTemplate"]["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = False
    await cluster.apply(made, warm_pool(name="weak", namespace=NAMESPACE, replicas=0))
    opened = Kubernetes(cluster.pool("weak"))
    error = await refusal(opened)
    assert error.stable_code == "sandbox_unhardened"
    assert "root file system" in error.message
    await opened.close()
    known = Kubernetes(cluster.pool("weak"), unhardened=True)
    assert (await (await known.lease(SMALL)).run(["true"])).ok
    await known.close()


async def test_another_runtime_than_was_asked_for(cluster, backend):
    error = await refusal(backend, replace(SMALL, runtime="gvisor"))
    assert error.stable_code == "runtime_unsupported"


async def test_an_image_that_cannot_be_a_sandbox(cluster):
    await cluster.apply(*objects(replace(SMALL, image="no-such-image:1"), pool="imageless", replicas=0))
    opened = Kubernetes(replace(cluster.pool("imageless"), ready_s=1.0))
    assert (await refusal(opened)).stable_code == "sandbox_not_ready"
    await opened.close()


RUNTIMES_OWN = ("forge_runner_frame", "container_killed_from_outside", "net_none_direct")
"""Attacks that the runtime's own seccomp profile holds."""
OURS = (
    "starve_pid1",
    "bpf_perf_userfaultfd_iouring_keyring",
    "raw_packet_vsock_alg_netlink_sockets",
    "fork_bomb",
)
"""Those that need our profile on the nodes, and a bound on processes from the kubelet."""
BY_NAME = {each.__name__: each for each in ATTACKS}


@pytest.mark.parametrize("name", RUNTIMES_OWN)
async def test_an_attack_is_held(cluster, backend, name):
    result = await judge(BY_NAME[name], kubernetes_arena(backend, SMALL))
    assert result.outcome == "held", result


@pytest.mark.parametrize("name", OURS)
async def test_an_attack_is_held_with_our_profile_on_the_nodes(cluster, name):
    await cluster.apply(*objects(pool="profiled", seccomp="signoff.json"))
    opened = Kubernetes(cluster.pool("profiled"))
    result = await judge(BY_NAME[name], kubernetes_arena(opened, SMALL))
    assert result.outcome == "held", result
    await opened.close()


async def test_what_cannot_be_tried_from_here_is_said(cluster, backend):
    results = [await judge(BY_NAME[name], kubernetes_arena(backend, SMALL)) for name in BEYOND]
    assert {result.outcome for result in results} == {"untried"}
    assert sorted(result.detail for result in results) == sorted(BEYOND.values())
    checks = [judged(result, own_kernel="") for result in results]
    assert all(check.passed and not check.ok and check.detail.startswith("not tried: ") for check in checks)


async def test_the_self_check_stops_where_the_cluster_lacks_something(cluster):
    opened = Kubernetes(cluster.pool("nobodys"))
    checks = [check async for check in checkup(BACKENDS["kubernetes"], opened, Spec())]
    assert [check.name for check in checks if not check.passed] == ["warm pool"]
    await opened.close()
