"""Kubelet of the cluster: every pod is a Docker container with the limits and the protection that its spec says."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, NotFound
from starlette.websockets import WebSocket, WebSocketDisconnect

import sandbox
from tests.worlds.kube.store import Key, Object, Store

NODE = "node-1"
SECCOMP = Path(sandbox.__file__).parent / "docker" / "seccomp.json"
UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def amount(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([KMG]i)?", text).groups("")
    return int(number) * UNITS[unit]


def container_body(pod: Object, *, network: str, profiles: Mapping[str, str], pids: int) -> Object:
    """Translate a pod into the body of Docker's create request. What it leaves out, the pod did not ask for."""
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    own = container.get("securityContext", {})
    both = {**spec.get("securityContext", {}), **own}
    volumes = {each["name"]: each.get("emptyDir", {}) for each in spec.get("volumes", [])}
    limits = container.get("resources", {}).get("limits", {})
    where = both.get("seccompProfile", {}).get("localhostProfile")
    # A memory-backed emptyDir: a tmpfs of that size, open to all. Docker gives a tmpfs the mode of the image's folder
    # there, so here it belongs to the pod's user.
    mounts = {
        each["mountPath"]: f"rw,exec,uid={both.get('runAsUser', 0)},size={amount(volumes[each['name']]['sizeLimit'])}"
        for each in container.get("volumeMounts", [])
        if volumes[each["name"]].get("medium") == "Memory"
    }
    return {
        "Image": container["image"],
        "Entrypoint": container.get("command"),
        "Cmd": container.get("args", []),
        "Env": [f"{each['name']}={each['value']}" for each in container.get("env", [])],
        "User": f"{both.get('runAsUser', 0)}:{both.get('runAsGroup', 0)}",
        "WorkingDir": container.get("workingDir", ""),
        "Hostname": "" if network == "host" else spec.get("hostname", ""),
        "Labels": {"signoff.tests.kube": "1"},
        "OpenStdin": container.get("stdin", False),
        "StdinOnce": container.get("stdinOnce", False),
        "Tty": container.get("tty", False),
        "HostConfig": {
            "NetworkMode": network,
            "CapDrop": own.get("capabilities", {}).get("drop", []),
            "ReadonlyRootfs": own.get("readOnlyRootFilesystem", False),
            "SecurityOpt": [
                *([] if own.get("allowPrivilegeEscalation", True) else ["no-new-privileges:true"]),
                *([f"seccomp={profiles[where]}"] if where else []),
            ],
            "PidsLimit": pids,
            "Tmpfs": mounts,
            "Memory": amount(limits["memory"]) if "memory" in limits else 0,
            "NanoCpus": int(limits["cpu"].rstrip("m")) * 1_000_000 if "cpu" in limits else 0,
            "LogConfig": {"Type": "none", "Config": {}},
        },
    }


class Kubelet:
    """Starts the container of each pod, reports on it, and ends it with the pod."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.network = "none"
        """What a network plugin makes of the policies; ``host``: it does nothing about them."""
        self.unschedulable = False
        self.out_of_memory = False
        """Whether what ends now ended for want of memory."""
        self.pids = 256
        """``podPidsLimit``."""
        self.profiles = {"signoff.json": SECCOMP.read_text()}
        """What lies in its folder of seccomp profiles."""
        self.attached: dict[str, WebSocket] = {}
        self._api = docker.from_env().api
        self._containers: dict[str, str] = {}
        self._tasks = set[asyncio.Task]()

    def sync(self) -> None:
        """Look at every pod once."""
        pods = {each["metadata"]["uid"]: (key, each) for key, each in self.store.all("", "pods")}
        for uid, (key, pod) in pods.items():
            if uid not in self._containers and not pod.get("status", {}).get("phase") and not self.unschedulable:
                self._containers[uid] = ""
                self._do(self._run(uid, key, pod))
        for uid in [uid for uid in self._containers if uid not in pods]:
            if container := self._containers.pop(uid):
                self._do(self._remove(container))

    async def close(self) -> None:
        await asyncio.gather(*(self._remove(each) for each in self._containers.values() if each))
        self._containers.clear()
        await asyncio.wait_for(asyncio.gather(*self._tasks, return_exceptions=True), 20)
        self._api.close()

    def container(self, pod: Object) -> str:
        return self._containers[pod["metadata"]["uid"]]

    async def kill(self, pod: Object) -> None:
        await asyncio.to_thread(self._api.kill, self.container(pod))

    async def attach(self, pod: Object, connection: WebSocket) -> None:
        """Carry bytes between the web socket and the container, until either ends."""
        raw = await asyncio.to_thread(
            self._api.attach_socket, self.container(pod), {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        )
        own = socket.socket(fileno=raw._sock.detach())
        own.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=own, limit=4 << 20)
        self.attached[pod["metadata"]["name"]] = connection
        try:
            done, rest = await asyncio.wait(
                {
                    asyncio.create_task(self._from_container(reader, connection)),
                    asyncio.create_task(self._to_container(connection, writer)),
                },
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in rest:
                task.cancel()
            await asyncio.gather(*done, *rest, return_exceptions=True)
        finally:
            writer.close()

    async def _from_container(self, reader: asyncio.StreamReader, connection: WebSocket) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(8)
                data = await reader.readexactly(int.from_bytes(head[4:], "big"))
                for start in range(0, len(data), 16 << 10):  # a kubelet reads in small pieces
                    await connection.send_bytes(head[:1] + data[start : start + (16 << 10)])
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await connection.send_bytes(b'\x03{"metadata":{},"status":"Success"}')
            await connection.close(1000)

    async def _to_container(self, connection: WebSocket, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(WebSocketDisconnect, ConnectionError):
            while True:
                data = await connection.receive_bytes()
                if data[:1] == b"\xff":  # v5: close a channel
                    writer.write_eof()
                elif data[:1] == b"\x00":
                    writer.write(data[1:])
                    await writer.drain()

    async def _run(self, uid: str, key: Key, pod: Object) -> None:
        body = container_body(pod, network=self.network, profiles=self.profiles, pids=self.pids)
        try:
            made = (await asyncio.to_thread(self._api.create_container_from_config, body))["Id"]
        except APIError as error:
            waiting = {"waiting": {"reason": "ErrImagePull", "message": str(error.explanation)}}
            self._report(uid, key, {"phase": "Pending", "containerStatuses": [{"name": "sandbox", "state": waiting}]})
            return
        if uid not in self._containers:  # the pod went meanwhile
            await self._remove(made)
            return
        self._containers[uid] = made
        waited = self._do(asyncio.to_thread(self._wait, made))
        await asyncio.to_thread(self._api.start, made)
        digest = (await asyncio.to_thread(self._api.inspect_container, made))["Image"]
        running: dict[str, Any] = {
            "name": pod["spec"]["containers"][0]["name"],
            "imageID": digest,
            "ready": True,
            "state": {"running": {}},
        }
        ready = [{"type": "Ready", "status": "True"}]
        status = {"phase": "Running", "podIP": "10.0.0.9", "containerStatuses": [running], "conditions": ready}
        self._report(uid, key, status)
        ended = await waited
        oom, code = ended
        oom = oom or self.out_of_memory
        terminated = {"exitCode": code, "reason": "OOMKilled" if oom else "Error" if code else "Completed"}
        over = {**running, "ready": False, "state": {"terminated": terminated}}
        phase = "Failed" if code else "Succeeded"
        gone = [{"type": "Ready", "status": "False", "reason": "PodFailed" if code else "PodCompleted"}]
        self._report(uid, key, {**status, "phase": phase, "containerStatuses": [over], "conditions": gone})

    def _wait(self, container: str) -> tuple[bool, int]:
        try:
            code = self._api.wait(container, condition="next-exit", timeout=600)["StatusCode"]
            return self._api.inspect_container(container)["State"]["OOMKilled"], code
        except (APIError, OSError):
            return False, 137

    def _report(self, uid: str, key: Key, status: Object) -> None:
        current = self.store.objects.get(key)
        if current is not None and current["metadata"]["uid"] == uid:
            evicted = current.get("status", {}).get("reason") == "Evicted"

            def report(each: Object) -> None:
                each["status"] = {**each.get("status", {}), **status, **({"phase": "Failed"} if evicted else {})}
                each["spec"].setdefault("nodeName", NODE)

            self.store.change(key, report)

    async def _remove(self, container: str) -> None:
        with contextlib.suppress(NotFound, APIError):
            await asyncio.to_thread(self._api.remove_container, container, force=True)

    def _do(self, work: Any) -> asyncio.Task:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
