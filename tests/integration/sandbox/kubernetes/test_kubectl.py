"""The cluster of these tests is taken for one by a client that is not ours: kubectl, where there is one."""

import asyncio
import shutil

import pytest

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
]


async def test_kubectl_discovers_reads_and_attaches(cluster, tmp_path):
    def running():
        return any(pod.get("status", {}).get("phase") == "Running" for _, pod in cluster.store.all("", "pods"))

    await cluster.until(running)
    pods = [pod for pod in await cluster.all("", "pods") if pod.get("status", {}).get("phase") == "Running"]
    name = pods[0]["metadata"]["name"]

    async def kubectl(*args, stdin=b""):
        options = (f"--kubeconfig={cluster.options.config}", f"--cache-dir={tmp_path}", "--request-timeout=20s")
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec("kubectl", *options, *args, stdin=pipe, stdout=pipe, stderr=pipe)
        out, err = await process.communicate(stdin)
        assert process.returncode == 0, err
        return out.decode()

    assert "sandboxclaims" in await kubectl("api-resources")
    assert await kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}") == "Running"
    # Less than a key, and then the end of the input: PID 1 ends, and so does its pod.
    await kubectl("attach", "-i", name, stdin=b"x" * 31)

    def ended():
        found = {key.name: pod for key, pod in cluster.store.all("", "pods")}
        return name not in found or found[name]["status"]["phase"] == "Succeeded"

    await cluster.until(ended)
    sockets = [path for method, path in cluster.server.asked if method == "WEBSOCKET"]
    assert sockets == [f"/api/v1/namespaces/agents/pods/{name}/attach"]
