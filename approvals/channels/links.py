"""Signed links to the confirm page. A link shows; only its form, with a CSRF token and a login, decides."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from approvals.contract import Clock
from approvals.errors import refusal
from database import instant, micros
from domain import Refused, value

_MIN_KEY = 32


@value
class LinkTicket:
    """What a link says: which approval, as which bytes, until when."""

    id: str
    ballot: str
    org: str
    action_digest: str
    until: datetime

    def spent_by(self, person: str) -> str:
        """The name under which one person's use is remembered: two humans may sign by the same link, once each."""
        return hashlib.sha256(f"{self.id}:{person}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Makes and reads links, and the CSRF tokens of their pages."""

    key: bytes = field(repr=False)
    """At least 32 secret bytes."""
    clock: Clock

    def __post_init__(self) -> None:
        if len(self.key) < _MIN_KEY:
            raise Refused(
                "The link key must have at least 32 bytes.",
                code="link_key_invalid",
                hint="Make one with: openssl rand -hex 32",
            )

    def issue(self, *, ballot: str, org: str, action_digest: str, until: datetime) -> str:
        """A token for ``/a/{token}``, valid until the ballot's deadline."""
        fields = [secrets.token_hex(8), ballot, org, action_digest, micros(until)]
        data = json.dumps(fields, separators=(",", ":")).encode()
        return f"{_text(data)}.{_text(self._mac(b'link', data))}"

    def read(self, token: str) -> LinkTicket:
        """What a token says. Reading has no effect, however often.

        Raises:
            Refused: ``link_invalid`` (404) or ``link_expired`` (410).
        """
        encoded, _, mac = token.partition(".")
        data = _bytes(encoded)
        # The signature before the content: what is parsed below are our own bytes.
        if not hmac.compare_digest(self._mac(b"link", data), _bytes(mac)):
            raise refusal("link_invalid", "There is no such link.")
        ticket = _ticket(data)
        if self.clock() >= ticket.until:
            raise refusal("link_expired", "This link has expired.")
        return ticket

    def csrf(self, ticket: LinkTicket, session: str) -> str:
        """The token of the form on this ticket's page, for one login session."""
        hour = micros(self.clock()) // micros_in(timedelta(hours=1))
        return self._csrf(ticket, session, hour)

    def ensure_csrf(self, ticket: LinkTicket, session: str, sent: str) -> None:
        """Refuse a form that did not come from our page in this session. Raises ``csrf_invalid`` (403)."""
        hour = micros(self.clock()) // micros_in(timedelta(hours=1))
        # This hour's and the last one's: reading a large change takes its time.
        fresh = [self._csrf(ticket, session, hour - back) for back in range(2)]
        if not session or not any([hmac.compare_digest(token, sent) for token in fresh if sent.isascii()]):  # noqa: C419
            raise refusal("csrf_invalid", "This form is not from the page you were shown, or the page is too old.")

    def form_token(self, session: str) -> str:
        """The token of every form that one login session is shown outside of a ticket's page."""
        return _text(self._mac(b"form", session.encode()))

    def ensure_form(self, session: str, sent: str) -> None:
        """Refuse a form that did not come from a page of this session. Raises ``csrf_invalid`` (403)."""
        if not session or not sent.isascii() or not hmac.compare_digest(self.form_token(session), sent):
            raise refusal("csrf_invalid", "This form is not from a page that you were shown.")

    def _csrf(self, ticket: LinkTicket, session: str, hour: int) -> str:
        return _text(self._mac(b"csrf", json.dumps([ticket.id, ticket.ballot, session, hour]).encode()))

    def _mac(self, purpose: bytes, data: bytes) -> bytes:
        # The purpose is signed, too: a token of one kind is none of the other.
        return hmac.new(self.key, purpose + b"\0" + data, hashlib.sha256).digest()


def micros_in(span: timedelta) -> int:
    """Microseconds in a span of time."""
    return span // timedelta(microseconds=1)


_SAID = TypeAdapter(tuple[str, str, str, str, int])


def _ticket(data: bytes) -> LinkTicket:
    try:
        id_, ballot, org, digest, until = _SAID.validate_json(data)
        return LinkTicket(id=id_, ballot=ballot, org=org, action_digest=digest, until=instant(until))
    except (ValidationError, OverflowError):  # signed by an older version of the house
        raise refusal("link_invalid", "There is no such link.") from None


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
