"""A GitHub app that is installed on a forge on loopback: its key, and what its installation may."""

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from forges import ForgeUser
from tests.worlds.forge_server import ForgeServer

GRANTED = {"contents": "write", "pull_requests": "write", "issues": "write", "statuses": "write", "metadata": "read"}
"""What deliveries and votes need."""


def installed(server: ForgeServer, **permissions: str) -> dict[str, Any]:
    """Let nobody in but the installation of an app; returns what its entry has instead of a token."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    server.app_key = key.public_key().public_bytes(serialization.Encoding.PEM, public).decode()
    server.permissions = {**GRANTED, **permissions}
    server.twin.user = ForgeUser(login="acme-signoff[bot]", id="9", bot=True)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return {"token": None, "app": {"id": "12", "slug": "acme-signoff", "installation": 34, "key": pem}}
