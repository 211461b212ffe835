"""Pods: whether one protects as it must, which policies keep it from the network, and what became of one. Pure.

A template is somebody else's to write, and an admission webhook may add to it: what counts is the pod that was made.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Object = Mapping[str, Any]

CONTAINER: Final = "sandbox"
_SHARED: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
_FILTERED: Final = frozenset({"RuntimeDefault", "Localhost"})
_EVICTED: Final = frozenset({"Evicted", "NodeLost", "Shutdown", "Terminated", "Preempting"})
_MEMORY_FOLDERS: Final = ("/work", "/tmp")  # noqa: S108  the pod's own


def gaps(pod: Object) -> tuple[str, ...]:
    """Name the protections that a pod lacks; empty when it has them all."""
    return tuple(_gaps(pod.get("spec") or {}))


def _gaps(spec: Object) -> Iterator[str]:
    containers = spec.get("containers") or []
    others = [*(spec.get("initContainers") or []), *(spec.get("ephemeralContainers") or [])]
    if len(containers) != 1 or others:
        yield "other containers share it"
    for name in _SHARED:
        if spec.get(name):
            yield f"{name} is on"
    if spec.get("automountServiceAccountToken") is not False:
        yield "a token of the cluster may be mounted"
    for volume in spec.get("volumes") or []:
        if "emptyDir" not in volume:
            yield f"the volume {volume.get('name')} is not its own"
    if spec.get("restartPolicy") != "Never":
        yield "it is started again when it ended"
    for container in containers:
        yield from _container_gaps(container, spec)


def _container_gaps(container: Object, spec: Object) -> Iterator[str]:
    yield from _identity_gaps(container.get("securityContext") or {}, spec.get("securityContext") or {})
    limits = (container.get("resources") or {}).get("limits") or {}
    for what in ("memory", "cpu", "ephemeral-storage"):
        if what not in limits:
            yield f"{what} is not limited"
    if container.get("envFrom") or any("valueFrom" in each for each in container.get("env") or []):
        yield "variables come from elsewhere"
    if not (container.get("stdin") and container.get("stdinOnce")) or container.get("tty"):
        yield "it does not end with its orchestrator"
    folders = {each.get("mountPath"): each.get("name") for each in container.get("volumeMounts") or []}
    memory = {each.get("name"): each.get("emptyDir") or {} for each in spec.get("volumes") or []}
    for folder in _MEMORY_FOLDERS:
        kept = memory.get(folders.get(folder)) or {}
        if kept.get("medium") != "Memory" or not kept.get("sizeLimit"):
            yield f"{folder} is not a bounded memory file system"


def _identity_gaps(own: Object, whole: Object) -> Iterator[str]:
    """What a container's security context lacks; that of the pod holds where it says nothing itself."""
    both = {**whole, **own}
    if both.get("runAsNonRoot") is not True or both.get("runAsUser") in (None, 0):
        yield "commands may be root"
    if own.get("privileged") or own.get("allowPrivilegeEscalation") is not False:
        yield "commands may gain privileges"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []) or capabilities.get("add"):
        yield "commands have capabilities"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "the root file system can be written to"
    if (both.get("seccompProfile") or {}).get("type") not in _FILTERED:
        yield "system calls are not filtered"
    if own.get("procMount") not in (None, "", "Default"):
        yield "more of /proc is seen than by default"


def ways_out(pod: Object, policies: Sequence[Object]) -> tuple[str, ...]:
    """Name what lets a pod speak, or be spoken to, by the NetworkPolicies of its namespace; empty: nothing.

    Policies add up: a pod that one of them isolates may do all that any other of them allows. A selector that is not
    made of plain labels counts as one that selects it, where it allows something, and as none where it isolates.
    """
    labels = (pod.get("metadata") or {}).get("labels") or {}
    directions = {"Egress": "egress", "Ingress": "ingress"}
    isolated = set[str]()
    ways: list[str] = []
    for policy in policies:
        spec, name = policy.get("spec") or {}, (policy.get("metadata") or {}).get("name")
        selector = spec.get("podSelector") or {}
        plain = not selector.get("matchExpressions")
        if any(labels.get(key) != text for key, text in (selector.get("matchLabels") or {}).items()):
            continue
        # Without types a policy is one of ingress, and of egress where it has such rules (NetworkPolicySpec).
        types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
        for kind in types:
            if plain:
                isolated.add(kind)
            if spec.get(directions.get(kind, "")):
                ways.append(f"the policy {name} allows {directions[kind]}")
    missing = [f"no policy forbids {rules}" for kind, rules in directions.items() if kind not in isolated]
    return (*missing, *ways)


def ending(pod: Object | None) -> str | None:
    """Say what became of a pod that ended or is about to; None: nothing, as far as is known.

    Args:
        pod: None when there is none of that name any more.
    """
    if pod is None:
        return "its pod was removed"
    return next(_endings(pod, pod.get("status") or {}), None)


def _endings(pod: Object, status: Object) -> Iterator[str]:
    """What is known, the cause before what follows from it."""
    conditions = {str(each.get("type")): each for each in status.get("conditions") or []}
    disruption = conditions.get("DisruptionTarget") or {}
    if disruption.get("status") == "True":
        yield f"its pod was evicted ({disruption.get('reason')}: {disruption.get('message', '')})"
    if status.get("reason") in _EVICTED:
        yield f"its pod was evicted ({status['reason']}: {status.get('message', '')})"
    for container in status.get("containerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated")
        if ended is not None and ended.get("reason") == "OOMKilled":
            yield "its pod used up its memory (OOMKilled), PID 1 included"
        if ended is not None:
            yield f"its first process ended ({ended.get('reason')}, exit code {ended.get('exitCode')})"
    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        yield "its pod is being removed"
    if (conditions.get("Ready") or {}).get("status") == "Unknown":
        yield "its node does not answer"
    if status.get("phase") in {"Failed", "Succeeded"}:
        yield f"its pod ended ({status['phase']})"
