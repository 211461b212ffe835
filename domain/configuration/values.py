"""Configuration that people write, read as a value: secrets in files of their own, faults that repeat none. Pure."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from domain.errors import Refused
from domain.text import yaml_value

SHORTEST_SECRET = 24
"""Bytes of what signs a web hook."""
_FILE, _SIGNING = "file:", "whsec_"
T = TypeVar("T")


def configured(shape: type[T], text: str, read: Callable[[str], str]) -> T:
    """YAML as a value of ``shape``, with what ``file:/run/secrets/ci`` names in place of it.

    ``read`` gives the text of a file that is named so.

    Raises:
        ValueError: what is wrong and where, without repeating what might be a secret.
    """
    try:
        raw = yaml_value(text) or {}
    except ValueError:
        raise ValueError("this is not YAML") from None
    try:
        return TypeAdapter[T](shape).validate_python(_with_secrets(raw, read))
    except ValidationError as error:
        # ``from None``: pydantic's own error repeats what it was given.
        raise ValueError(explained(error)) from None
    except UnicodeError:
        raise ValueError("the file of a secret is not UTF-8") from None


def explained(error: ValidationError, *, most: int = 5) -> str:
    """What is wrong and where, for people: the first faults, and no value."""
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:most])


def signing_key(secret: str) -> bytes:
    """The bytes of a ``whsec_`` secret.

    Raises:
        Refused: ``hook_secret_invalid``: not base64, or shorter than 24 bytes.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_SIGNING), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_SIGNING) or len(key) < SHORTEST_SECRET:
        raise Refused(
            "A web hook secret must be whsec_ and base64 of at least 24 bytes.",
            code="hook_secret_invalid",
            hint='Make one with: echo "whsec_$(openssl rand -base64 32)"',
        )
    return key


def _with_secrets(node: Any, read: Callable[[str], str]) -> Any:
    if isinstance(node, dict):
        return {key: _with_secrets(part, read) for key, part in node.items()}
    if isinstance(node, list):
        return [_with_secrets(part, read) for part in node]
    if isinstance(node, str) and node.startswith(_FILE):
        return read(node.removeprefix(_FILE)).strip()
    return node
