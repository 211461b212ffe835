"""Leases of pods: warm or cold, renewed, given back, and ended by themselves when nobody renews them."""

import asyncio
import time
from dataclasses import replace

import pytest

from domain import SandboxLost
from sandbox import Egress, Limits
from sandbox.kubernetes.backend import Kubernetes
from sandbox.kubernetes.claims import Claims, moment
from tests.worlds.kube.cluster import SMALL, objects
from tests.worlds.kube.controllers import WARM, of_kind
from tests.worlds.kube.store import AGENTS, EXTENSIONS

pytestmark = pytest.mark.docker


async def warm(cluster, count=1):
    def ready():
        pods = {key.name: pod for key, pod in cluster.store.all("", "pods")}
        running = [
            each
            for key, each in cluster.store.all(AGENTS, "sandboxes")
            if each["metadata"].get("labels", {}).get(WARM) == "signoff-sandbox"
            and (of_kind(each, "Ready") or {}).get("status") == "True"
            and pods.get(key.name, {}).get("status", {}).get("phase") == "Running"
        ]
        return len(running) >= count

    await cluster.until(ready)


async def test_a_warm_pod_is_taken_and_another_one_takes_its_place(cluster, backend):
    await warm(cluster)
    sandbox = await backend.lease(SMALL, run="run-1")
    (claim,) = await cluster.all(EXTENSIONS, "sandboxclaims")
    assert claim["metadata"]["name"] == sandbox.id
    assert claim["metadata"]["annotations"]["signoff.dev/run"] == "run-1"
    taken = claim["status"]["sandbox"]["name"]
    sandboxes = {each["metadata"]["name"]: each for each in await cluster.all(AGENTS, "sandboxes")}
    assert sandboxes[taken]["metadata"]["labels"]["agents.x-k8s.io/launch-type"] == "warm"
    assert sandbox.image_digest.startswith("sha256:")
    await warm(cluster)
    await sandbox.close()
    assert await cluster.all(EXTENSIONS, "sandboxclaims") == []


async def test_more_than_the_pool_has_are_started_cold(cluster, backend):
    leased = await asyncio.gather(*(backend.lease(SMALL) for _ in range(3)))
    outputs = await asyncio.gather(*(each.run(["echo", each.id]) for each in leased))
    assert [ran.stdout.text().strip() for ran in outputs] == [each.id for each in leased]
    await backend.close()
    assert await cluster.all(EXTENSIONS, "sandboxclaims") == []


async def test_the_process_limits_that_pods_have_no_field_for_are_set(cluster, backend):
    sandbox = await backend.lease(SMALL)
    ran = await sandbox.run(["sh", "-c", "ulimit -c; ulimit -n; ulimit -f; ulimit -H -n"])
    assert ran.stdout.text().split() == ["0", "4096", str(256 * 2_048), "4096"]
    await sandbox.close()


async def test_commands_know_nothing_of_the_cluster(cluster, backend):
    sandbox = await backend.lease(SMALL)
    ran = await sandbox.run(["sh", "-c", "env; ls /var/run/secrets 2>&1; id -u"])
    assert "KUBERNETES" not in ran.stdout.text()
    assert "serviceaccount" not in ran.stdout.text()
    assert ran.stdout.text().endswith("10001\n")
    await sandbox.close()


async def test_packages_come_through_the_channel_and_the_policy_stays_shut(cluster):
    seen = []
    opened = Kubernetes(cluster.options, egress=Egress(hosts=("allowed.example",)), witness=seen.append)
    sandbox = await opened.lease(replace(SMALL, profile="packages"), run="run-2")
    program = "import os, urllib.request as u; print(os.environ['HTTPS_PROXY']); u.urlopen('https://other.example/')"
    ran = await sandbox.run(["python3", "-c", program])
    assert ran.stdout.text().startswith("http://127.0.0.1:3128")
    assert not ran.ok
    assert [(each.target, each.verdict) for each in seen] == [("other.example:443", "refused")]
    await opened.close()


async def test_a_held_claim_is_renewed_and_a_given_back_one_is_not(cluster, backend):
    api = await backend.connect()
    claims = Claims(api, pool="signoff-sandbox", owner="me")
    await claims.make("signoff-renewed", "run")
    await claims.make("signoff-renewed", "run")  # the same again: one claim

    async def until():
        return {
            each["metadata"]["name"]: moment(each["spec"]["lifecycle"]["shutdownTime"])
            for each in await cluster.all(EXTENSIONS, "sandboxclaims")
        }

    await cluster.do(lambda: setattr(cluster.controllers, "asleep", True))
    old = (await until())["signoff-renewed"]

    def age(each):
        each["spec"]["lifecycle"]["shutdownTime"] = "2026-01-01T00:00:00Z"

    (key,) = [key for key, _ in await cluster.do(lambda: cluster.store.all(EXTENSIONS, "sandboxclaims"))]
    await cluster.do(lambda: cluster.store.change(key, age))
    await claims.renew()
    assert (await until())["signoff-renewed"] >= old
    await claims.give_back("signoff-renewed")
    await claims.give_back("signoff-renewed")
    await claims.renew()
    assert await until() == {}
    await claims.close()


async def test_a_claim_that_nobody_renews_is_gone_with_its_pod(cluster, backend):
    sandbox = await backend.lease(SMALL)
    (key,) = [key for key, _ in await cluster.do(lambda: cluster.store.all(EXTENSIONS, "sandboxclaims"))]

    def age(each):
        each["spec"]["lifecycle"]["shutdownTime"] = "2026-01-01T00:00:00Z"

    running = asyncio.create_task(sandbox.run(["sleep", "60"], timeout_s=60))
    await cluster.do(lambda: cluster.store.change(key, age))
    with pytest.raises(SandboxLost):
        await running
    assert await cluster.all(EXTENSIONS, "sandboxclaims") == []


async def test_a_pod_ends_with_its_orchestrator(cluster, backend):
    sandbox = await backend.lease(SMALL)
    name = backend.pod_of(sandbox.id)
    sandbox._channel._wire._connection.transport.abort()  # as the end of a process does

    def ended():
        pods = {key.name: pod for key, pod in cluster.store.all("", "pods")}
        return name not in pods or pods[name]["status"]["phase"] == "Succeeded"

    await cluster.until(ended)


async def test_claims_that_their_controller_forgot_are_swept(cluster):
    await cluster.do(lambda: setattr(cluster.controllers, "asleep", True))
    first = Kubernetes(cluster.options)
    claims = Claims(await first.connect(), pool="signoff-sandbox", owner="one that died")
    await claims.make("signoff-forgotten", "")
    await claims.close()
    (key,) = [key for key, _ in await cluster.do(lambda: cluster.store.all(EXTENSIONS, "sandboxclaims"))]

    def age(each):
        each["spec"]["lifecycle"]["shutdownTime"] = "2026-01-01T00:00:00Z"

    await cluster.do(lambda: cluster.store.change(key, age))
    second = Kubernetes(cluster.options)
    await second.connect()
    assert await cluster.all(EXTENSIONS, "sandboxclaims") == []
    await asyncio.gather(first.close(), second.close())


async def test_who_gives_up_while_a_pod_starts_leaves_no_claim(cluster, backend):
    await cluster.do(lambda: setattr(cluster.kubelet, "unschedulable", True))
    await cluster.apply(*objects(pool="slow", replicas=0))
    opened = Kubernetes(cluster.pool("slow"))
    leasing = asyncio.create_task(opened.lease(SMALL))
    await cluster.until(lambda: bool(cluster.store.all(EXTENSIONS, "sandboxclaims")))
    leasing.cancel()
    await asyncio.gather(leasing, return_exceptions=True)
    assert leasing.cancelled()
    assert await cluster.all(EXTENSIONS, "sandboxclaims") == []
    await opened.close()


async def test_memory_file_systems_have_their_size(cluster):
    await cluster.apply(*objects(replace(SMALL, limits=Limits(memory_mb=256, work_mb=32, tmp_mb=16)), pool="tiny"))
    opened = Kubernetes(cluster.pool("tiny"))
    sandbox = await opened.lease(SMALL)
    began = time.monotonic()
    ran = await sandbox.run(["sh", "-c", "head -c 64M /dev/zero >/work/repo/big; stat -c %s /work/repo/big"])
    assert int(ran.stdout.text()) <= 32 << 20
    assert time.monotonic() - began < 20
    await opened.close()
