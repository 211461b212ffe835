"""API server of a cluster: JSON over HTTP, watches, and the attach web socket of a pod.

lightkube reads kubeconfigs and service accounts and keeps tokens fresh. Objects stay the dictionaries that they are:
those of agent-sandbox have no models anywhere, and of the others a few fields are read.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from domain import SignoffError
from domain.errors import Conflict, Missing
from sandbox.kubernetes import errors
from sandbox.kubernetes.stream import PROTOCOLS, PodWire

if TYPE_CHECKING:
    import httpx2
    from lightkube.config.kubeconfig import SingleConfig

    from sandbox.backends import Cluster

ANSWER_S: Final = 15.0
TRIES: Final = 4
_PAUSE_S: Final = 0.15
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_PING_S: Final = 20.0
_MOST: Final = 4 << 20
"""Bytes of one message of a pod's output."""
MERGE: Final = "application/merge-patch+json"

Object = dict[str, Any]


class KubernetesApi:
    """A connection to one cluster. ``open`` first."""

    def __init__(self, client: "httpx2.AsyncClient", config: "SingleConfig", ssl_context: Any, namespace: str) -> None:
        self._client, self._config, self._ssl = client, config, ssl_context
        self.namespace = namespace

    @property
    def server(self) -> tuple[str, int]:
        """Host and port of the API server."""
        parts = urlsplit(str(self._config.cluster.server))
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    async def close(self) -> None:
        await self._client.aclose()

    def path(self, group: str, plural: str, name: str = "") -> str:
        """Where objects of our namespace are; ``group`` with its version, ``v1`` for the core."""
        base = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        return f"{base}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    async def get(self, path: str, **parameters: str) -> Object:
        """Read an object or a list. Raises as ``request`` does."""
        return await self.request("GET", path, parameters=parameters)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        parameters: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        tries: int = TRIES,
    ) -> Object:
        """Ask the API server, again where it did not answer: every request that we make may be made twice.

        Raises:
            Refused: it said no (``kubernetes_denied``, ``kubernetes_refused``, ``agent_sandbox_missing``).
            Missing: no such object.
            Conflict: an object of that name exists.
            Exhausted: ``kubernetes_quota``.
            SandboxLost: ``kubernetes_unreachable``.
        """
        import httpx2  # noqa: PLC0415  an extra

        content = None if body is None else json.dumps(body).encode()
        failure: Exception = RuntimeError("no try was made")
        for attempt in range(tries):
            if attempt:
                await asyncio.sleep(_PAUSE_S * 2**attempt)
            try:
                answer = await self._client.request(
                    method, path, content=content, params=parameters, headers={"content-type": content_type}
                )
            except (httpx2.TransportError, OSError) as error:
                failure = error
                continue
            if answer.is_success:
                return answer.json()
            status = _status(answer.content)
            if answer.status_code not in _TRANSIENT:
                raise _translated(answer.status_code, status)
            failure = RuntimeError(status.get("message") or f"HTTP {answer.status_code}")
        raise errors.unreachable(failure) from failure

    async def watch(self, path: str, *, name: str, version: str, seconds: float) -> AsyncIterator[Object]:
        """Yield an object of this name each time it changes after ``version``; a deleted one as an empty object.

        Ends when the server or the connection does, which means nothing: read the object and watch again.
        """
        import httpx2  # noqa: PLC0415

        parameters = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": version,
            "timeoutSeconds": str(max(1, int(seconds))),
        }
        try:
            async with self._client.stream(
                "GET", path, params=parameters, timeout=httpx2.Timeout(ANSWER_S, read=seconds + ANSWER_S)
            ) as answer:
                if not answer.is_success:
                    status = _status(await answer.aread())
                    if answer.status_code in {*_TRANSIENT, errors.EXPIRED}:
                        return
                    raise _translated(answer.status_code, status)
                async for line in answer.aiter_lines():
                    event = json.loads(line)
                    if event["type"] == "ERROR":  # 410 among them: what happened since is not known any more
                        return
                    yield {} if event["type"] == "DELETED" else event["object"]
        except (httpx2.TransportError, OSError, ValueError):
            return

    async def attach(self, pod: str, container: str, why: Callable[[str], Awaitable[str]]) -> PodWire:
        """Take hold of the stdin, stdout and stderr of a container. Raises as ``request`` does."""
        from websockets.asyncio.client import connect  # noqa: PLC0415
        from websockets.exceptions import InvalidHandshake, InvalidStatus  # noqa: PLC0415
        from websockets.typing import Subprotocol  # noqa: PLC0415

        query = urlencode({"container": container, "stdin": "true", "stdout": "true", "stderr": "true", "tty": "false"})
        address = f"{self._config.cluster.server}{self.path('v1', 'pods', pod)}/attach?{query}"
        try:
            connection = await connect(
                address.replace("http", "ws", 1),
                ssl=self._ssl if address.startswith("https") else None,
                subprotocols=[Subprotocol(name) for name in PROTOCOLS],
                additional_headers=await self._authorization(),
                compression=None,
                max_size=_MOST,
                open_timeout=ANSWER_S,
                # A node that is gone closes nothing: without an answer to pings the pod counts as lost.
                ping_interval=_PING_S,
                ping_timeout=_PING_S,
            )
        except InvalidStatus as error:
            raise _translated(error.response.status_code, _status(bytes(error.response.body or b""))) from error
        except (InvalidHandshake, OSError, TimeoutError) as error:
            raise errors.unreachable(error) from error
        return PodWire(connection, why)

    async def _authorization(self) -> dict[str, str]:
        """The header that requests carry now. Requests come first, so a token that ended was read anew by them."""
        import httpx2  # noqa: PLC0415

        auth = self._client.auth
        if auth is None:
            return {}
        flow = auth.async_auth_flow(httpx2.Request("GET", str(self._config.cluster.server)))
        request = await anext(flow)
        await flow.aclose()
        header = request.headers.get("Authorization")
        return {"Authorization": header} if header else {}


async def open_api(cluster: "Cluster") -> KubernetesApi:
    """Return a connection to a cluster; nothing is asked of it yet.

    Raises:
        Refused: ``kubernetes_unconfigured``.
    """
    try:
        return await asyncio.to_thread(_opened, cluster)
    except ImportError as error:
        raise errors.extra_missing() from error


def _opened(cluster: "Cluster") -> KubernetesApi:
    import httpx2  # noqa: PLC0415
    from lightkube import KubeConfig  # noqa: PLC0415
    from lightkube.config.client_adapter import AsyncClient, ConnectionParams, verify_cluster  # noqa: PLC0415
    from lightkube.core.exceptions import ConfigError  # noqa: PLC0415

    try:
        configs = KubeConfig.from_file(cluster.config) if cluster.config else KubeConfig.from_env()
        config = configs.get(cluster.context or None)
        if config is None or config.user is None:
            raise errors.unconfigured("the context has no user")
        client = AsyncClient(config, ConnectionParams(timeout=httpx2.Timeout(ANSWER_S)))
        context = verify_cluster(config.cluster, config.user, config.abs_file)
    except (ConfigError, OSError, ValueError, KeyError, TypeError) as error:
        raise errors.unconfigured(error) from error
    return KubernetesApi(client, config, context, cluster.namespace or config.namespace)


def _translated(code: int, status: Object) -> SignoffError:
    details = status.get("details") or {}
    if code == errors.NOT_FOUND and details.get("name"):
        return Missing(f"There is no {details.get('kind', 'object')} {details['name']!r}.", code="kubernetes_refused")
    if code == errors.CONFLICT and status.get("reason") == "AlreadyExists":
        return Conflict(str(status.get("message")), code="kubernetes_refused")
    return errors.by_server(code, status)


def _status(content: bytes) -> Object:
    """The ``Status`` that an error answer carries; its text where it is none (a proxy wrote it)."""
    try:
        answer = json.loads(content)
        return answer if isinstance(answer, dict) else {}
    except ValueError:
        return {"message": content[:200].decode(errors="replace")}
