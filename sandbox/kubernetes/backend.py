"""Kubernetes backend: a lease is a SandboxClaim on a warm pool, and PID 1 of its pod is spoken to by ``attach``.

The pool is the cluster's: pods wait there with an interpreter that has not heard its key yet. What runs in them, and
how they are kept from the network, is the template's; each pod is looked at before it is used.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from typing import TYPE_CHECKING, Any, Final

from domain import Refused, SandboxLost, SignoffError
from domain.errors import Missing
from sandbox.channel import RunnerChannel
from sandbox.contract import Check, Spec
from sandbox.egress.gateway import EgressGateway
from sandbox.egress.policy import Egress
from sandbox.egress.proxy import Resolve, Witness, resolve, write_log
from sandbox.inside import SYSTEM_PATH, sources
from sandbox.kubernetes import errors
from sandbox.kubernetes.api import KubernetesApi, open_api
from sandbox.kubernetes.claims import Claims
from sandbox.kubernetes.pods import ending, gaps, ways_out
from sandbox.probe import found_wrong
from sandbox.remote import RemoteSandbox

if TYPE_CHECKING:
    from sandbox.backends import Cluster

START_S: Final = 60.0
_POD_NAME: Final = "agents.x-k8s.io/pod-name"
_LOOK_S, _LOOK_MOST_S = 0.25, 4.0
"""A kubelet reports what became of a container a moment after its streams ended."""
_REACH = """
import socket, sys
for host, port in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        socket.create_connection((host, int(port)), 2).close()
        print(host, port)
    except OSError:
        pass
"""

Object = dict[str, Any]


class Kubernetes:
    """Leases pods of one cluster.

    Args:
        cluster: which one, and which of its pools.
        egress: whom commands of the profile ``packages`` may speak to; None: nobody.
        witness: told about every connection that was tried.
        resolve: finds the addresses of the hosts that may be spoken to.
        unhardened: True goes on where pods lack a protection; somebody has to say so.
    """

    def __init__(
        self,
        cluster: "Cluster",
        *,
        egress: Egress | None = None,
        witness: Witness = write_log,
        resolve: Resolve = resolve,
        unhardened: bool = False,
    ) -> None:
        self._cluster, self._unhardened = cluster, unhardened
        self._egress, self._witness, self._resolve = egress, witness, resolve
        self._owner = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        self._api: KubernetesApi | None = None
        self._claims: Claims | None = None
        self._opening = asyncio.Lock()
        self._sandboxes: dict[str, RemoteSandbox] = {}
        self._pods: dict[str, str] = {}
        self._sound = set[tuple[str, str]]()

    @property
    def pool(self) -> str:
        """The SandboxWarmPool that is claimed from."""
        return self._cluster.pool

    def like(self, egress: Egress | None, witness: Witness) -> "Kubernetes":
        """Return a backend of the same cluster whose commands may speak to somebody else."""
        return Kubernetes(
            self._cluster, egress=egress, witness=witness, resolve=self._resolve, unhardened=self._unhardened
        )

    async def lease(self, spec: Spec, *, run: str = "") -> RemoteSandbox:
        """See ``Backend.lease``. Image and limits are the template's.

        Raises:
            Refused: ``kubernetes_unconfigured``, ``kubernetes_denied``, ``agent_sandbox_missing``,
                ``warm_pool_missing``, ``sandbox_unhardened``, ``network_not_isolated`` …
            Exhausted: ``kubernetes_quota``.
            SandboxLost: ``kubernetes_unreachable``, ``sandbox_not_ready``, or the pod ended.
        """
        api, claims = await self._connected()
        # A name of ours: by it the claim is removed even when the server's answer never came.
        name = f"signoff-{secrets.token_hex(6)}"
        making = asyncio.create_task(claims.make(name, run))
        try:
            await asyncio.shield(making)
            made = await claims.ready(name, within_s=self._cluster.ready_s)
            pod_name = str((made["metadata"].get("annotations") or {}).get(_POD_NAME) or made["metadata"]["name"])
            self._pods[name] = pod_name
            pod, policies = await asyncio.gather(
                api.get(api.path("v1", "pods", pod_name)),
                api.get(api.path("networking.k8s.io/v1", "networkpolicies")),
            )
            self._judge(spec, pod, policies.get("items") or [])
            sandbox = await self._start(api, name, pod)
            await self._probe(api, sandbox, pod)
            await sandbox.permit(spec.profile, run=run)
        except BaseException as error:
            # What was begun goes on at the server: wait for it, or the claim would stay until its lease ends.
            await asyncio.gather(making, return_exceptions=True)
            await asyncio.shield(self._discard(name))
            if isinstance(error, Missing):  # the pod, just now
                raise SandboxLost(f"The sandbox is gone: {error.message}") from error
            raise
        return sandbox

    async def check(self, spec: Spec) -> tuple[Check, ...]:
        """See ``Backend.check``."""
        from sandbox.kubernetes.preflight import preflight  # noqa: PLC0415  it needs this module's types

        return await preflight(self, spec)

    async def connect(self) -> KubernetesApi:
        """Return the connection to the API server. Raises ``Refused``."""
        return (await self._connected())[0]

    def pod_of(self, sandbox_id: str) -> str | None:
        """The name of a sandbox's pod; None when it is none of ours."""
        return self._pods.get(sandbox_id)

    async def close(self) -> None:
        """See ``Backend.close``."""
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._sandboxes.values())))
        if self._claims is not None:
            await self._claims.close()
            self._claims = None
        if self._api is not None:
            await self._api.close()
            self._api = None

    async def _connected(self) -> tuple[KubernetesApi, Claims]:
        async with self._opening:
            if self._api is None or self._claims is None:
                self._api = await open_api(self._cluster)
                self._claims = Claims(self._api, pool=self._cluster.pool, owner=self._owner)
                with contextlib.suppress(SignoffError):  # a lease says better what is wrong
                    await self._claims.sweep()
            return self._api, self._claims

    def _judge(self, spec: Spec, pod: Object, policies: list[Object]) -> None:
        """Refuse a pod that is not what a sandbox must be, by what the cluster says of it."""
        runtime = str(pod["spec"].get("runtimeClassName") or "")
        if not runtime.startswith(spec.runtime):
            raise errors.runtime_unsupported(f"{spec.runtime} was asked for, the pod has {runtime or 'the default'}")
        if self._unhardened:
            return
        if missing := gaps(pod):
            raise errors.unhardened("; ".join(missing))
        if ways := ways_out(pod, policies):
            raise errors.not_isolated("; ".join(ways))

    async def _start(self, api: KubernetesApi, name: str, pod: Object) -> RemoteSandbox:
        pod_name, container = str(pod["metadata"]["name"]), pod["spec"]["containers"][0]

        async def why(status: str) -> str:
            return await _ending(api, pod_name, str(pod["metadata"].get("uid"))) or status or "its connection broke"

        wire = await api.attach(pod_name, container["name"], why)
        # It goes in through standard input: arguments and variables of PID 1 could be read in the sandbox.
        key = secrets.token_bytes(32)
        channel = RunnerChannel(wire, key)
        try:
            text = sources().encode()
            await channel.start(key + len(text).to_bytes(4, "big") + text, timeout_s=START_S)
        except SandboxLost as error:
            if any(word in wire.complaint for word in (b"SyntaxError", b"ModuleNotFoundError", b"ImportError")):
                raise errors.image_unsuitable("its Python is too old or incomplete") from error
            raise
        finally:
            if not channel.alive:
                await channel.close()
        states = (pod.get("status") or {}).get("containerStatuses") or [{}]
        sandbox = RemoteSandbox(
            channel,
            sandbox_id=name,
            image_digest=str(states[0].get("imageID") or container["image"]),
            environment={each["name"]: each["value"] for each in container.get("env") or [] if "value" in each},
            discard=lambda: self._discard(name),
            outside=EgressGateway(self._egress, self._witness, self._resolve),
        )
        self._sandboxes[name] = sandbox
        return sandbox

    async def _probe(self, api: KubernetesApi, sandbox: RemoteSandbox, pod: Object) -> None:
        """Try the first sandbox of an image on each node, before it is used: policies are enforced by nodes."""
        kind = (str(pod["spec"].get("nodeName")), sandbox.image_digest)
        if kind in self._sound:
            return
        runtime = str(pod["spec"].get("runtimeClassName") or "runc")
        problem = await found_wrong(sandbox, runtime, network="policy")
        if problem is not None and not (self._unhardened and problem[0] == "unhardened"):
            raise errors.by_probe(*problem)
        # Where policies are only written down, the API server can be reached from every pod.
        host, port = api.server
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        targets = [
            part for address in dict.fromkeys(each[4][0] for each in found) for part in (str(address), str(port))
        ]
        ran = await sandbox.run(
            ["python3", "-I", "-S", "-c", _REACH, *targets[:8]], cwd="/", env={"PATH": SYSTEM_PATH}, timeout_s=30.0
        )
        if not ran.ok:
            raise errors.runtime_unsupported(f"the network could not be tried: {ran.stderr.text()[-200:]}")
        if (reached := ran.stdout.text().strip()) and not self._unhardened:
            raise errors.not_isolated(f"{reached} can be reached from a pod that a policy forbids it")
        self._sound.add(kind)

    async def _discard(self, name: str) -> None:
        """Give the claim back; what is gone already is fine."""
        sandbox = self._sandboxes.pop(name, None)
        self._pods.pop(name, None)
        if sandbox is not None:
            await sandbox.close()
        if self._claims is not None:
            await self._claims.give_back(name)


async def _ending(api: KubernetesApi, pod_name: str, uid: str) -> str | None:
    """Ask what became of a pod, until it is known or not worth waiting for."""
    known: str | None = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LOOK_MOST_S):
            while known is None:
                try:
                    pod = await api.get(api.path("v1", "pods", pod_name))
                    # A pod that was removed is made anew under its name, which is another sandbox.
                    known = ending(pod if pod["metadata"].get("uid") == uid else None)
                except Missing:
                    known = ending(None)
                except (SandboxLost, Refused) as error:
                    known = f"its connection broke. {error.message}"
                if known is None:
                    await asyncio.sleep(_LOOK_S)
    return known
