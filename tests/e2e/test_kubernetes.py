"""The commands a user types about a cluster: manifests, and the doctor."""

import pytest
import yaml

from tests.worlds.cli import Cli
from tests.worlds.kube.cluster import kube_cluster


async def test_manifests_carry_the_settings(tmp_path):
    settings = {
        "SIGNOFF_SANDBOX_IMAGE": "registry.example/sandbox:1",
        "SIGNOFF_SANDBOX_MEMORY_MB": "512",
        "SIGNOFF_SANDBOX_WARM": "3",
        "SIGNOFF_KUBERNETES_NAMESPACE": "agents",
    }
    options = ("--runtime-class", "gvisor", "--seccomp", "signoff.json", "--account-namespace", "apps")
    ended = await Cli(tmp_path, settings).run("sandbox", "manifests", *options)
    made = {each["kind"]: each for each in yaml.safe_load_all(ended.out)}
    pod = made["SandboxTemplate"]["spec"]["podTemplate"]["spec"]
    assert pod["runtimeClassName"] == "gvisor"
    assert pod["securityContext"]["seccompProfile"] == {"type": "Localhost", "localhostProfile": "signoff.json"}
    assert pod["containers"][0]["image"] == "registry.example/sandbox:1"
    assert pod["containers"][0]["resources"]["limits"]["memory"] == "512Mi"
    assert made["SandboxWarmPool"]["spec"]["replicas"] == 3
    assert made["RoleBinding"]["subjects"][0]["namespace"] == "apps"
    assert {each["metadata"].get("namespace", "agents") for each in made.values()} == {"agents"}


@pytest.mark.docker
async def test_the_doctor_looks_at_the_cluster(tmp_path):
    with kube_cluster(tmp_path) as cluster:
        settings = {"SIGNOFF_SANDBOX": "kubernetes", "SIGNOFF_KUBERNETES_CONFIG": str(cluster.options.config)}
        ended = await Cli(tmp_path / "home", settings).run("doctor", "--json")
    checks = {check["name"]: check["ok"] for check in ended.json["checks"]}
    sound = dict.fromkeys(("kubernetes", "agent-sandbox", "kubernetes rights", "isolation", "hardening"), True)
    assert checks.items() >= sound.items()
    assert ended.code == 0
