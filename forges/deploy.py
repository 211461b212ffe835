"""Deploy hook: a signed request to deploy exactly one commit, as Standard Webhooks writes it.

The message's id is that of the approval, on every attempt: a receiver that has taken it answers the same again and
deploys once (https://www.standardwebhooks.com, idempotency).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase

import httpx
from standardwebhooks import Webhook

from domain import Refused, Transient
from domain.errors import Conflict
from forges.registry import DeployEntry

TIMEOUT_S = 30.0
_ALREADY = 409


class DeployUnanswered(Transient):
    code = "deploy_unanswered"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployOrder:
    """What is to be deployed, and by whose signatures."""

    repository: str
    commit: str
    tree: str
    branch: str
    run: str
    ballot: str
    digest: str
    signed_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployHooks:
    """The hooks that are configured."""

    entries: Sequence[DeployEntry] = ()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    client: Callable[[], httpx.AsyncClient] = field(
        default=lambda: httpx.AsyncClient(follow_redirects=False, timeout=TIMEOUT_S)
    )

    def named_for(self, repository: str) -> DeployEntry:
        """The hook of a repository.

        Raises:
            Refused: ``deploy_unknown``.
        """
        for entry in self.entries:
            if any(fnmatchcase(repository, pattern) for pattern in entry.repositories):
                return entry
        raise Refused(
            "No deploy hook is configured for this repository.",
            code="deploy_unknown",
            hint="Name it under `deploys` in the file of SIGNOFF_FORGES, or deliver it another way.",
        )

    async def send(self, name: str, order: DeployOrder) -> None:
        """Ask for the deployment; sent again it is the same request.

        Raises:
            Refused: ``deploy_unknown`` (the hook was taken out), ``deploy_refused``.
            DeployUnanswered: it is not known whether the request arrived.
        """
        entry = next((each for each in self.entries if each.name == name), None)
        if entry is None:
            raise Refused(
                f"There is no deploy hook {name!r} in the configuration.",
                code="deploy_unknown",
                hint="Put it back into the file of SIGNOFF_FORGES.",
            )
        at, id_ = self.clock(), f"deploy_{order.ballot}"
        body = json.dumps(
            {
                "type": "deploy.requested",
                "timestamp": at.isoformat(),
                "data": {
                    "repository": order.repository,
                    "commit": order.commit,
                    "tree": order.tree,
                    "branch": order.branch,
                    "run": order.run,
                    "approval_id": order.ballot,
                    "action_digest": order.digest,
                    "signed_by": list(order.signed_by),
                },
            },
            separators=(",", ":"),
        )
        headers = {
            "content-type": "application/json",
            "user-agent": "signoff",
            "webhook-id": id_,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(Webhook(secret).sign(id_, at, body) for secret in entry.secrets),
        }
        try:
            async with (
                self.client() as client,
                client.stream("POST", entry.url, content=body, headers=headers) as answer,
            ):
                status = answer.status_code  # the body is never read
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise _unanswered(name, type(error).__name__) from None
        if httpx.codes.is_success(status) or status == _ALREADY:
            return
        if httpx.codes.is_server_error(status) or status in {408, 425, 429}:
            raise _unanswered(name, f"it answered {status}")
        raise Conflict(
            f"The deploy hook {name} refused the request ({status}).",
            code="deploy_refused",
            hint="See what its receiver says. The commit is where the run says; nothing was deployed by this request.",
        )


def _unanswered(name: str, why: str) -> DeployUnanswered:
    return DeployUnanswered(
        f"The deploy hook {name} did not answer ({why}).",
        hint="Look whether it arrived. signoff resume RUN sends the same request under the same id: it is taken once.",
    )
