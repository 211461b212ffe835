"""Claims, manifests and errors of a cluster: what is asked for, what is written down, what an answer means."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from domain import Exhausted, Refused, SandboxLost
from sandbox import Spec
from sandbox.inside import BOOT
from sandbox.kubernetes import cluster_manifests, errors
from sandbox.kubernetes.claims import LEASE_S, claim_body, instant, moment, overdue, ready_sandbox
from sandbox.kubernetes.manifests import NEEDED

ROOT = Path(__file__).parents[4]
SCHEMAS = json.loads((ROOT / "tests/worlds/kube/schemas.json").read_text())
SHIPPED = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/sandboxes.yaml").read_text()))


def test_nothing_in_a_claim_forces_a_cold_start():
    spec = claim_body("signoff-1", pool="p", owner="o", run="r", now=0)["spec"]
    assert spec.keys() == {"warmPoolRef", "lifecycle"}, "env and volumeClaimTemplates would"


def test_a_claim_ends_by_itself():
    life = claim_body("signoff-1", pool="p", owner="o", run="r", now=1_000.5)["spec"]["lifecycle"]
    assert moment(life["shutdownTime"]) == 1_000 + LEASE_S
    assert life["shutdownPolicy"] == "Delete"


def test_a_claim_is_overdue_when_its_controller_is_late_by_minutes():
    claim = claim_body("signoff-1", pool="p", owner="o", run="r", now=0)
    assert not overdue(claim, LEASE_S + 299)
    assert overdue(claim, LEASE_S + 302)
    assert not overdue({"spec": {}}, 1e12)


@pytest.mark.parametrize("at", [0, 1, 1_800_000_000])
def test_moments_are_read_as_they_are_written(at):
    assert moment(instant(at)) == at
    assert moment(None) is None


@pytest.mark.parametrize("made", SHIPPED, ids=lambda each: each["kind"])
def test_manifests_are_what_agent_sandbox_takes(made):
    if schema := SCHEMAS.get(made["kind"]):
        jsonschema.validate(made["spec"], schema)


def test_a_claim_is_what_agent_sandbox_takes():
    jsonschema.validate(claim_body("n", pool="p", owner="o", run="r", now=0)["spec"], SCHEMAS["SandboxClaim"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"sandboxTemplateRef": {"name": "p"}}, SCHEMAS["SandboxClaim"])


def test_the_shipped_manifests_are_those_of_the_defaults():
    """`signoff sandbox manifests >deploy/kubernetes/sandboxes.yaml` writes them anew."""
    made = cluster_manifests(Spec(), namespace="signoff-sandboxes", pool="signoff-sandbox", replicas=1)
    assert made == SHIPPED
    template = next(each for each in SHIPPED if each["kind"] == "SandboxTemplate")
    assert template["spec"]["podTemplate"]["spec"]["containers"][0]["command"][-1] == BOOT
    assert template["spec"]["networkPolicy"] == {"ingress": [], "egress": []}


def test_the_role_is_the_least_there_is():
    role = next(each for each in SHIPPED if each["kind"] == "Role")
    granted = {(rule["apiGroups"][0], rule["resources"][0], tuple(rule["verbs"])) for rule in role["rules"]}
    assert granted == set(NEEDED)
    assert not any("*" in part for rule in role["rules"] for part in (*rule["verbs"], *rule["resources"]))
    assert not any(resource in {"secrets", "pods/exec"} for _, resource, _ in NEEDED)


FORBIDDEN = 'sandboxclaims.extensions.agents.x-k8s.io is forbidden: User "u" cannot create resource "sandboxclaims"'


@pytest.mark.parametrize(
    ("code", "status", "kind", "stable"),
    [
        (401, {}, Refused, "kubernetes_denied"),
        (403, {"message": FORBIDDEN}, Refused, "kubernetes_denied"),
        (403, {"message": 'pods "x" is forbidden: exceeded quota: q'}, Exhausted, "kubernetes_quota"),
        (403, {"message": 'admission webhook "w" denied the request: no'}, Refused, "kubernetes_refused"),
        (404, {"message": "the server could not find the requested resource"}, Refused, "agent_sandbox_missing"),
        (422, {"message": "is invalid"}, Refused, "kubernetes_refused"),
        (503, {}, SandboxLost, "kubernetes_unreachable"),
        (429, {}, SandboxLost, "kubernetes_unreachable"),
    ],
)
def test_an_answer_has_one_meaning(code, status, kind, stable):
    error = errors.by_server(code, status)
    assert isinstance(error, kind)
    assert error.stable_code == stable
    assert error.hint


def claim(reason, message="", *, ready=False, name=""):
    condition = {"type": "Ready", "status": "True" if ready else "False", "reason": reason, "message": message}
    return {"status": {"conditions": [condition], "sandbox": {"name": name}}}


@pytest.mark.parametrize(
    ("reason", "message", "stable"),
    [
        ("WarmPoolNotFound", "", "warm_pool_missing"),
        ("TemplateNotFound", "", "warm_pool_missing"),
        ("ReconcilerError", 'pods "x" is forbidden: exceeded quota: q', "kubernetes_quota"),
        ("InvalidMetadata", "", "kubernetes_refused"),
        ("ClaimExpired", "", "sandbox_lost"),
        ("PodFailed", "", "sandbox_lost"),
    ],
)
def test_a_claim_that_will_not_get_ready_is_not_waited_for(reason, message, stable):
    with pytest.raises((Refused, Exhausted, SandboxLost)) as error:
        ready_sandbox(claim(reason, message), "p")
    assert error.value.stable_code == stable


@pytest.mark.parametrize(
    "reason", ["DependenciesNotReady", "AdoptionConflict", "SandboxMissing", "ReconcilerError", ""]
)
def test_a_claim_that_may_still_get_ready_is_waited_for(reason):
    assert ready_sandbox(claim(reason), "p") is None
    assert ready_sandbox({}, "p") is None
    assert ready_sandbox(claim("DependenciesReady", ready=True, name="s"), "p") == "s"
