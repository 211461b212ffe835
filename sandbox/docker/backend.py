"""Docker backend: the engine's API starts containers, a raw socket speaks to PID 1.

docker-py blocks, so every call of it runs in a thread. What a command says never goes through it:
the attached stdin and stdout of PID 1 are one socket, which asyncio reads and writes.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from domain import SandboxLost
from sandbox.channel import RunnerChannel
from sandbox.contract import Check, Spec
from sandbox.docker import api as engine_api
from sandbox.docker import errors
from sandbox.docker.api import connect
from sandbox.docker.hardening import LABEL, create_body, runtime_of
from sandbox.docker.isolation import gaps, is_podman
from sandbox.docker.reaper import OWNER, HeldContainer, held, owner, release, sweep
from sandbox.docker.stream import over
from sandbox.egress.gateway import EgressGateway
from sandbox.egress.policy import Egress
from sandbox.egress.proxy import Resolve, Witness, resolve, write_log
from sandbox.egress.upstream import ProxyFor, direct
from sandbox.inside import sources
from sandbox.probe import found_wrong
from sandbox.remote import RemoteSandbox

T = TypeVar("T")
START_S = 60.0
LOOK_S = 10
"""Seconds the engine may take to list what it has."""


class Docker:
    """Leases containers of one engine.

    Args:
        base_url: where it is; None: where the docker command would look.
        timeout_s: how long it may take to answer.
        egress: whom commands of the profile ``packages`` may speak to; None: nobody.
        witness: told about every connection that was tried.
        resolve: finds the addresses of the hosts that may be spoken to.
        proxy_for: says through which proxy they are reached.
        probed: False gives out sandboxes that cannot really work, too; for the attack suite.
        unhardened: True goes on where the engine lacks a protection; somebody has to say so.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        timeout_s: int = 60,
        egress: Egress | None = None,
        witness: Witness = write_log,
        resolve: Resolve = resolve,
        proxy_for: ProxyFor = direct,
        probed: bool = True,
        unhardened: bool = False,
    ) -> None:
        self.address, self._timeout, self._owner = base_url, timeout_s, owner()
        self._egress, self._witness, self._resolve, self._probed = egress, witness, resolve, probed
        self._proxy_for = proxy_for
        self._unhardened, self._filtered, self._podman = unhardened, True, False
        self._sound: set[tuple[str, str]] = set()
        self._client: docker.APIClient | None = None
        self._sandboxes: dict[str, RemoteSandbox] = {}
        self._leaving = set[asyncio.Task[Any]]()
        self._opening = asyncio.Lock()

    async def lease(self, spec: Spec, *, run: str = "") -> RemoteSandbox:
        """See ``Backend.lease``."""
        image = await self._call(spec, partial(engine_api.image, spec.image))
        if not self._sound:  # before the first sandbox: does the engine have what hardening needs?
            info = await self._call(spec, engine_api.info)
            missing, self._podman = gaps(info), is_podman(info)
            if missing and not self._unhardened:
                raise errors.unhardened("; ".join(missing))
            self._filtered = not any("seccomp" in what for what in missing)
        variables = dict(pair.split("=", 1) for pair in image["Config"].get("Env") or () if "=" in pair)
        body = create_body(
            spec,
            image=image["Id"],
            path=variables.get("PATH", ""),
            seccomp=(engine_api.SECCOMP if self._podman else engine_api.profile()) if self._filtered else None,
            labels={OWNER: self._owner, f"{LABEL}.run": run},
        )
        # A name of ours: by it the container is removed even when the engine's answer never came.
        name = f"signoff-{secrets.token_hex(6)}"
        making = asyncio.create_task(self._call(spec, partial(engine_api.create, body, name)))
        try:
            container = (await asyncio.shield(making))["Id"]
            sandbox = await self._start(spec, container, name, image)
            # The first sandbox of an image and a runtime is probed, before anybody else uses it.
            kind = (runtime_of(spec), sandbox.image_digest)
            if self._probed and kind not in self._sound:
                await self._probe(sandbox, spec)
                self._sound.add(kind)
            await sandbox.permit(spec.profile, run=run)
        except BaseException:
            # What was begun in a thread goes on there: wait for it, or the container would stay for ever.
            await asyncio.gather(making, return_exceptions=True)
            await self._discard(name)
            raise
        return sandbox

    def like(self, egress: Egress | None, witness: Witness) -> "Docker":
        """Return another one for the same engine, with other rules for the way out."""
        return Docker(
            base_url=self.address,
            timeout_s=self._timeout,
            egress=egress,
            witness=witness,
            resolve=self._resolve,
            proxy_for=self._proxy_for,
            probed=self._probed,
            unhardened=self._unhardened,
        )

    async def check(self, spec: Spec) -> tuple[Check, ...]:
        """See ``Backend.check``."""
        from sandbox.docker.preflight import preflight  # noqa: PLC0415  it needs this module's types

        return await preflight(self, spec)

    async def held(self) -> tuple[HeldContainer, ...]:
        """List the containers of sandboxes on the engine; nothing is swept. Raises ``Refused`` or ``SandboxLost``."""
        return await self._apart(partial(held, me=self._owner, now=time.time()))

    async def release(self, names: Sequence[str]) -> None:
        """Remove containers, whoever made them: a run that works in one loses it. Raises as ``held`` does."""
        await self._apart(partial(release, names=names))

    async def _apart(self, question: Callable[[docker.APIClient], T]) -> T:
        """Ask over a connection of its own: the one of leases sweeps when it is opened."""

        def asked() -> T:
            with contextlib.closing(connect(self.address, LOOK_S)) as api:
                return question(api)

        try:
            return await asyncio.to_thread(asked)
        except (DockerException, requests.RequestException, OSError) as error:
            raise errors.unreachable(error) from error

    async def close(self) -> None:
        """See ``Backend.close``."""
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._sandboxes.values())))
        if self._client is not None:
            await asyncio.to_thread(self._client.close)
            self._client = None

    async def ask(self, spec: Spec, question: Callable[[docker.APIClient], T]) -> T:
        """Ask the engine something, in a thread. Raises ``Refused`` or ``SandboxLost``."""
        return await self._call(spec, question)

    async def _start(self, spec: Spec, container: str, name: str, image: dict[str, Any]) -> RemoteSandbox:
        attaching = asyncio.create_task(self._call(spec, partial(engine_api.attach, container)))
        try:
            raw = await asyncio.shield(attaching)
        except asyncio.CancelledError:  # the engine answers all the same, and nobody wants the socket any more
            self._leaving.add(attaching)
            attaching.add_done_callback(engine_api.hang_up)
            attaching.add_done_callback(self._leaving.discard)
            raise
        wire = await over(raw)
        # It goes in through standard input: arguments and variables of PID 1 could be read in the sandbox.
        key = secrets.token_bytes(32)
        channel = RunnerChannel(wire, key)
        try:
            await self._call(spec, partial(engine_api.start, container))
            text = sources().encode()
            await channel.start(key + len(text).to_bytes(4, "big") + text, timeout_s=START_S)
        except SandboxLost as error:
            raise errors.not_started(spec, wire.complaint) from error
        finally:
            if not channel.alive:
                await channel.close()
        environment = dict(pair.split("=", 1) for pair in image["Config"].get("Env") or () if "=" in pair)
        sandbox = RemoteSandbox(
            channel,
            sandbox_id=name,
            image_digest=image["Id"],
            environment=environment,
            discard=partial(self._discard, name),
            outside=EgressGateway(self._egress, self._witness, self._resolve, self._proxy_for),
        )
        self._sandboxes[name] = sandbox
        return sandbox

    async def _probe(self, sandbox: RemoteSandbox, spec: Spec) -> None:
        problem = await found_wrong(sandbox, runtime_of(spec))
        if problem is not None and not (self._unhardened and problem[0] == "unhardened"):
            raise errors.by_probe(spec, *problem)

    async def _discard(self, container: str) -> None:
        """Kill and remove; what is gone already is fine."""
        self._sandboxes.pop(container, None)
        client = self._client
        if client is not None:
            # A container whose orchestrator hung up ends and is removed by the engine itself.
            with contextlib.suppress(DockerException, requests.RequestException):
                await asyncio.to_thread(client.remove_container, container, force=True)

    async def _call(self, spec: Spec, question: Callable[[docker.APIClient], T]) -> T:
        """Run a call of docker-py in a thread and translate what it raises."""
        try:
            async with self._opening:
                if self._client is None:

                    def opened() -> docker.APIClient:
                        api = connect(self.address, self._timeout)
                        sweep(api, self._owner)
                        return api

                    self._client = await asyncio.to_thread(opened)
                client = self._client
            asking = asyncio.ensure_future(asyncio.to_thread(question, client))
            try:
                return await asyncio.shield(asking)
            finally:  # who gives up waits for the answer: what is done next must not overtake it
                await asyncio.wait([asking])
        except ImageNotFound as error:
            raise errors.image_missing(spec) from error
        except (APIError, NotFound) as error:
            raise errors.by_engine(spec, error) from error
        except (DockerException, requests.RequestException, OSError) as error:
            raise errors.unreachable(error) from error
