"""Keys of an installation in a backup: encrypted by a passphrase (scrypt, AES-GCM), or not in it at all.

With the keys and the rows one can sign audit checkpoints, read the names in the audit and forge links of approvals. So
no backup has them in clear.
"""

import base64
import hashlib
import json
import re
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain import Refused
from service.backup.manifest import damaged

SEALED: Final = "keys.sealed"
SHORTEST = 12
"""Characters of a passphrase: whoever has the backup may try as many as they like."""
COST = 1 << 16
"""Of scrypt (RFC 7914), with blocks of 8: 64 MiB and a quarter of a second for each guess."""
_ABOUT = b"signoff backup keys 1"
_NAME = re.compile(r"[a-z0-9-]{1,64}\.key", re.ASCII)


def read_passphrase(path: Path) -> str:
    """Return the first line of a file. Raises ``passphrase_unfit``."""
    try:
        passphrase = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise _unfit(f"The passphrase cannot be read from {path}: {error}.") from error
    if len(passphrase) < SHORTEST:
        raise _unfit(f"The passphrase in {path} has less than {SHORTEST} characters.")
    return passphrase


def seal_keys(folder: Path, passphrase: str) -> bytes:
    """Return every key of a folder, encrypted."""
    keys = {path.name: path.read_bytes().hex() for path in sorted(folder.glob("*.key")) if _NAME.fullmatch(path.name)}
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    cipher = AESGCM(_derived(passphrase, salt)).encrypt(nonce, json.dumps(keys).encode(), _ABOUT)
    parts = {"salt": salt, "nonce": nonce, "keys": cipher}
    return json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()}).encode()


def unseal_keys(sealed: bytes, passphrase: str) -> dict[str, bytes]:
    """Return the keys by the names of their files. Raises ``passphrase_wrong``, ``backup_damaged``."""
    try:
        parts = {name: base64.b64decode(part, validate=True) for name, part in json.loads(sealed).items()}
        plain = AESGCM(_derived(passphrase, parts["salt"])).decrypt(parts["nonce"], parts["keys"], _ABOUT)
        keys = {name: bytes.fromhex(key) for name, key in json.loads(plain).items()}
    except InvalidTag as error:
        raise Refused(
            "The keys of the backup do not open with this passphrase.",
            code="passphrase_wrong",
            hint="Use the one of that backup, or --without-keys and copy the folder `keys` yourself.",
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(SEALED) from error
    if not all(map(_NAME.fullmatch, keys)):
        raise damaged(SEALED)
    return keys


def _derived(passphrase: str, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.encode(), salt=salt, n=COST, r=8, p=1, maxmem=128 << 20, dklen=32)


def _unfit(message: str) -> Refused:
    return Refused(
        message,
        code="passphrase_unfit",
        hint="Write a long one into a file that only you can read: openssl rand -base64 24 >passphrase",
    )
