"""The chart, rendered by Helm's own SDK: valid for the API of Kubernetes, hardened, and in agreement with the code.

No cluster was there to install it in: these are the objects that one would be given.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import helm_python as helm
import kubernetes_validate
import pytest
import yaml

from service.cli.app import load
from service.settings import Settings
from tests.architecture.tree import ROOT

CHART = ROOT / "deploy" / "helm" / "signoff"
DATABASE = {"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"port": 5432, "protocol": "TCP"}]}
LEAST: dict[str, Any] = {
    "image": {"repository": "registry.example/signoff", "tag": "0.1.0"},
    "database": {"secret": "database"},
    "keys": {"secret": "keys"},
    "bucket": {"name": "signoff"},
    "networkPolicy": {"egress": [DATABASE]},
}
MOST: dict[str, Any] = {
    "image": {"repository": "registry.example/signoff", "digest": f"sha256:{'0' * 64}", "pullSecrets": ["registry"]},
    "database": {"secret": "database", "key": "dsn"},
    "keys": {"secret": "keys"},
    "bucket": {"name": "signoff", "secret": "bucket", "endpoint": "https://minio.example:9000"},
    "workers": {"autoscaling": {"enabled": True}},
    "sandbox": {"kind": "docker", "dockerSocket": "/run/user/1000/docker.sock"},
    "settings": {
        "SIGNOFF_APPROVALS_MODE": "team",
        "SIGNOFF_FORGES": "/etc/signoff/forges.yaml",
        "SIGNOFF_CONSOLE": True,
    },
    "secretSettings": {
        "SIGNOFF_MODEL_API_KEY": {"secret": "models", "key": "api-key"},
        "HTTP_PROXY": {"secret": "proxy", "key": "url"},
    },
    "files": {"secret": "files"},
    "proxy": {"https": "http://proxy.example:3128", "none": ".svc"},
    "ca": {"configMap": "authority"},
    "ingress": {"enabled": True, "host": "signoff.example", "className": "nginx", "tlsSecret": "tls"},
    "networkPolicy": {"egress": [DATABASE], "ingressFrom": [{"podSelector": {}}], "metricsFrom": [{"podSelector": {}}]},
    "monitoring": {"serviceMonitor": True, "labels": {"release": "prometheus"}},
    "nodeSelector": {"pool": "signoff"},
    "tolerations": [{"operator": "Exists"}],
    "podAnnotations": {"example": "yes"},
}
SHARED = {**LEAST, "bucket": {}, "home": {"claim": "everybody"}}


def rendered(values: Mapping[str, Any], name: str = "prod") -> list[dict[str, Any]]:
    with helm.Chart.load(CHART) as chart:
        chart.validate_schema(dict(values))
        texts = chart.render(dict(values), name=name, namespace="signoff")
    documents = (each for path, text in texts.items() if path.endswith(".yaml") for each in yaml.safe_load_all(text))
    return [each for each in documents if each]


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each object that makes pods, and the pod that it makes."""
    for each in objects:
        if each["kind"] in {"Deployment", "Job"}:
            yield each, each["spec"]["template"]["spec"]


def named(objects: list[dict[str, Any]], kind: str, ending: str = "") -> dict[str, Any]:
    (one,) = (each for each in objects if each["kind"] == kind and each["metadata"]["name"].endswith(ending))
    return one


@pytest.mark.parametrize("values", [LEAST, MOST, SHARED], ids=["least", "most", "shared"])
def test_helm_finds_nothing_to_say_against_it_and_kubernetes_would_take_it(values: dict[str, Any]) -> None:
    report = helm.lint(CHART, values, strict=True)
    assert not report["errors"]
    assert [each for each in report["messages"] if each["severity"] > 1] == []
    objects = rendered(values)
    for each in objects:
        if each["kind"] != "ServiceMonitor":  # of an operator, not of Kubernetes
            for version in ("1.30", "1.34", "1.37"):
                kubernetes_validate.validate(each, version, strict=True)
    names = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(names) == len(set(names))
    assert len(rendered(values, name="x" * 53)) == len(objects)


@pytest.mark.parametrize("values", [LEAST, MOST, SHARED], ids=["least", "most", "shared"])
def test_no_container_is_root_writes_its_image_or_takes_all_memory(values: dict[str, Any]) -> None:
    for owner, pod in pods(rendered(values)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "hostNetwork" not in pod
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"]["cpu"]
            written = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
            assert written <= {"/tmp", "/var/lib/signoff", "/var/run/docker.sock"}, owner["metadata"]["name"]
        hosts = [each for each in pod["volumes"] if "hostPath" in each]
        assert not hosts or owner["metadata"]["name"].endswith("-worker")


def test_only_workers_that_claim_sandboxes_have_a_word_with_the_cluster() -> None:
    said = {owner["metadata"]["name"]: pod["automountServiceAccountToken"] for owner, pod in pods(rendered(LEAST))}
    assert {name for name, yes in said.items() if yes} == {"prod-signoff-worker"}
    assert not any(pod["automountServiceAccountToken"] for _, pod in pods(rendered(MOST)))


@pytest.mark.parametrize("values", [LEAST, MOST], ids=["least", "most"])
def test_every_variable_is_a_setting_and_every_command_and_option_exists(values: dict[str, Any]) -> None:
    aliases = {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "DOCKER_HOST"}
    known = {f"SIGNOFF_{name.upper()}" for name in Settings.model_fields} | aliases
    for _, pod in pods(rendered(values)):
        for container in pod["containers"]:
            used = [each["name"] for each in container["env"]]
            assert len(used) == len(set(used))
            assert {*used} <= known
            command, *options = container["args"]
            there = {opt for parameter in load(command).params for opt in parameter.opts}
            assert {option for option in options if option.startswith("--")} <= there
    assert {*re.findall(r'"(SIGNOFF_[A-Z_]+)"', (CHART / "templates" / "_helpers.tpl").read_text())} <= known


def test_nothing_secret_is_written_down_it_is_only_referred_to() -> None:
    objects = rendered(MOST)
    assert not [each for each in objects if each["kind"] in {"Secret", "ConfigMap"}]
    for _, pod in pods(objects):
        for each in pod["containers"][0]["env"]:
            if each["name"] in {"SIGNOFF_DATABASE_URL", "SIGNOFF_MODEL_API_KEY", "HTTP_PROXY"}:
                assert "secretKeyRef" in each["valueFrom"]


def test_the_database_is_migrated_before_anything_new_begins_and_needs_nothing_of_the_release() -> None:
    job = named(rendered(MOST), "Job")
    notes = job["metadata"]["annotations"]
    assert notes["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "hook-failed" not in notes["helm.sh/hook-delete-policy"]  # what went wrong can be read
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["migrate"]
    assert "serviceAccountName" not in pod
    assert pod["restartPolicy"] == "Never"


def test_everything_is_denied_but_what_was_named() -> None:
    objects = rendered(MOST)
    deny = named(objects, "NetworkPolicy", "-deny")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in deny
    assert "egress" not in deny
    labels = deny["podSelector"]["matchLabels"].items()
    for owner, _ in pods(objects):
        assert labels <= owner["spec"]["template"]["metadata"]["labels"].items()
    out = named(objects, "NetworkPolicy", "-out")["spec"]["egress"]
    assert DATABASE in out
    public = [block["ipBlock"] for rule in out for block in rule["to"] if "except" in block.get("ipBlock", {})]
    # The metadata of a cloud, whose answers are credentials.
    assert any("169.254.0.0/16" in block["except"] for block in public)
    assert len(rendered(LEAST)) < len(objects)


def test_probes_ask_what_there_is_and_a_pod_gets_the_time_it_drains_for() -> None:
    objects = rendered({**LEAST, "drainSeconds": 90})
    for kind, paths in (("server", {"/healthz", "/readyz"}), ("worker", {"/metrics"})):
        spec = named(objects, "Deployment", f"-{kind}")["spec"]["template"]["spec"]
        container = spec["containers"][0]
        probes = [container[name] for name in ("startupProbe", "livenessProbe", "readinessProbe") if name in container]
        assert {each["httpGet"]["path"] for each in probes if "httpGet" in each} == paths
        drain = next(each["value"] for each in container["env"] if each["name"] == "SIGNOFF_DRAIN_S")
        assert spec["terminationGracePeriodSeconds"] >= int(drain) + 15
        # Below the limit of Kubernetes on what may be gone at once.
        assert named(objects, "PodDisruptionBudget", f"-{kind}")["spec"]["maxUnavailable"] == 1
    ports = {
        port["name"]: port["containerPort"]
        for _, pod in pods(objects)
        for c in pod["containers"]
        for port in c.get("ports", ())
    }
    assert ports["http"] == Settings.model_fields["port"].default


def changed(values: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {**values, first: changed(dict(values.get(first, {})), rest, value) if rest else value}


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("image.tag", "latest", "tag"),
        ("image", {"repository": "registry.example/signoff"}, "image"),
        ("image.digest", "sha256:short", "digest"),
        ("database", {}, "secret"),
        ("database.password", "hunter2", "password"),
        ("keys.secret", "", "keys"),
        ("bucket.endpoint", "https://key:secret@minio", "endpoint"),
        ("bucket", {}, "bucket.name or home.claim"),
        ("home.claim", "everybody", "two answers"),
        ("server.replicas", 0, "replicas"),
        ("server.replicas", "two", "replicas"),
        ("workers.replica", 2, "replica"),
        ("workers.resources", {"limits": {"memory": None}}, "limits"),
        ("workers.autoscaling", {"enabled": True, "min": 5, "max": 2}, "autoscaling.min is more"),
        ("sandbox.kind", "unsafe-local", "kind"),
        ("sandbox", {"kind": "docker"}, "dockerHost or sandbox.dockerSocket"),
        ("sandbox", {"kind": "docker", "dockerHost": "tcp://a:1", "dockerSocket": "/s"}, "sandbox"),
        ("sandbox.dockerSocket", "/var/run/docker.sock", "mean nothing"),
        ("settings", {"SIGNOFF_MODEL_API_KEY": "sk-1"}, "SIGNOFF_MODEL_API_KEY"),
        ("settings", {"PATH": "/bin"}, "PATH"),
        ("settings", {"SIGNOFF_WORKERS": "3"}, "set by the chart"),
        ("secretSettings", {"SIGNOFF_KEY_PEPPER": "plain"}, "SIGNOFF_KEY_PEPPER"),
        ("proxy.https", "http://user:pw@proxy:1", "https"),
        ("ingress.enabled", True, "host"),
        ("networkPolicy.egress", [], "has to name the database"),
        ("monitoring.interval", "often", "interval"),
        ("drainSeconds", 0, "drainSeconds"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_name(path: str, value: object, word: str) -> None:
    values = changed(LEAST, path, value)
    with pytest.raises(helm.HelmError) as caught:
        rendered(values)
    assert word in str(caught.value)


def test_what_has_no_default_is_asked_for() -> None:
    with pytest.raises(helm.HelmError):
        rendered({})


def test_the_chart_is_of_this_version() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{about["appVersion"]}"' in project
