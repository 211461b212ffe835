"""Claims: a lease of a sandbox is a SandboxClaim on a warm pool, and it ends by itself unless it is renewed.

The lease is the claim's ``shutdownTime``: the controller removes the claim and its pod at that time, whether or not
there is an orchestrator left to ask for it. Nothing is in a claim's ``env``: one that has any is started cold.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from domain import SandboxLost, SignoffError
from domain.errors import Conflict, Missing
from sandbox.kubernetes import errors
from sandbox.kubernetes.api import MERGE, KubernetesApi
from sandbox.kubernetes.manifests import AGENTS, EXTENSIONS, MANAGED, VERSION

LEASE_S: Final = 900.0
"""How long a claim lives without being renewed."""
RENEW_S: Final = 180.0
_FINISHED_S: Final = 30
"""How long a claim stays whose pod ended: long enough to ask what it died of."""
_OVERDUE_S: Final = 300.0
_AGAIN_S: Final = 0.1
OWNER: Final = "signoff.dev/owner"
RUN: Final = "signoff.dev/run"
_CLAIMS: Final = f"{EXTENSIONS}/{VERSION}"
_AGENTS: Final = f"{AGENTS}/{VERSION}"

Object = dict[str, Any]


def claim_body(name: str, *, pool: str, owner: str, run: str, now: float) -> Object:
    """Return the claim of one sandbox."""
    return {
        "apiVersion": _CLAIMS,
        "kind": "SandboxClaim",
        "metadata": {"name": name, "labels": dict(MANAGED), "annotations": {OWNER: owner, RUN: run}},
        "spec": {
            "warmPoolRef": {"name": pool},
            "lifecycle": {
                "shutdownTime": instant(now + LEASE_S),
                "shutdownPolicy": "Delete",
                "ttlSecondsAfterFinished": _FINISHED_S,
            },
        },
    }


def instant(at: float) -> str:
    """Return a moment as Kubernetes writes it, in whole seconds."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: object) -> float | None:
    """Return seconds since the epoch; None where there is no moment."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def ready_sandbox(claim: Mapping[str, Any], pool: str) -> str | None:
    """Return the name of the Sandbox that a claim got; None: it has none that is ready yet.

    Raises:
        SignoffError: it will not get one.
    """
    reason, message, ready = readiness(claim)
    if ready:
        return str(((claim.get("status") or {}).get("sandbox") or {}).get("name") or "") or None
    error = errors.by_claim(pool, reason, message)
    if error is not None:
        raise error
    return None


def readiness(claim: Mapping[str, Any]) -> tuple[str, str, bool]:
    """Return reason, message and state of the condition ``Ready``."""
    for each in (claim.get("status") or {}).get("conditions") or []:
        if each.get("type") == "Ready":
            return str(each.get("reason", "")), str(each.get("message", "")), each.get("status") == "True"
    return "", "", False


def overdue(claim: Mapping[str, Any], now: float) -> bool:
    """Tell whether a claim should have been removed by its controller and was not."""
    until = moment(((claim.get("spec") or {}).get("lifecycle") or {}).get("shutdownTime"))
    return until is not None and now - until > _OVERDUE_S


class Claims:
    """The claims of this process: made, waited for, renewed and given back."""

    def __init__(self, api: KubernetesApi, *, pool: str, owner: str) -> None:
        self._api, self._pool, self._owner = api, pool, owner
        self._held = set[str]()
        self._renewing: asyncio.Task[None] | None = None
        self._ahead_s = 0.0
        """How much the cluster's clock is ahead of ours."""

    async def make(self, name: str, run: str) -> None:
        """Ask for a sandbox. Made twice under one name it is one. Raises as ``KubernetesApi.request`` does."""
        self._held.add(name)
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
        body = claim_body(name, pool=self._pool, owner=self._owner, run=run, now=self._now())
        try:
            claim = await self._api.request("POST", self._path(), body=body)
        except Conflict:  # the answer to the first try was lost
            return
        made = moment((claim.get("metadata") or {}).get("creationTimestamp"))
        if made is not None:
            self._ahead_s = made - time.time()

    async def ready(self, name: str, *, within_s: float) -> Object:
        """Return the Sandbox of a claim once it is ready.

        Raises:
            SandboxLost: ``sandbox_not_ready``, or the claim was removed.
            Refused: the pool, its template or the claim is not what it must be.
            Exhausted: ``kubernetes_quota``.
        """
        claim: Object = {}
        deadline = time.monotonic() + within_s
        try:
            async with asyncio.timeout(within_s):
                while True:
                    try:
                        claim = await self._api.get(self._path(name))
                    except Missing as error:
                        raise SandboxLost("The claim of the sandbox was removed by somebody else.") from error
                    got = ready_sandbox(claim, self._pool)
                    left = deadline - time.monotonic()
                    version = str(claim["metadata"].get("resourceVersion", ""))
                    if got is None:
                        async for changed in self._api.watch(self._path(), name=name, version=version, seconds=left):
                            if not changed:
                                break
                            claim = changed
                            if (got := ready_sandbox(claim, self._pool)) is not None:
                                break
                    if got is not None:
                        return await self._sandbox(got, claim)
                    await asyncio.sleep(_AGAIN_S)  # a watch that ends at once must not be a flood
        except TimeoutError as error:
            reason, message, _ = readiness(claim)
            raise errors.never_ready(within_s, reason, message) from error

    async def give_back(self, name: str) -> None:
        """Remove a claim; its pod goes with it. What the cluster does not take now ends with its lease."""
        self._held.discard(name)
        with contextlib.suppress(SignoffError):
            await self._api.request("DELETE", self._path(name), tries=2)

    async def sweep(self) -> tuple[str, ...]:
        """Remove claims of ours, of whichever process, that outlived their lease; return the names."""
        selector = ",".join(f"{key}={text}" for key, text in MANAGED.items())
        listed = await self._api.request("GET", self._path(), parameters={"labelSelector": selector}, tries=1)
        late = [each["metadata"]["name"] for each in listed.get("items") or [] if overdue(each, self._now())]
        for name in late:
            with contextlib.suppress(Missing):
                await self._api.request("DELETE", self._path(name))
        return tuple(late)

    async def renew(self) -> None:
        """Move the end of every held claim further away."""
        until = {"spec": {"lifecycle": {"shutdownTime": instant(self._now() + LEASE_S)}}}
        for name in tuple(self._held):
            # One that is gone is noticed by its channel; a server that is away is asked again in time.
            with contextlib.suppress(SignoffError):
                await self._api.request("PATCH", self._path(name), body=until, content_type=MERGE)

    async def close(self) -> None:
        """Stop renewing."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            self._renewing = None

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            await self.renew()

    async def _sandbox(self, name: str, claim: Object) -> Object:
        try:
            sandbox = await self._api.get(self._api.path(_AGENTS, "sandboxes", name))
        except Missing as error:
            raise SandboxLost("The sandbox of the claim was removed by somebody else.") from error
        owners = [
            each.get("uid") for each in sandbox["metadata"].get("ownerReferences") or [] if each.get("controller")
        ]
        if owners != [claim["metadata"].get("uid")]:
            raise SandboxLost("The sandbox of the claim belongs to another claim.")
        return sandbox

    def _path(self, name: str = "") -> str:
        return self._api.path(_CLAIMS, "sandboxclaims", name)

    def _now(self) -> float:
        return time.time() + self._ahead_s
