"""Secrets this installation makes for itself on first use, readable for its owner only."""

import os
import secrets
from pathlib import Path

KEY_BYTES = 32


def own_key(folder: Path, name: str) -> bytes:
    """Return the 32-byte key ``name``, made on first use.

    Two processes may start at once: whoever links the file first wins, and both read the winner's.
    """
    path = folder / f"{name}.key"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        try:
            # Linked and not renamed: a link fails where the name is taken, a rename would replace the winner's key.
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()
