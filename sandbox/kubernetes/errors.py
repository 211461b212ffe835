"""Errors of a cluster: what its API server answered, or what became of a claim, each with its code and what to do."""

import re
from collections.abc import Mapping
from typing import Any, Final

from domain import Exhausted, Refused, SandboxLost, SignoffError

_MANIFESTS: Final = "signoff sandbox manifests | kubectl apply -f -"
_LONGEST: Final = 500
_QUOTA: Final = re.compile(r"exceeded quota|quota[^\n]{0,200}exceeded", re.IGNORECASE)
NOT_FOUND: Final = 404
CONFLICT: Final = 409
EXPIRED: Final = 410
"""A watch whose resource version the server has no history for any more."""


def extra_missing() -> Refused:
    return Refused(
        "The client of Kubernetes is not installed.",
        code="kubernetes_unconfigured",
        hint="pip install 'signoff[kubernetes]'",
    )


def unconfigured(what: object) -> Refused:
    return Refused(
        f"No cluster is configured: {what}",
        code="kubernetes_unconfigured",
        hint="Run in a pod with a service account, or name a kubeconfig: SIGNOFF_KUBERNETES_CONFIG.",
    )


def unreachable(error: Exception) -> SandboxLost:
    return SandboxLost(
        f"The API server of the cluster does not answer: {str(error) or type(error).__name__}",
        code="kubernetes_unreachable",
        hint="See that it runs: signoff doctor. Runs go on by themselves.",
    )


def unhardened(what: str) -> Refused:
    return Refused(
        f"A pod of this pool would run commands without a protection that they need: {what}.",
        code="sandbox_unhardened",
        hint=f"Use our templates: {_MANIFESTS}. On a throw-away cluster: SIGNOFF_SANDBOX_UNHARDENED=true.",
    )


def not_isolated(what: str) -> Refused:
    return Refused(
        f"Pods of this cluster are not kept from the network: {what}.",
        code="network_not_isolated",
        hint="Its network plugin has to enforce NetworkPolicy (Calico, Cilium …); none may allow sandboxes anything.",
    )


def image_unsuitable(what: str) -> Refused:
    return Refused(
        f"The image of the pool's template cannot be a sandbox: {what}.",
        code="image_unsuitable",
        hint="It needs Python 3.9 or newer and git. Add them: BASE=YOUR_IMAGE sandbox/images/build.sh",
    )


def runtime_unsupported(what: str) -> Refused:
    return Refused(
        f"The runtime of the pool's pods does not work or is another one: {what}.",
        code="runtime_unsupported",
        hint="Set runtimeClassName in the template, or leave SIGNOFF_SANDBOX_RUNTIME empty.",
    )


def by_probe(kind: str, what: str) -> Refused:
    """Translate what ``found_wrong`` found."""
    if kind == "image":
        return image_unsuitable(what)
    return unhardened(what) if kind == "unhardened" else runtime_unsupported(what)


def quota_exceeded(what: str) -> Exhausted:
    return Exhausted(
        f"The cluster's quota has no room for a sandbox: {what[:_LONGEST]}",
        code="kubernetes_quota",
        hint="Raise the ResourceQuota of the namespace, or let fewer runs go on at once.",
    )


def by_server(code: int, status: Mapping[str, Any]) -> SignoffError:
    """Translate an answer of the API server that is no success.

    Args:
        code: of HTTP.
        status: its ``Status`` object, or what there was of one.
    """
    message = str(status.get("message") or f"HTTP {code}")[:_LONGEST]
    if code == 401:  # noqa: PLR2004
        return Refused(
            "The cluster does not know who we are.",
            code="kubernetes_denied",
            hint="The token of the kubeconfig or of the service account has ended or is wrong.",
        )
    if code == 403 and _QUOTA.search(message):  # noqa: PLR2004
        return quota_exceeded(message)
    if code == 403 and "admission webhook" not in message and "is forbidden: User" in message:  # noqa: PLR2004
        return Refused(
            f"The cluster does not let us do that: {message}",
            code="kubernetes_denied",
            hint=f"Bind our role to the service account: {_MANIFESTS}",
        )
    # A path that no API serves has no details: objects that are missing are named in them.
    if code == NOT_FOUND and not (status.get("details") or {}).get("name"):
        return agent_sandbox_missing()
    if code == 429 or code >= 500:  # noqa: PLR2004
        return unreachable(RuntimeError(message))
    return Refused(
        f"The cluster refused it: {message}",
        code="kubernetes_refused",
        hint="An admission rule of the cluster, or another version of agent-sandbox; see docs/kubernetes-sandbox.md.",
    )


def agent_sandbox_missing() -> Refused:
    return Refused(
        "The cluster has no agent-sandbox of the API v1beta1.",
        code="agent_sandbox_missing",
        hint="Install it, with its extensions: https://agent-sandbox.sigs.k8s.io",
    )


def pool_missing(pool: str, what: str) -> Refused:
    return Refused(
        f"There is no warm pool {pool!r} that can be claimed from: {what}",
        code="warm_pool_missing",
        hint=f"Make it: {_MANIFESTS}; or name yours: SIGNOFF_KUBERNETES_POOL.",
    )


def by_claim(pool: str, reason: str, message: str) -> SignoffError | None:
    """Translate why a claim is not ready; None: it may get ready by itself."""
    if reason in {"WarmPoolNotFound", "TemplateNotFound"}:
        return pool_missing(pool, message)
    if _QUOTA.search(message[:_LONGEST]):
        return quota_exceeded(message)
    if reason in {"InvalidMetadata", "EnvVarsInjectionRejected", "VolumeClaimTemplatesError"}:
        return Refused(
            f"The claim of a sandbox is not accepted: {reason}: {message[:_LONGEST]}",
            code="kubernetes_refused",
            hint="See docs/kubernetes-sandbox.md for the versions of agent-sandbox that are known to work.",
        )
    if reason in {"ClaimExpired", "SandboxExpired", "PodFailed", "PodSucceeded"}:
        return SandboxLost(f"The pod ended before it could be used: {reason}: {message[:_LONGEST]}")
    return None


def never_ready(seconds: float, reason: str, message: str) -> SandboxLost:
    known = f"{reason}: {message[:_LONGEST]}" if reason else "the controller has said nothing"
    return SandboxLost(
        f"No sandbox was ready within {seconds:.0f} s: {known}",
        code="sandbox_not_ready",
        hint="See kubectl describe sandboxclaim, and whether the pool's pods can be scheduled: signoff doctor.",
    )
