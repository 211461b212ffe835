"""Objects of the cluster: resource versions, generations, history for watches, owners and garbage collection."""

import asyncio
import copy
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

Object = dict[str, Any]
AGENTS, EXTENSIONS, NETWORKING = "agents.x-k8s.io", "extensions.agents.x-k8s.io", "networking.k8s.io"
KINDS = {
    ("", "pods"): ("v1", "Pod"),
    (AGENTS, "sandboxes"): (f"{AGENTS}/v1beta1", "Sandbox"),
    (EXTENSIONS, "sandboxclaims"): (f"{EXTENSIONS}/v1beta1", "SandboxClaim"),
    (EXTENSIONS, "sandboxtemplates"): (f"{EXTENSIONS}/v1beta1", "SandboxTemplate"),
    (EXTENSIONS, "sandboxwarmpools"): (f"{EXTENSIONS}/v1beta1", "SandboxWarmPool"),
    (NETWORKING, "networkpolicies"): (f"{NETWORKING}/v1", "NetworkPolicy"),
    ("rbac.authorization.k8s.io", "roles"): ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io", "rolebindings"): ("rbac.authorization.k8s.io/v1", "RoleBinding"),
}


class Key(NamedTuple):
    group: str
    plural: str
    namespace: str
    name: str


class ApiError(Exception):
    """A ``Status`` that is no success."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
            **({"details": details} if details else {}),
        }


def resource(group: str, plural: str) -> str:
    return f"{plural}.{group}" if group else plural


def not_found(key: Key) -> ApiError:
    what = resource(key.group, key.plural)
    details = {"name": key.name, "group": key.group, "kind": key.plural}
    return ApiError(404, "NotFound", f'{what} "{key.name}" not found', details)


@dataclass
class Store:
    """One etcd and its watch cache. Used on the cluster's own loop only."""

    objects: dict[Key, Object] = field(default_factory=dict)
    history: list[tuple[int, str, Key, Object]] = field(default_factory=list)
    oldest: int = 0
    """Nothing at or before this version can be watched from any more."""
    versions: Any = field(default_factory=lambda: itertools.count(1))
    watching: set[asyncio.Queue] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    version: int = 0

    def create(self, key: Key, body: Object) -> Object:
        if key in self.objects:
            what = resource(key.group, key.plural)
            raise ApiError(409, "AlreadyExists", f'{what} "{key.name}" already exists', {"name": key.name})
        made = copy.deepcopy(body)
        api_version, kind = KINDS[key.group, key.plural]
        made |= {"apiVersion": api_version, "kind": kind}
        made["metadata"] = {
            **made.get("metadata", {}),
            "name": key.name,
            "namespace": key.namespace,
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return self._record("ADDED", key, made)

    def get(self, key: Key) -> Object:
        if key not in self.objects:
            raise not_found(key)
        return copy.deepcopy(self.objects[key])

    def all(self, group: str, plural: str) -> list[tuple[Key, Object]]:
        return [(key, each) for key, each in self.objects.items() if (key.group, key.plural) == (group, plural)]

    def change(self, key: Key, change: Callable[[Object], None]) -> Object:
        """Change an object; nothing is recorded where nothing changed."""
        after = self.get(key)
        before = copy.deepcopy(after)
        change(after)
        if after == before:
            return after
        if after.get("spec") != before.get("spec"):
            after["metadata"]["generation"] += 1
        return self._record("MODIFIED", key, after)

    def delete(self, key: Key) -> Object:
        gone = self.get(key)
        del self.objects[key]
        self._record("DELETED", key, gone)
        for owned, each in tuple(self.objects.items()):  # background propagation
            if any(owner["uid"] == gone["metadata"]["uid"] for owner in each["metadata"].get("ownerReferences", [])):
                self.delete(owned)
        return gone

    def compact(self) -> None:
        """Forget what happened: who watches from an older version hears 410."""
        self.oldest = self.version
        self.history.clear()

    def _record(self, event: str, key: Key, after: Object) -> Object:
        self.version = next(self.versions)
        after["metadata"]["resourceVersion"] = str(self.version)
        if event != "DELETED":
            self.objects[key] = after
        kept = copy.deepcopy(after)
        self.history.append((self.version, event, key, kept))
        for queue in self.watching:
            queue.put_nowait((self.version, event, key, kept))
        self.changed.set()
        return copy.deepcopy(after)
