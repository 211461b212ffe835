"""Tokens of API keys and sessions: their format, a fresh one, and the parts of one that was given.

``KIND_ENV_ID_SECRET_CHECKSUM``: the checksum lets a scanner and us tell a key from what only looks like one.
"""

import hashlib
import hmac
import secrets
import zlib

from domain import value
from service.errors import refuse

SECRET_BYTES = 32
_PARTS = 5


@value
class KeyToken:
    """A token in its parts."""

    kind: str
    """``ak``: API key, ``st``: login session."""
    env: str
    id: str
    secret: str

    @property
    def text(self) -> str:
        """As it is shown, once."""
        body = f"{self.kind}_{self.env}_{self.id}_{self.secret}"
        return f"{body}_{checksum(body)}"

    def mac(self, pepper: bytes) -> str:
        """What is stored."""
        return hmac.new(pepper, self.text.encode(), hashlib.sha256).hexdigest()


def new_token(kind: str, env: str = "live") -> KeyToken:
    """A fresh one, with 256 random bits."""
    return KeyToken(kind=kind, env=env, id=secrets.token_hex(6), secret=secrets.token_hex(SECRET_BYTES))


def read_token(text: str) -> KeyToken:
    """Take a token apart. Raises ``key_invalid`` for anything that never was one."""
    parts = text.split("_")
    # ``compare_digest`` takes no text beyond ASCII.
    if len(parts) != _PARTS or parts[0] not in {"ak", "st"} or not text.isascii():
        raise refuse("key_invalid", "This is no API key.")
    kind, env, id_, secret, crc = parts
    if not hmac.compare_digest(checksum(f"{kind}_{env}_{id_}_{secret}"), crc):
        raise refuse("key_invalid", "This API key is mistyped or cut off.")
    return KeyToken(kind=kind, env=env, id=id_, secret=secret)


def checksum(body: str) -> str:
    """CRC-32 as eight hexadecimal digits."""
    return f"{zlib.crc32(body.encode()):08x}"
