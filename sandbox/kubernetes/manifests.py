"""Manifests of what a cluster needs: namespace, rights, template and warm pool. Pure: ``Spec`` in, objects out.

``signoff sandbox manifests`` prints them; ``deploy/kubernetes/`` holds those of the default settings.
"""

from typing import Any, Final

from sandbox.contract import Spec
from sandbox.inside import BOOT
from sandbox.kubernetes.pods import CONTAINER

UID: Final = 10_001
AGENTS: Final = "agents.x-k8s.io"
EXTENSIONS: Final = "extensions.agents.x-k8s.io"
VERSION: Final = "v1beta1"
MANAGED: Final = {"app.kubernetes.io/managed-by": "signoff"}
SANDBOX: Final = {"signoff.dev/sandbox": "true"}
"""What every pod of ours carries, and nothing else in a namespace that is shared with the server."""
_ULIMITS: Final = 'ulimit -c 0; ulimit -n {files}; ulimit -f {blocks}; exec python3 -I -S -c "$0"'
"""Limits that pods have no field for; what starts PID 1 sets them, and nothing raises them again."""

_LOGS_MOST: Final = "1Gi"
"""Nothing but the log is on the node's disk. All that PID 1 says goes there, too, and is rotated now and then only."""

Object = dict[str, Any]

NEEDED: Final = (
    (EXTENSIONS, "sandboxclaims", ("create", "get", "list", "watch", "patch", "delete")),
    (EXTENSIONS, "sandboxwarmpools", ("get",)),
    (AGENTS, "sandboxes", ("get",)),
    ("", "pods", ("get",)),
    ("", "pods/attach", ("create", "get")),
    ("networking.k8s.io", "networkpolicies", ("list",)),
)
"""Group, resource, verbs: all that Signoff does in a cluster. A web socket is opened with ``get``, and counts as
``create`` on servers since 1.35."""


def pod_template(spec: Spec, *, runtime_class: str = "", seccomp: str = "") -> Object:
    """Return the pod that a sandbox is: Docker's flags of ``hardening.py`` under their names here.

    Args:
        spec: the image, and how much of everything there is.
        runtime_class: RuntimeClass; empty: the nodes' own.
        seccomp: where nodes have our profile (``sandbox/docker/seccomp.json``), below kubelet's folder of them; empty:
            the runtime's own, which lets more through.
    """
    profile = {"type": "Localhost", "localhostProfile": seccomp} if seccomp else {"type": "RuntimeDefault"}
    pod: Object = {
        **({"runtimeClassName": runtime_class} if runtime_class else {}),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        # Names are found by the proxy beside Signoff; those of the cluster are nobody's business.
        "dnsPolicy": "None",
        "dnsConfig": {"nameservers": ["127.0.0.1"]},
        "hostname": "sandbox",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": UID,
            "runAsGroup": UID,
            "fsGroup": UID,
            "seccompProfile": profile,
        },
        "containers": [_container(spec)],
        "volumes": [
            {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": f"{size}Mi"}}
            for name, size in (("work", spec.limits.work_mb), ("tmp", spec.limits.tmp_mb))
        ],
    }
    annotations = {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",  # it moves pods by ending them
        "fluentbit.io/exclude": "true",  # the log holds frames: outputs and files of a repository
    }
    return {"metadata": {"labels": {**MANAGED, **SANDBOX}, "annotations": annotations}, "spec": pod}


def _container(spec: Spec) -> Object:
    limits = spec.limits
    # fsize counts blocks of 512 bytes in a POSIX shell.
    boot = _ULIMITS.format(files=limits.files, blocks=limits.file_mb * 2_048)
    return {
        "name": CONTAINER,
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", boot, BOOT],
        "stdin": True,
        "stdinOnce": True,  # PID 1 ends when its orchestrator does
        "workingDir": "/",
        "resources": {
            # The same: one that is not given what it may use is the first to be evicted.
            kind: {
                "cpu": f"{max(1, int(limits.cpus * 1_000))}m",
                "memory": f"{limits.memory_mb}Mi",
                "ephemeral-storage": disk,
            }
            for kind, disk in (("limits", _LOGS_MOST), ("requests", "128Mi"))
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "work", "mountPath": "/work"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  the pod's own
        ],
    }


def template(spec: Spec, *, name: str, namespace: str, runtime_class: str = "", seccomp: str = "") -> Object:
    """Return the SandboxTemplate: the pod, and that it may speak to nobody and be spoken to by nobody."""
    return {
        "apiVersion": f"{EXTENSIONS}/{VERSION}",
        "kind": "SandboxTemplate",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(MANAGED)},
        "spec": {
            "podTemplate": pod_template(spec, runtime_class=runtime_class, seccomp=seccomp),
            "service": False,
            # Without rules of ours the controller would allow the public internet.
            "networkPolicyManagement": "Managed",
            "networkPolicy": {"ingress": [], "egress": []},
            "envVarsInjectionPolicy": "Disallowed",
            "volumeClaimTemplatesPolicy": "Disallowed",
        },
    }


def warm_pool(*, name: str, namespace: str, replicas: int) -> Object:
    """Return the SandboxWarmPool of the template of the same name."""
    return {
        "apiVersion": f"{EXTENSIONS}/{VERSION}",
        "kind": "SandboxWarmPool",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(MANAGED)},
        "spec": {
            "replicas": replicas,
            "sandboxTemplateRef": {"name": name},
            "updateStrategy": {"type": "Recreate"},
        },
    }


def network_policy(namespace: str) -> Object:
    """Return a policy of every pod of ours: should the controller's own be late or away, nothing is open."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "signoff-sandbox-sealed", "namespace": namespace, "labels": dict(MANAGED)},
        "spec": {"podSelector": {"matchLabels": dict(SANDBOX)}, "policyTypes": ["Ingress", "Egress"]},
    }


def rights(namespace: str, account: str, account_namespace: str) -> list[Object]:
    """Return the role, with all that Signoff does and no more, and its binding to the server's service account."""
    meta = {"name": "signoff-sandboxes", "namespace": namespace, "labels": dict(MANAGED)}
    return [
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": meta,
            "rules": [
                {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
                for group, resource, verbs in NEEDED
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": meta["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": account_namespace}],
        },
    ]


def namespace_of_its_own(name: str) -> Object:
    """Return the namespace, in which Kubernetes itself refuses pods that are not restricted."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {**MANAGED, "pod-security.kubernetes.io/enforce": "restricted"},
        },
    }


def cluster_manifests(
    spec: Spec,
    *,
    namespace: str,
    pool: str,
    replicas: int,
    account: str = "signoff",
    account_namespace: str = "",
    runtime_class: str = "",
    seccomp: str = "",
) -> list[Object]:
    """Return every object, in the order in which they are applied."""
    return [
        namespace_of_its_own(namespace),
        *rights(namespace, account, account_namespace or namespace),
        network_policy(namespace),
        template(spec, name=pool, namespace=namespace, runtime_class=runtime_class, seccomp=seccomp),
        warm_pool(name=pool, namespace=namespace, replicas=replicas),
    ]
