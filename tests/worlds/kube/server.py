"""API server of the cluster: HTTP over TLS, bearer tokens, RBAC, schemas, watches, merge patches, attach."""

import asyncio
import copy
import json
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.worlds.kube.kubelet import Kubelet
from tests.worlds.kube.store import AGENTS, EXTENSIONS, KINDS, ApiError, Key, Object, Store, resource

USER = "system:serviceaccount:signoff:signoff"
SCHEMAS = Path(__file__).with_name("schemas.json")
PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+)/(?P<version>[^/]+))/namespaces/(?P<namespace>[^/]+)"
    r"/(?P<plural>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?"
)
DISCOVERY = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            {"name": group, "versions": [version], "preferredVersion": version}
            for group, version in {
                group: {"groupVersion": api, "version": api.split("/")[1]}
                for (group, _), (api, _) in KINDS.items()
                if group
            }.items()
        ],
    },
}
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass
class Faults:
    """What goes wrong, until it is set back."""

    away: bool = False
    """Every answer is a 503."""
    failing: int = 0
    """So many answers are a 503 first."""
    lost_answers: int = 0
    """So many changes are made, and their answers never arrive."""
    watch_events: int | None = None
    """A watch is closed after so many events."""
    gone: bool = False
    """Every watch hears 410."""
    claims_quota: str | None = None
    admission: str | None = None
    no_extensions: bool = False
    protocol: str = "v5.channel.k8s.io"


@dataclass
class ApiServer:
    """The application, and who may do what."""

    store: Store
    kubelet: Kubelet
    token: str
    rules: list[Object] = field(default_factory=list)
    """Rules of the Role that is bound to our service account."""
    faults: Faults = field(default_factory=Faults)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request."""

    def application(self) -> Starlette:
        methods = ["GET", "POST", "PATCH", "DELETE"]
        routes = [WebSocketRoute("/{path:path}", self._attach), Route("/{path:path}", self._answer, methods=methods)]
        return Starlette(routes=routes)

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append((request.method, path))
        try:
            self._up()
            self._who(request.headers.get("authorization"))
            if path == "/version":
                return JSONResponse({"major": "1", "minor": "34", "gitVersion": "v1.34.0"})
            if path == REVIEWS:
                return JSONResponse(self._review(await request.json()), 201)
            if path in DISCOVERY:
                return JSONResponse(DISCOVERY[path])
            if discovered := re.fullmatch(r"/(?:api|apis/([^/]+))/([^/]+)", path):
                return JSONResponse(self._resources(*discovered.groups("")))
            answer = await self._object(request, path)
        except ApiError as error:
            return JSONResponse(error.status, error.code)
        if self.faults.lost_answers and request.method in {"POST", "PATCH", "DELETE"}:
            self.faults.lost_answers -= 1
            raise ConnectionAbortedError("the answer is lost")
        return answer

    def _up(self) -> None:
        if self.faults.away or self.faults.failing > 0:
            self.faults.failing -= 1
            raise ApiError(503, "ServiceUnavailable", "the server is currently unable to handle the request")

    def _who(self, header: str | None) -> None:
        if header != f"Bearer {self.token}":
            raise ApiError(401, "Unauthorized", "Unauthorized")

    def may(self, verb: str, group: str, what: str) -> bool:
        return any(group in r["apiGroups"] and what in r["resources"] and verb in r["verbs"] for r in self.rules)

    def _demand(self, verb: str, key: Key, sub: str = "") -> None:
        what = f"{key.plural}/{sub}" if sub else key.plural
        if not self.may(verb, key.group, what):
            named = f' "{key.name}"' if key.name else ""
            shown = resource(key.group, key.plural) + (f"/{sub}" if sub else "")
            raise ApiError(
                403,
                "Forbidden",
                f'{shown}{named} is forbidden: User "{USER}" cannot {verb} resource "{what}" in API group '
                f'"{key.group}" in the namespace "{key.namespace}"',
                {"name": key.name, "kind": key.plural},
            )

    def _review(self, body: Object) -> Object:
        asked = body["spec"]["resourceAttributes"]
        what = asked["resource"] + (f"/{asked['subresource']}" if asked.get("subresource") else "")
        allowed = self.may(asked["verb"], asked.get("group", ""), what)
        return {**body, "metadata": {}, "status": {"allowed": allowed}}

    def _resources(self, group: str, version: str) -> Object:
        known = [(plural, kind) for (g, plural), (api, kind) in KINDS.items() if g == group and api.endswith(version)]
        if not known or (self.faults.no_extensions and group in {AGENTS, EXTENSIONS}):
            raise self._unknown()
        items = [
            {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": True, "verbs": ["get"]}
            for plural, kind in known
        ]
        group_version = f"{group}/{version}" if group else version
        return {"kind": "APIResourceList", "groupVersion": group_version, "resources": items}

    def _unknown(self) -> ApiError:
        return ApiError(404, "NotFound", "the server could not find the requested resource", {})

    def _key(self, path: str) -> tuple[Key, str]:
        match = PATH.fullmatch(path)
        if match is None:
            raise self._unknown()
        group = match["group"] or ""
        version = match["core"] or f"{group}/{match['version']}"
        key = Key(group, match["plural"], match["namespace"], match["name"] or "")
        known = KINDS.get((group, key.plural))
        if known is None or known[0] != version or (self.faults.no_extensions and group in {AGENTS, EXTENSIONS}):
            raise self._unknown()
        return key, match["sub"] or ""

    async def _object(self, request: Request, path: str) -> Response:
        key, sub = self._key(path)
        query = request.query_params
        if request.method == "GET" and key.name:
            self._demand("get", key, sub)
            return JSONResponse(self.store.get(key))
        if request.method == "GET" and query.get("watch") == "true":
            self._demand("watch", key)
            self._watchable(int(query.get("resourceVersion") or "0"))
            events = self._events(key, query.get("fieldSelector", ""), int(query.get("resourceVersion") or "0"))
            return StreamingResponse(events, media_type="application/json")
        if request.method == "GET":
            self._demand("list", key)
            return JSONResponse(self._list(key, query.get("labelSelector", "")))
        if request.method == "POST":
            self._demand("create", key)
            return JSONResponse(self._create(key, await request.json()), 201)
        if request.method == "PATCH":
            self._demand("patch", key)
            if request.headers["content-type"] != "application/merge-patch+json":
                raise ApiError(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
            patch = await request.json()
            return JSONResponse(self.store.change(key, lambda each: self._merge(key, each, patch)))
        self._demand("delete", key)
        gone = self.store.delete(key)
        details = {"name": key.name, "group": key.group, "kind": key.plural, "uid": gone["metadata"]["uid"]}
        return JSONResponse({"kind": "Status", "apiVersion": "v1", "status": "Success", "details": details})

    def _list(self, key: Key, selector: str) -> Object:
        wanted = dict(part.split("=", 1) for part in selector.split(",") if part)
        items = [
            each
            for _, each in self.store.all(key.group, key.plural)
            if wanted.items() <= each["metadata"].get("labels", {}).items()
        ]
        api_version, kind = KINDS[key.group, key.plural]
        version = {"resourceVersion": str(self.store.version)}
        return {"kind": f"{kind}List", "apiVersion": api_version, "metadata": version, "items": items}

    def _create(self, key: Key, body: Object) -> Object:
        name = body.get("metadata", {}).get("name", "")
        key = key._replace(name=name)
        shown = f'{resource(key.group, key.plural)} "{name}"'
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name):
            raise ApiError(422, "Invalid", f"{shown} is invalid: metadata.name: Invalid value", {"name": name})
        if self.faults.claims_quota is not None:
            message = f"{shown} is forbidden: exceeded quota: {self.faults.claims_quota}"
            raise ApiError(403, "Forbidden", message, {"name": name, "kind": key.plural})
        if self.faults.admission is not None:
            message = f'admission webhook "policy.example" denied the request: {self.faults.admission}'
            raise ApiError(403, "Forbidden", message, {"name": name})
        self._validate(key, body)
        made = {"metadata": body["metadata"], "spec": body["spec"]}  # a status has its own way in
        return self.store.create(key, made)

    def _merge(self, key: Key, each: Object, patch: Object) -> None:
        merged = merge_patch(each, patch)
        self._validate(key, merged)
        each.clear()
        each.update(merged)

    def _validate(self, key: Key, body: Object) -> None:
        """Refuse what the schema refuses, and fields that it does not know, which a server would drop."""
        schema = json.loads(SCHEMAS.read_text()).get(KINDS[key.group, key.plural][1])
        if schema is None:
            return
        try:
            jsonschema.validate(body["spec"], schema)
        except jsonschema.ValidationError as error:
            what = f'{KINDS[key.group, key.plural][1]} "{body["metadata"]["name"]}" is invalid: {error.message}'
            raise ApiError(422, "Invalid", what, {"name": body["metadata"]["name"]}) from error

    def _watchable(self, version: int) -> None:
        if self.faults.gone or 0 < version < self.store.oldest:
            message = f"too old resource version: {version} ({self.store.oldest})"
            raise ApiError(410, "Expired", message)

    async def _events(self, key: Key, selector: str, version: int) -> AsyncGenerator[bytes]:
        name = selector.removeprefix("metadata.name=")
        queue: asyncio.Queue[tuple[int, str, Key, Object]] = asyncio.Queue()
        for event in [each for each in self.store.history if each[0] > version]:
            queue.put_nowait(event)
        self.store.watching.add(queue)
        left = self.faults.watch_events
        try:
            while left != 0:
                _, kind, which, each = await queue.get()
                if which[:3] != key[:3] or (name and which.name != name):
                    continue
                yield json.dumps({"type": kind, "object": each}).encode() + b"\n"
                left = None if left is None else left - 1
        finally:
            self.store.watching.discard(queue)

    def _attachable(self, connection: WebSocket) -> Object:
        self._up()
        self._who(connection.headers.get("authorization"))
        key, sub = self._key(connection.url.path)
        if sub != "attach":
            raise self._unknown()
        self._demand("get", key, sub)
        self._demand("create", key, sub)  # since 1.35
        pod = self.store.get(key)
        if self.faults.protocol not in connection.scope["subprotocols"]:
            raise ApiError(400, "BadRequest", "unable to upgrade: none of the requested protocols is known")
        if pod.get("status", {}).get("phase") != "Running":
            raise ApiError(400, "BadRequest", f"container sandbox is not running in pod {key.name}")
        return pod

    async def _attach(self, connection: WebSocket) -> None:
        self.asked.append(("WEBSOCKET", connection.url.path))
        try:
            pod = self._attachable(connection)
        except ApiError as error:
            await connection.send_denial_response(JSONResponse(error.status, error.code))
            return
        query = connection.query_params
        assert (query["stdin"], query["stdout"], query["stderr"], query.get("tty", "false")) == (
            "true",
            "true",
            "true",
            "false",
        )
        await connection.accept(subprotocol=self.faults.protocol)
        await self.kubelet.attach(pod, connection)


def merge_patch(each: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = copy.deepcopy(each) if isinstance(each, dict) else {}
    for name, part in patch.items():
        if part is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), part)
    return merged
