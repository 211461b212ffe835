"""Controllers of agent-sandbox, as far as claims see them: pools, adoption, sandboxes and their pods, expiry.

After ``extensions/controllers`` and ``controllers`` of kubernetes-sigs/agent-sandbox (v1beta1); the reasons are theirs.
"""

import copy
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from tests.worlds.kube.store import AGENTS, EXTENSIONS, NETWORKING, Key, Object, Store

WARM = "agents.x-k8s.io/warm-pool-sandbox"
POD_NAME = "agents.x-k8s.io/pod-name"


def condition(kind: str, status: bool, reason: str, message: str = "") -> Object:
    return {
        "type": kind,
        "status": "True" if status else "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def of_kind(each: Object, kind: str) -> Object | None:
    return next((c for c in each.get("status", {}).get("conditions", []) if c["type"] == kind), None)


def put(each: Object, new: Object) -> None:
    """Set a condition; its time of transition changes with its status only."""
    status = each.setdefault("status", {})
    old = of_kind(each, new["type"])
    if old is not None and old["status"] == new["status"]:
        new["lastTransitionTime"] = old["lastTransitionTime"]
    status["conditions"] = [c for c in status.get("conditions", []) if c["type"] != new["type"]] + [new]


def owner(each: Object, kind: str) -> Object:
    meta = each["metadata"]
    reference = {"apiVersion": each["apiVersion"], "kind": kind, "name": meta["name"], "uid": meta["uid"]}
    return {**reference, "controller": True}


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


class Controllers:
    """Every reconciler, one pass at a time."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.pods_quota: str | None = None
        """What the API server says to a pod that is one too many."""
        self.asleep = False

    def reconcile(self) -> None:
        if self.asleep:
            return
        for key, template in self.store.all(EXTENSIONS, "sandboxtemplates"):
            self._policy(key, template)
        for key, sandbox in tuple(self.store.all(AGENTS, "sandboxes")):
            self._sandbox(key, sandbox)
        for key, claim in tuple(self.store.all(EXTENSIONS, "sandboxclaims")):
            self._claim(key, claim)
        for key, pool in tuple(self.store.all(EXTENSIONS, "sandboxwarmpools")):
            self._pool(key, pool)

    def _policy(self, key: Key, template: Object) -> None:
        spec = template["spec"]
        name = Key(NETWORKING, "networkpolicies", key.namespace, f"{key.name}-network-policy")
        if spec.get("networkPolicyManagement") == "Unmanaged" or name in self.store.objects:
            return
        public = [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}]
        rules = spec.get("networkPolicy", {"ingress": [], "egress": public})
        body = {
            "podSelector": {"matchLabels": {"agents.x-k8s.io/sandbox-template-ref-hash": key.name}},
            "policyTypes": ["Ingress", "Egress"],
            **{kind: rules[kind] for kind in ("ingress", "egress") if rules.get(kind)},
        }
        self.store.create(name, {"metadata": {"ownerReferences": [owner(template, "SandboxTemplate")]}, "spec": body})

    def _template(self, pool: Object) -> Object | None:
        namespace, name = pool["metadata"]["namespace"], pool["spec"]["sandboxTemplateRef"]["name"]
        return self.store.objects.get(Key(EXTENSIONS, "sandboxtemplates", namespace, name))

    def _pool(self, key: Key, pool: Object) -> None:
        template = self._template(pool)
        mine = [
            each
            for _, each in self.store.all(AGENTS, "sandboxes")
            if each["metadata"].get("labels", {}).get(WARM) == key.name
        ]
        for finished in [each for each in mine if of_kind(each, "Finished")]:
            self.store.delete(Key(AGENTS, "sandboxes", key.namespace, finished["metadata"]["name"]))
            mine.remove(finished)
        by, missing = owner(pool, "SandboxWarmPool"), pool["spec"].get("replicas", 1) - len(mine)
        if template is not None:
            mine += [self._create(key.namespace, template, by, {WARM: key.name}) for _ in range(missing)]
        ready = sum((of_kind(each, "Ready") or {}).get("status") == "True" for each in mine)

        def report(each: Object) -> None:
            each["status"] = {"replicas": len(mine), "readyReplicas": ready}

        self.store.change(key, report)

    def _create(self, namespace: str, template: Object, by: Object, labels: Object) -> Object:
        name = f"{template['metadata']['name']}-{secrets.token_hex(3)}"
        spec = copy.deepcopy(template["spec"]["podTemplate"])
        hashed = {"agents.x-k8s.io/sandbox-template-ref-hash": template["metadata"]["name"]}
        spec.setdefault("metadata", {}).setdefault("labels", {}).update(hashed)
        spec["spec"].setdefault("automountServiceAccountToken", False)
        meta = {"labels": {**labels, **hashed}, "annotations": {POD_NAME: name}, "ownerReferences": [by]}
        return self.store.create(
            Key(AGENTS, "sandboxes", namespace, name),
            {"metadata": meta, "spec": {"podTemplate": spec, "operatingMode": "Running"}},
        )

    def _sandbox(self, key: Key, sandbox: Object) -> None:
        if key not in self.store.objects:
            return
        pod_key = Key("", "pods", key.namespace, sandbox["metadata"]["annotations"][POD_NAME])
        pod = self.store.objects.get(pod_key)
        if pod is None and not of_kind(sandbox, "Finished"):
            if self.pods_quota is not None:
                self._set(key, condition("Ready", status=False, reason="ReconcilerError", message=self.pods_quota))
                return
            template = copy.deepcopy(sandbox["spec"]["podTemplate"])
            meta = {**template.get("metadata", {}), "ownerReferences": [owner(sandbox, "Sandbox")]}
            self.store.create(pod_key, {"metadata": meta, "spec": template["spec"]})
            return
        phase = (pod or {}).get("status", {}).get("phase")
        if phase in {"Succeeded", "Failed"}:
            self._set(key, condition("Ready", status=False, reason=f"Pod{phase}"))
            self._set(key, condition("Finished", status=True, reason=f"Pod{phase}"))
        elif phase == "Running":
            self._set(key, condition("Ready", status=True, reason="DependenciesReady"))
        else:
            self._set(key, condition("Ready", status=False, reason="DependenciesNotReady", message="Pod is not ready"))

    def _claim(self, key: Key, claim: Object) -> None:
        life = claim["spec"].get("lifecycle", {})
        finished = of_kind(claim, "Finished")
        ttl = life.get("ttlSecondsAfterFinished")
        late = "shutdownTime" in life and moment(life["shutdownTime"]) <= time.time()
        if finished is not None and ttl is not None:
            late = late or moment(finished["lastTransitionTime"]) + ttl <= time.time()
        if late and life.get("shutdownPolicy") == "Delete":
            self.store.delete(key)
            return
        sandbox = self._bound(key, claim) or self._adopted(key, claim)
        if sandbox is None:
            return
        forwarded = [c for kind in ("Ready", "Finished") if (c := of_kind(sandbox, kind))]

        def report(each: Object) -> None:
            for c in forwarded:
                put(each, copy.deepcopy(c))
            each.setdefault("status", {})["sandbox"] = {"name": sandbox["metadata"]["name"]}

        self.store.change(key, report)

    def _bound(self, key: Key, claim: Object) -> Object | None:
        name = claim.get("status", {}).get("sandbox", {}).get("name", "")
        return self.store.objects.get(Key(AGENTS, "sandboxes", key.namespace, name))

    def _adopted(self, key: Key, claim: Object) -> Object | None:
        wanted = claim["spec"]["warmPoolRef"]["name"]
        pool = self.store.objects.get(Key(EXTENSIONS, "sandboxwarmpools", key.namespace, wanted))
        if pool is None:
            message = f'SandboxWarmPool "{wanted}" not found'
            self._set(key, condition("Ready", status=False, reason="WarmPoolNotFound", message=message))
            return None
        template = self._template(pool)
        if template is None:
            self._set(key, condition("Ready", status=False, reason="TemplateNotFound", message="no template"))
            return None
        ready = [
            each
            for _, each in self.store.all(AGENTS, "sandboxes")
            if each["metadata"].get("labels", {}).get(WARM) == wanted
            and (of_kind(each, "Ready") or {}).get("status") == "True"
        ]
        if not ready or claim["spec"].get("env"):
            by = owner(claim, "SandboxClaim")
            return self._create(key.namespace, template, by, {"agents.x-k8s.io/launch-type": "cold"})

        def adopt(each: Any) -> None:
            del each["metadata"]["labels"][WARM]
            each["metadata"]["labels"]["agents.x-k8s.io/launch-type"] = "warm"
            each["metadata"]["ownerReferences"] = [owner(claim, "SandboxClaim")]

        name = ready[0]["metadata"]["name"]
        return self.store.change(Key(AGENTS, "sandboxes", key.namespace, name), adopt)

    def _set(self, key: Key, new: Object) -> None:
        self.store.change(key, lambda each: put(each, dict(new)))
