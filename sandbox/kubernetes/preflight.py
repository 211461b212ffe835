"""Preflight of a cluster: what ``signoff doctor`` and ``signoff sandbox check`` look at before anything runs."""

import time
from typing import Final

from domain import SignoffError
from domain.errors import Missing
from sandbox.contract import Check, Spec
from sandbox.kubernetes import errors
from sandbox.kubernetes.api import KubernetesApi
from sandbox.kubernetes.backend import Kubernetes
from sandbox.kubernetes.manifests import AGENTS, EXTENSIONS, NEEDED, VERSION

_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_NAMES: Final = {
    "kubernetes_unconfigured": "kubernetes",
    "kubernetes_unreachable": "kubernetes",
    "kubernetes_denied": "kubernetes rights",
    "agent_sandbox_missing": "agent-sandbox",
    "warm_pool_missing": "warm pool",
    "kubernetes_quota": "warm pool",
    "sandbox_not_ready": "warm pool",
    "image_unsuitable": "sandbox image",
    "runtime_unsupported": "isolation",
    "network_not_isolated": "isolation",
    "sandbox_unhardened": "hardening",
}


async def preflight(backend: Kubernetes, spec: Spec) -> tuple[Check, ...]:
    """Probe the server, agent-sandbox, our rights, the pool and one real lease; stop where the rest is pointless."""
    checks: list[Check] = []
    try:
        api = await backend.connect()
        version = await api.get("/version")
        checks.append(Check(name="kubernetes", ok=True, detail=f"{version.get('gitVersion')}, {api.namespace}"))
        checks.append(await _agent_sandbox(api))
        checks.append(await _rights(api))
        if not all(check.passed for check in checks):
            return tuple(checks)
        checks.append(await _pool(api, backend.pool))
        began = time.monotonic()
        sandbox = await backend.lease(spec)
        try:
            cold = (time.monotonic() - began) * 1_000
            began = time.monotonic()
            ran = await sandbox.run(["git", "--version"], cwd="/")
            ms = (time.monotonic() - began) * 1_000
        finally:
            await sandbox.close()
        checks += [
            Check(
                name="isolation", ok=True, detail=f"pods without a network ({spec.runtime or 'runtime of the pool'})"
            ),
            Check(name="hardening", ok=True, detail="not root, no capabilities, seccomp, read-only root, limits"),
            Check(name="sandbox image", ok=True, detail=sandbox.image_digest),
            Check(
                name="sandbox",
                ok=ran.ok,
                detail=f"claimed in {cold:.0f} ms, a command takes {ms:.1f} ms",
                hint="The image needs git: BASE=YOUR_IMAGE sandbox/images/build.sh",
            ),
        ]
    except SignoffError as error:
        checks.append(
            Check(name=_NAMES.get(error.stable_code, "sandbox"), ok=False, detail=error.message, hint=error.hint)
        )
    return tuple(checks)


async def _agent_sandbox(api: KubernetesApi) -> Check:
    missing = []
    for group, plurals in ((AGENTS, {"sandboxes"}), (EXTENSIONS, {"sandboxclaims", "sandboxwarmpools"})):
        served = await api.get(f"/apis/{group}/{VERSION}")  # refused with a code of its own where there is none
        missing += sorted(plurals - {str(each.get("name")) for each in served.get("resources") or []})
    return Check(
        name="agent-sandbox",
        ok=not missing,
        detail=f"{VERSION}, without {', '.join(missing)}" if missing else VERSION,
        hint=errors.agent_sandbox_missing().hint,
    )


async def _rights(api: KubernetesApi) -> Check:
    """Ask the server whether it would let us do each thing that we do."""
    denied = []
    for group, resource, verbs in NEEDED:
        name, _, part = resource.partition("/")
        for verb in verbs:
            asked = {"namespace": api.namespace, "verb": verb, "group": group, "resource": name, "subresource": part}
            review = {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {key: text for key, text in asked.items() if text}},
            }
            answer = await api.request("POST", _REVIEWS, body=review)
            if not (answer.get("status") or {}).get("allowed"):
                denied.append(f"{verb} {resource}")
    return Check(
        name="kubernetes rights",
        ok=not denied,
        detail=f"not allowed: {', '.join(denied)}" if denied else "all that is needed, by the server's word",
        hint="Bind our role: signoff sandbox manifests | kubectl apply -f -",
    )


async def _pool(api: KubernetesApi, pool: str) -> Check:
    try:
        found = await api.get(api.path(f"{EXTENSIONS}/{VERSION}", "sandboxwarmpools", pool))
    except Missing as error:
        raise errors.pool_missing(pool, f"none in the namespace {api.namespace}") from error
    ready = (found.get("status") or {}).get("readyReplicas") or 0
    desired = (found.get("spec") or {}).get("replicas", 1)
    return Check(
        name="warm pool",
        ok=ready > 0,
        needed=False,
        detail=f"{ready} of {desired} ready",
        hint="Without one each sandbox is started when it is asked for, which takes seconds.",
    )
