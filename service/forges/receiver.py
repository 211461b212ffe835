"""Receiver of a forge's web hooks: verified, seen once, judged by the policy, and written down before it is answered.

Answers to what is signed are 2xx also where nothing comes of it: GitLab switches a hook off after four others, and
anybody may write a comment.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from typing import Final

from approvals import refusal
from approvals.channels import refused_answer, verify_github, verify_standard
from approvals.storage import HookAnswer
from domain import Refused
from domain.text import OddJson, read_json
from forges.inbound import Failed, ForgeEvent, ForgeHook, Ignored, Reviewed, admit, ensure_timely, event_json, parsed
from service.errors import refuse
from service.forges.events import ForgeEvents, ReceivedEvent

SETTLE: Final = timedelta(seconds=5)
"""The comments of one review come as so many events: they are waited for, and asked as one."""


Verify = Callable[[Mapping[str, str], bytes, Sequence[str], datetime], str]
"""Headers (names in lower case), body, secrets, now → the message's id. Raises ``signature_invalid``."""
SIGNING: Final = "whsec_"


def verify_gitlab(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> str:
    """GitLab's signing token (Standard Webhooks), or its older secret token, which is a password and signs nothing.

    https://docs.gitlab.com/user/project/integrations/webhooks
    """
    signing = [secret for secret in secrets if secret.startswith(SIGNING)]
    if signing and "webhook-signature" in headers:
        return verify_standard(headers, body, signing, now)
    sent = headers.get("x-gitlab-token", "").encode("utf-8", "replace")
    passwords = [secret.encode() for secret in secrets if not secret.startswith(SIGNING)]
    if not any([compare_digest(sent, password) for password in passwords]):  # noqa: C419 - the time tells not which
        raise refusal("signature_invalid", "This message cannot be trusted: no token matches.")
    # Nothing signs the delivery id: what was sent identifies the message.
    return hashlib.sha256(body).hexdigest()


VERIFY: Final[Mapping[str, Verify]] = {
    "github": lambda headers, body, secrets, _: verify_github(headers, body, secrets),
    "gitlab": verify_gitlab,
}
"""By the kind of the forge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeWebhooks:
    """Receives. Never raises for what a sender did wrong: that is an answer, too."""

    events: ForgeEvents
    clock: Callable[[], datetime]
    hooks: Sequence[ForgeHook] = ()
    kinds: Mapping[str, str] = field(default_factory=dict[str, str])
    """Forges by name: ``github``, ``gitlab``."""
    settle: timedelta = SETTLE

    async def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> HookAnswer:
        """Handle one request; the same message again starts nothing again.

        Raises:
            Transient: the database cannot be reached; nothing was taken, the forge says so.
        """
        lower = {key.lower(): text for key, text in headers.items()}
        now = self.clock()
        try:
            hook = next((each for each in self.hooks if each.name == name), None)
            if hook is None:
                raise refusal("hook_unknown", "There is no such hook.")
            kind = self.kinds[hook.forge]
            # Verified before anything is remembered or parsed: a stranger fills no table and reaches no parser.
            message = VERIFY[kind](lower, body, hook.secrets, now)
            event = parsed(kind, lower, _payload(body), hook)
        except Refused as no:
            return refused_answer(no)
        if isinstance(event, Ignored):
            return HookAnswer(status=200, body={"ignored": event.because})
        try:
            ensure_timely(event, now)
            row = self._row(hook, event, message, body, now)
        except Refused as no:
            return HookAnswer(status=200, body={"refused": no.stable_code, "title": no.message, "hint": no.hint})
        known = await self.events.add(row)
        if known.body_digest != row.body_digest:
            return refused_answer(refusal("hook_reused", "This message id was used before, for other bytes."))
        again = known.received_at != row.received_at
        return HookAnswer(
            status=200 if again else 202, body={"accepted": known.id, **({"again": True} if again else {})}
        )

    def _row(self, hook: ForgeHook, event: ForgeEvent, message: str, body: bytes, now: datetime) -> ReceivedEvent:
        """What is written down of an event that the policy lets in."""
        admitted = admit(hook, event)
        place = event.place
        return ReceivedEvent(
            id=hashlib.sha256(f"{hook.name}\0{message}".encode()).hexdigest(),
            hook=hook.name,
            org=hook.org,
            kind=event.kind,
            # Branches fail for reasons of their own.
            place=f"{hook.forge}:{place.repo.lower()}:{place.kind}:"
            f"{event.branch[:60] if isinstance(event, Failed) else place.number}",
            body_digest=hashlib.sha256(body).hexdigest(),
            event=event_json(event),
            subject=admitted.subject,
            outside=admitted.outside,
            due_at=now + self.settle if isinstance(event, Reviewed) else now,
            received_at=now,
        )


def _payload(body: bytes) -> object:
    try:
        # ``json.loads`` takes the last of two equal keys; who checked the message before us may have seen the first.
        return read_json(body)
    except OddJson as odd:
        raise refuse(
            "request_invalid",
            f"The body {odd}.",
            hint="Set the content type of the hook to application/json.",
        ) from None
