"""The whole cluster in a thread of its own: server, controllers and kubelet, and what a test does to them."""

import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sandbox import Limits, Spec
from sandbox.kubernetes import Cluster, cluster_manifests
from tests.worlds.kube.controllers import Controllers
from tests.worlds.kube.kubelet import Kubelet
from tests.worlds.kube.server import ApiServer
from tests.worlds.kube.store import KINDS, Key, Object, Store

NAMESPACE = "agents"
TOKEN = "a-token-of-the-service-account"  # noqa: S105
SMALL = Spec(limits=Limits(memory_mb=512, work_mb=128, tmp_mb=64, file_mb=256))


def certificate(folder: Path) -> Path:
    """Write a certificate of our own for 127.0.0.1, with its key; return its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


@dataclass
class KubeCluster:
    """A running cluster. Everything but ``options`` works on its own loop: use ``do`` from a test."""

    options: Cluster
    server: ApiServer
    store: Store
    controllers: Controllers
    kubelet: Kubelet
    loop: asyncio.AbstractEventLoop

    async def do(self, work: Callable[[], Any]) -> Any:
        """Do something on the cluster's loop, between two of its steps."""

        async def done() -> Any:
            outcome = work()
            return await outcome if isinstance(outcome, Awaitable) else outcome

        return await asyncio.wrap_future(self.submit(done()))

    def submit(self, work: Coroutine[Any, Any, Any]) -> Future:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    async def all(self, group: str, plural: str) -> list[Object]:
        return await self.do(lambda: [each for _, each in self.store.all(group, plural)])

    async def until(self, true: Callable[[], bool], seconds: float = 20) -> None:
        """Wait until something holds, looked at after every change."""

        async def holds() -> None:
            async with asyncio.timeout(seconds):
                while not true():
                    waiting = asyncio.Queue()
                    self.store.watching.add(waiting)
                    try:
                        await waiting.get()
                    finally:
                        self.store.watching.discard(waiting)

        await self.do(holds)

    async def apply(self, *objects: Object) -> None:
        await self.do(lambda: [self.put(each) for each in objects])

    def put(self, each: Object) -> None:
        if each["kind"] in {"Namespace", "RoleBinding"}:
            return
        if each["kind"] == "Role":
            self.server.rules = each["rules"]
            return
        group, plural = next(key for key, known in KINDS.items() if known == (each["apiVersion"], each["kind"]))
        key = Key(group, plural, NAMESPACE, each["metadata"]["name"])
        self.server._validate(key, each)
        if key in self.store.objects:
            self.store.change(key, lambda old: old.update(spec=each["spec"]))
        else:
            self.store.create(key, {name: each[name] for name in ("metadata", "spec")})

    def pool(self, name: str) -> Cluster:
        """Options for another pool."""
        return replace(self.options, pool=name)


def objects(spec: Spec = SMALL, *, pool: str = "signoff-sandbox", replicas: int = 0, seccomp: str = "") -> list[Object]:
    """What ``signoff sandbox manifests`` would print for this cluster."""
    return cluster_manifests(spec, namespace=NAMESPACE, pool=pool, replicas=replicas, seccomp=seccomp)


@contextlib.contextmanager
def kube_cluster(folder: Path, *, replicas: int = 1) -> Generator[KubeCluster]:
    """Start a cluster on loopback with our manifests applied, and end it with every container of its pods."""
    pem = certificate(folder)
    ready: Future[KubeCluster] = Future()
    stop = threading.Event()

    async def serve() -> None:
        store = Store()
        kubelet, controllers = Kubelet(store), Controllers(store)
        server = ApiServer(store, kubelet, TOKEN)
        config = uvicorn.Config(
            server.application(),
            port=0,
            ssl_certfile=pem,
            log_level="critical",
            lifespan="off",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,
        )
        uvicorn_server = uvicorn.Server(config)
        serving = asyncio.create_task(uvicorn_server.serve())
        while not uvicorn_server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = uvicorn_server.servers[0].sockets[0].getsockname()[1]
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(kubeconfig_of(f"https://127.0.0.1:{port}", pem, TOKEN)))
        options = Cluster(config=kubeconfig, ready_s=20)
        cluster = KubeCluster(options, server, store, controllers, kubelet, asyncio.get_running_loop())
        for each in objects(replicas=replicas):
            cluster.put(each)
        ready.set_result(cluster)
        while not stop.is_set():
            store.changed.clear()
            controllers.reconcile()
            kubelet.sync()
            with contextlib.suppress(TimeoutError):  # expiry is a matter of time
                await asyncio.wait_for(store.changed.wait(), 0.2)
        await kubelet.close()
        uvicorn_server.should_exit = True
        await serving

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    thread = threading.Thread(target=run, name="kube")
    thread.start()
    try:
        yield ready.result(30)
    finally:
        stop.set()
        thread.join(60)


def kubeconfig_of(server: str, authority: Path, token: str) -> Object:
    data = base64.b64encode(authority.read_bytes().split(b"-----BEGIN PRIVATE")[0]).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority-data": data}}],
        "users": [{"name": "signoff", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "signoff", "namespace": NAMESPACE}}],
        "current-context": "test",
    }
